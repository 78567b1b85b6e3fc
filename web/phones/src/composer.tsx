// Where the customer writes.

import { type Length, lengthOf } from "@samtal/shared/length";
import { store, stored } from "@samtal/shared/storage";
import { useEffect, useId, useState } from "preact/hooks";

import { opening } from "./links";
import type { Person } from "./people";
import { type Account, keyOf, type Writing } from "./server";
import type { Say } from "./texts";

interface ComposerProps {
  account: Account;
  name: string;
  person: Person;
  say: Say;
  fault: string;
  filled: string | null;
  onFilled(): void;
  onSend(writing: Writing): Promise<boolean>;
  field: { current: HTMLTextAreaElement | null };
}

export function Composer({ account, name, person, say, fault, filled, onFilled, onSend, field }: ComposerProps) {
  const [draft, setDraft] = useDraft(`samtal.phones.draft.${keyOf(account)}/${person.user}`);
  const id = useId();
  const length = lengthOf(draft, account);
  const over = length.used > length.limit;
  const link = opening(draft);
  useEffect(() => {
    if (filled === null) return;
    setDraft(() => filled);
    onFilled();
    field.current?.focus();
  }, [filled]);

  const submit = async () => {
    const text = draft.trim();
    if (!text || over) return;
    setDraft(() => "");
    field.current?.focus();
    const sent = await onSend(link ?? { text });
    if (!sent) setDraft((now) => [text, now].filter(Boolean).join("\n"));
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <textarea
        ref={field}
        rows={1}
        value={draft}
        placeholder={say("placeholder")}
        aria-label={say("write", { channel: name })}
        aria-describedby={id}
        aria-invalid={over}
        onInput={(event) => {
          const { value } = event.currentTarget;
          setDraft(() => value);
        }}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          void submit();
        }}
      />
      <button type="submit">{say(link ? "open" : "send")}</button>
      <p id={id} class="hint" role="status" data-bad={over || fault !== ""}>
        {over
          ? say("too_long", { used: length.used, limit: length.limit })
          : fault || (link ? say("link") : hint(say, length))}
      </p>
    </form>
  );
}

// The length is told when it matters: on SMS beyond one, elsewhere near the limit.
function hint(say: Say, { used, limit, sms }: Length): string {
  if (sms && sms.segments > 1) return say("length_sms", { used, segments: sms.segments });
  return used > limit * 0.8 ? say("length", { used, limit }) : "";
}

function useDraft(key: string) {
  const [draft, setDraft] = useState(() => stored(key) ?? "");
  useEffect(() => store(key, draft || null), [key, draft]);
  return [draft, setDraft] as const;
}
