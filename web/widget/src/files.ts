// Files chosen for the next message, and how far each has come.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";

import type { Embed } from "./embed";
import { size } from "./naming";
import { attachmentOf, upload, type Upload } from "./upload";
import type { Attachment } from "./shapes";
import type { Facts } from "./talk";
import type { Word } from "./words";

export interface Chosen {
  key: number;
  file: File;
  percent: number;
  ready?: { id: string; attachment: Attachment };
  /** What is wrong; one that was not refused for itself can be tried again. */
  wrong?: { word: Word; size?: string; again: boolean };
}

export interface Files {
  chosen: Chosen[];
  add(files: Iterable<File>): void;
  again(key: number): void;
  remove(key: number): void;
  clear(): void;
}

function placeOf(embed: Embed): URL {
  const place = new URL("chat-api/files", embed.base);
  if (embed.account !== null) place.searchParams.set("account", embed.account);
  return place;
}

export function useFiles(embed: Embed, facts: Facts, token: () => string | null): Files {
  const [chosen, setChosen] = useState<Chosen[]>([]);
  const uploads = useRef(new Map<number, Upload>());
  const count = useRef(0);
  const change = useCallback((key: number, more: Partial<Chosen>) => {
    setChosen((all) => all.map((one) => (one.key === key ? { ...one, ...more } : one)));
  }, []);
  useEffect(() => () => uploads.current.forEach((one) => one.stop()), []);

  const start = (key: number, file: File) => {
    const uploading = upload(placeOf(embed), token() ?? "", file, (share) => change(key, { percent: Math.floor(share * 100) }));
    uploads.current.set(key, uploading);
    uploading.done.then(
      (uploaded) => change(key, { ready: { id: uploaded.id, attachment: attachmentOf(uploaded) } }),
      (status: number) => change(key, { wrong: wrongBy(status, facts) }),
    );
  };
  const remove = (key: number) => {
    uploads.current.get(key)?.stop();
    uploads.current.delete(key);
    setChosen((all) => all.filter((one) => one.key !== key));
  };
  return {
    chosen,
    add: (files) => {
      const added = [...files].map((file): Chosen => {
        const wrong = wrongOf(file, facts);
        return { key: count.current++, file, percent: 0, ...(wrong ? { wrong } : {}) };
      });
      setChosen((all) => [...all, ...added]);
      for (const one of added) if (!one.wrong) start(one.key, one.file);
    },
    again: (key) => {
      const one = chosen.find((other) => other.key === key);
      if (!one) return;
      const { wrong: _, ...fresh } = one;
      setChosen((all) => all.map((other) => (other.key === key ? { ...fresh, percent: 0 } : other)));
      start(key, one.file);
    },
    remove,
    clear: () => setChosen([]),
  };
}

function wrongOf(file: File, facts: Facts): Chosen["wrong"] {
  if (facts.file_bytes !== undefined && file.size > facts.file_bytes) return tooLarge(facts);
  const refused = facts.file_types && file.type && !facts.file_types.includes(file.type);
  return refused ? { word: "wrongType", again: false } : undefined;
}

function wrongBy(status: number, facts: Facts): NonNullable<Chosen["wrong"]> {
  if (status === 413) return tooLarge(facts);
  if (status === 415) return { word: "wrongType", again: false };
  return { word: "uploadFailed", again: true };
}

function tooLarge(facts: Facts): NonNullable<Chosen["wrong"]> {
  return { word: "tooLarge", size: size(facts.file_bytes ?? 0), again: false };
}
