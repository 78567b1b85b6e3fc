// Files for a reply: uploaded as soon as they are chosen, dropped or pasted, and sent with it.

import { ActionIcon, CloseButton, Loader } from "@mantine/core";
import { useRef, useState } from "react";

import { ask, Refusal } from "./api";
import { problemWords, sizeWords } from "./describe";
import { Icon } from "./icons";
import type { SentFile } from "./outbox";
import { useWords } from "./words";

const MOST = 10;

interface Failed {
  name: string;
  why: string;
}

export interface Uploads {
  /** Whether this server takes files at all. */
  offered: boolean;
  loading: string[];
  failed: Failed[];
  add: (files: FileList) => void;
}

let offered = true;

export function useUploads(onDone: (file: SentFile) => void): Uploads {
  const words = useWords();
  const [loading, setLoading] = useState<string[]>([]);
  const [failed, setFailed] = useState<Failed[]>([]);

  async function upload(file: File): Promise<void> {
    setLoading((before) => [...before, file.name]);
    try {
      const headers = {
        "Content-Type": file.type || "application/octet-stream",
        "X-File-Name": encodeURIComponent(file.name),
      };
      onDone(await ask<SentFile>("POST", "/files", { raw: { body: file, headers } }));
    } catch (error) {
      offered = offered && !(error instanceof Refusal && error.status === 404);
      setFailed((before) => [...before, { name: file.name, why: problemWords(error, words) }]);
    } finally {
      setLoading((before) => before.filter((name) => name !== file.name));
    }
  }

  function add(files: FileList): void {
    if (!offered) return;
    setFailed([]);
    for (const file of [...files].slice(0, MOST)) void upload(file);
  }

  return { offered, loading, failed, add };
}

export function AttachButton({ uploads }: { uploads: Uploads }) {
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
          if (event.currentTarget.files) uploads.add(event.currentTarget.files);
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
  onRemove: (id: string) => void;
}

export function Attachments({ files, uploads, onRemove }: AttachmentsProps) {
  const words = useWords();
  const { t } = words;
  if (!files.length && !uploads.loading.length && !uploads.failed.length) return null;
  return (
    <ul className="attaching">
      {files.map((file) => (
        <li key={file.id}>
          <Icon name="attach" size={15} />
          <span dir="auto">{file.name}</span>
          <span className="soft">{sizeWords(file.size, words)}</span>
          <CloseButton size="sm" aria-label={t("compose.attach.remove", { name: file.name })} onClick={() => onRemove(file.id)} />
        </li>
      ))}
      {uploads.loading.map((name) => (
        <li key={name}>
          <Loader size={14} />
          <span>{t("compose.attach.loading", { name })}</span>
        </li>
      ))}
      {uploads.failed.map(({ name, why }) => (
        <li key={name} className="bad" role="alert">
          {t("compose.attach.failed", { name, why })}
        </li>
      ))}
    </ul>
  );
}
