import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { RefObject } from "preact";

import type { Chosen, Files } from "./files";
import { Icon } from "./icons";
import type { Facts } from "./talk";
import type { Translate } from "./words";

const TALLEST = 140; // pixels
const NEARLY = 0.9; // of the limit: from there on the letters left are told

interface Props {
  field: RefObject<HTMLTextAreaElement | null>;
  draft: string;
  facts: Facts;
  files: Files;
  t: Translate;
  keepDraft(text: string): void;
  typed(): void;
  send(text: string): void;
}

/** Where the customer writes. */
export function Composer({ field, draft, facts, files, t, keepDraft, typed, send }: Props) {
  const [text, setText] = useState(draft);
  const picker = useRef<HTMLInputElement>(null);
  const limit = facts.text_limit ?? Infinity;
  const length = [...text].length; // as the server counts
  const waiting = files.chosen.some((one) => !one.ready);
  const empty = !text.trim() && files.chosen.length === 0;
  const [refused, setRefused] = useState(false);

  useLayoutEffect(() => {
    const it = field.current;
    if (!it) return;
    it.style.height = "auto";
    it.style.height = `${Math.min(it.scrollHeight + 2, TALLEST)}px`;
  }, [text]);

  const submit = () => {
    if (empty) return;
    setRefused(waiting);
    if (waiting || length > limit) return;
    send(text.trim());
    setText("");
    keepDraft("");
    field.current?.focus();
  };
  const take = (event: Event, taken: FileList | undefined | null) => {
    if (facts.file_bytes === undefined || !taken?.length) return;
    event.preventDefault();
    files.add(taken);
    field.current?.focus();
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      {files.chosen.length > 0 && <ChosenFiles files={files} t={t} />}
      <p class={length > limit ? "count over" : "count"} id="count" role="status">
        {length > limit
          ? t("over", { count: length - limit })
          : length > limit * NEARLY
            ? t("left", { count: limit - length })
            : refused && waiting
              ? t("waitForFiles")
              : ""}
      </p>
      <div class="row">
        <textarea
          id="text"
          ref={field}
          rows={1}
          dir="auto"
          autocomplete="off"
          enterkeyhint="send"
          value={text}
          placeholder={t("placeholder")}
          aria-label={t("placeholder")}
          aria-describedby="count"
          aria-invalid={length > limit}
          onInput={(event) => {
            setText(event.currentTarget.value);
            keepDraft(event.currentTarget.value);
            typed();
          }}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
            event.preventDefault();
            submit();
          }}
          onPaste={(event) => take(event, event.clipboardData?.files)}
        />
        {facts.file_bytes !== undefined && (
          <>
            <input
              ref={picker}
              type="file"
              class="vh"
              tabIndex={-1}
              multiple
              accept={facts.file_types?.join(",")}
              aria-label={t("attach")}
              onChange={(event) => {
                take(event, event.currentTarget.files);
                event.currentTarget.value = "";
              }}
            />
            <button type="button" class="icon" id="attach" aria-label={t("attach")} onClick={() => picker.current?.click()}>
              <Icon of="clip" />
            </button>
          </>
        )}
        <button type="submit" class="primary send" aria-label={t("send")} aria-disabled={empty || waiting || length > limit}>
          <Icon of="send" />
        </button>
      </div>
    </form>
  );
}

function ChosenFiles({ files, t }: { files: Files; t: Translate }) {
  return (
    <ul class="files" aria-label={t("files")}>
      {files.chosen.map((one) => (
        <li key={one.key} class={one.wrong ? "wrong" : ""}>
          <Icon of={one.wrong ? "alert" : "file"} />
          <p>
            <span class="name">{one.file.name}</span>
            <span class="how" role="status">
              {how(one, t)}
            </span>
          </p>
          {one.wrong?.again && (
            <button type="button" class="quiet" onClick={() => files.again(one.key)}>
              {t("retry")}
            </button>
          )}
          <button type="button" class="icon" aria-label={`${t("remove")}: ${one.file.name}`} onClick={() => files.remove(one.key)}>
            <Icon of="close" />
          </button>
        </li>
      ))}
    </ul>
  );
}

function how({ ready, wrong, percent }: Chosen, t: Translate): string {
  if (wrong) return t(wrong.word, { size: wrong.size ?? "" });
  return ready ? t("uploaded") : t("uploading", { percent });
}
