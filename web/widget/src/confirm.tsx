import { useEffect, useRef } from "preact/hooks";

import type { Translate, Word } from "./words";

interface Props {
  title: Word;
  text: Word;
  yes: Word;
  t: Translate;
  act(): void;
  close(): void;
}

/** A question before something that cannot be undone. */
export function Confirm({ title, text, yes, t, act, close }: Props) {
  const panel = useRef<HTMLElement>(null);
  useEffect(() => panel.current?.focus(), []);
  return (
    <section id="confirm" class="panel" ref={panel} tabIndex={-1} role="group" aria-labelledby="confirm-title" aria-describedby="confirm-text">
      <h3 id="confirm-title">{t(title)}</h3>
      <p id="confirm-text">{t(text)}</p>
      <div class="acts">
        <button type="button" class="primary" onClick={act}>
          {t(yes)}
        </button>
        <button type="button" onClick={close}>
          {t("cancel")}
        </button>
      </div>
    </section>
  );
}
