import { useEffect, useRef, useState } from "preact/hooks";

import type { Identity, NotProven } from "./identity";
import type { Say } from "./identity-words";
import type { Target } from "./shapes";

interface Props {
  identity: Identity;
  target: Target;
  say: Say;
  cancel: string;
  /** Write the code, as the message that it is. */
  type(code: string): void;
  close(): void;
}

/** Show that a phone number is one's own: it gets a code, which is written here. */
export function Prove({ identity, target, say, cancel, type, close }: Props) {
  const [number, setNumber] = useState("");
  const [sentTo, setSentTo] = useState<string | null>(null);
  const [code, setCode] = useState("");
  const [wrong, setWrong] = useState<NotProven | null>(null);
  const [busy, setBusy] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), [sentTo]);
  const send = async () => {
    if (busy || number.trim() === "") return field.current?.focus();
    setBusy(true);
    const found = await identity.prove(target, number.trim());
    setBusy(false);
    setWrong(found);
    if (found === null) setSentTo(number.trim());
    else field.current?.focus();
  };
  const use = () => (code.trim() === "" ? field.current?.focus() : type(code.trim()));
  const asks = sentTo === null;
  return (
    <section id="prove" class="panel" aria-labelledby="prove-title">
      <h3 id="prove-title">{say("proveTitle")}</h3>
      <p id="prove-text" role="status">{asks ? say("proveText") : say("proveSent", { number: sentTo })}</p>
      <form
        class="prove"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          if (asks) void send();
          else use();
        }}
      >
        {asks ? (
          <label key="number">
            {say("proveNumber")}
            <input
              ref={field}
              type="tel"
              name="tel"
              autocomplete="tel"
              value={number}
              aria-describedby="prove-wrong"
              aria-invalid={wrong === "number"}
              onInput={(event) => setNumber(event.currentTarget.value)}
            />
          </label>
        ) : (
          <label key="code">
            {say("proveCode")}
            <input
              ref={field}
              type="text"
              name="code"
              autocomplete="one-time-code"
              autocapitalize="characters"
              spellcheck={false}
              value={code}
              aria-describedby="prove-text"
              onInput={(event) => setCode(event.currentTarget.value)}
            />
          </label>
        )}
        <p class="wrong" id="prove-wrong" role="alert">{asks && wrong !== null ? say(wrong) : ""}</p>
        <div class="acts">
          <button type="submit" class="primary" aria-disabled={busy}>{say(asks ? "proveSend" : "proveUse")}</button>
          <button type="button" onClick={close}>{cancel}</button>
        </div>
      </form>
    </section>
  );
}
