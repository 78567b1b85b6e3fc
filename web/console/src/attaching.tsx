// Files of a reply: uploaded as they are chosen, shown before they are sent, and sent by their ids.

import { ActionIcon, CloseButton, Loader } from "@mantine/core";
import { useEffect, useRef, useState } from "react";

import { ask, Refusal } from "./api";
import { problemWords, shortName, sizeWords } from "./describe";
import { Icon } from "./icons";
import type { AttachmentType } from "./model";
import type { SentFile } from "./outbox";
import { useWords } from "./words";

const MOST = 10;
const PICTURES = ["image/png", "image/jpeg", "image/gif", "image/webp"];

interface Loading {
  key: string;
  file: File;
  preview: string | null;
}

interface Failed {
  key: string;
  name: string;
  why: string;
}

export interface Uploads {
  /** Whether this server takes files at all. */
  offered: boolean;
  loading: Loading[];
  failed: Failed[];
  add: (files: FileList, already: number) => void;
  dismiss: (key: string) => void;
}

let offered = true;
let count = 0;

// The pictures that were chosen in this page, by the ids of their files.
const previews = new Map<string, string>();

/** The files go: with a reply, or because they were taken out. */
export function forgetPreviews(files: SentFile[]): void {
  for (const { id } of files) {
    const preview = previews.get(id);
    if (preview) URL.revokeObjectURL(preview);
    previews.delete(id);
  }
}

export function useUploads(onDone: (file: SentFile) => void): Uploads {
  const words = useWords();
  const [loading, setLoading] = useState<Loading[]>([]);
  const [failed, setFailed] = useState<Failed[]>([]);

  async function upload(one: Loading): Promise<void> {
    const { file, preview } = one;
    setLoading((before) => [...before, one]);
    try {
      const headers = {
        "Content-Type": file.type || "application/octet-stream",
        "X-File-Name": encodeURIComponent(file.name),
      };
      const sent = await ask<SentFile>("POST", "/files", { raw: { body: file, headers } });
      if (preview) previews.set(sent.id, preview);
      onDone(sent);
    } catch (error) {
      offered = offered && !(error instanceof Refusal && error.status === 404);
      if (preview) URL.revokeObjectURL(preview);
      fail(file.name, problemWords(error, words));
    } finally {
      setLoading((before) => before.filter((other) => other !== one));
    }
  }

  function fail(name: string, why: string): void {
    setFailed((before) => [...before, { key: `failed ${++count}`, name, why }]);
  }

  function add(files: FileList, already: number): void {
    if (!offered) return;
    setFailed([]);
    const room = MOST - already - loading.length;
    [...files].forEach((file, index) => {
      if (index >= room) return fail(file.name, words.t("compose.attach.most", { n: MOST }));
      const preview = PICTURES.includes(file.type) ? URL.createObjectURL(file) : null;
      void upload({ key: `loading ${++count}`, file, preview });
    });
  }

  const dismiss = (key: string) => setFailed((before) => before.filter((one) => one.key !== key));
  return { offered, loading, failed, add, dismiss };
}

/** What a file is for channels, which may carry some kinds only. */
export function kindOf(mediaType: string): AttachmentType {
  const [kind] = mediaType.split("/");
  return kind === "image" || kind === "video" || kind === "audio" ? kind : "file";
}

interface AttachButtonProps {
  uploads: Uploads;
  already: number;
}

export function AttachButton({ uploads, already }: AttachButtonProps) {
  const { t } = useWords();
  const chooser = useRef<HTMLInputElement>(null);
  return (
    <>
      <input
        ref={chooser}
        type="file"
        multiple
        hidden
        onChange={(event) => {
          if (event.currentTarget.files) uploads.add(event.currentTarget.files, already);
          event.currentTarget.value = "";
        }}
      />
      <ActionIcon
        variant="subtle"
        color="gray"
        size={36}
        className="quiet"
        aria-label={t("compose.attach")}
        title={t("compose.attach")}
        onClick={() => chooser.current?.click()}
      >
        <Icon name="attach" />
      </ActionIcon>
    </>
  );
}

interface AttachmentsProps {
  files: SentFile[];
  uploads: Uploads;
  onRemove: (file: SentFile) => void;
  /** The last one is gone, and with it the button that had the keyboard. */
  onEmpty: () => void;
}

export function Attachments({ files, uploads, onRemove, onEmpty }: AttachmentsProps) {
  const words = useWords();
  const { t } = words;
  const list = useRef<HTMLUListElement>(null);
  const removedAt = useRef<number | null>(null);
  useEffect(() => {
    if (removedAt.current === null) return;
    const left = list.current?.querySelectorAll("button") ?? [];
    const next = left[Math.min(removedAt.current, left.length - 1)];
    removedAt.current = null;
    if (next) next.focus();
    else onEmpty();
  });

  function remove(index: number, forget: () => void): void {
    removedAt.current = index;
    forget();
  }

  if (!files.length && !uploads.loading.length && !uploads.failed.length) return null;
  return (
    <ul ref={list} className="attaching" aria-label={t("compose.attach.files")}>
      {files.map((file, index) => (
        <li key={file.id}>
          <Thumb preview={pictureOf(file)} mediaType={file.media_type} />
          <span className="attaching-about">
            <span className="attaching-name" dir="auto" title={file.name}>
              {file.name}
            </span>
            <span className="soft">{aboutWords(file.name, file.media_type, file.size)}</span>
          </span>
          <CloseButton size="md" aria-label={t("compose.attach.remove", { name: file.name })} onClick={() => remove(index, () => onRemove(file))} />
        </li>
      ))}
      {uploads.loading.map(({ key, file, preview }) => (
        <li key={key} aria-busy="true">
          <Thumb preview={preview} mediaType={file.type} />
          <span className="attaching-about">
            <span className="attaching-name" dir="auto">
              {t("compose.attach.loading", { name: shortName(file.name) })}
            </span>
            <span className="soft">{aboutWords(file.name, file.type, file.size)}</span>
          </span>
          <Loader size={18} />
        </li>
      ))}
      {uploads.failed.map(({ key, name, why }, index) => (
        <li key={key} className="bad">
          <span role="alert">{t("compose.attach.failed", { name: shortName(name), why })}</span>
          <CloseButton size="md" aria-label={t("compose.attach.remove", { name })} onClick={() => remove(files.length + index, () => uploads.dismiss(key))} />
        </li>
      ))}
    </ul>
  );

  function aboutWords(name: string, mediaType: string, size: number): string {
    const ending = /\.(\w{1,5})$/.exec(name)?.[1]?.toUpperCase();
    return [ending ?? t(`attachment.${kindOf(mediaType)}`), sizeWords(size, words)].join(" · ");
  }
}

// One that was chosen before this page was loaded is shown from the server.
function pictureOf({ id, name, media_type: mediaType }: SentFile): string | null {
  return previews.get(id) ?? (PICTURES.includes(mediaType) ? `/files/${id}/${encodeURIComponent(name)}` : null);
}

function Thumb({ preview, mediaType }: { preview: string | null; mediaType: string }) {
  const [broken, setBroken] = useState(false);
  return (
    <span className="thumb">
      {preview && !broken ? (
        <img src={preview} alt="" onError={() => setBroken(true)} />
      ) : (
        <Icon name={kindOf(mediaType) === "image" ? "image" : "file"} size={22} />
      )}
    </span>
  );
}
