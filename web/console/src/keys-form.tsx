// Changing the keyboard map: a row for each command, and a field that takes the keys that are pressed in it.

import { Button, TextInput } from "@mantine/core";
import { useEffect, useRef, useState, type FormEvent, type KeyboardEvent } from "react";

import { BOUND, clashOf, DEFAULT_KEYS, MOD, printed, strokeOf, type Bound } from "./keys";
import { useChanges } from "./observable";
import { preferences } from "./preferences";
import type { Key } from "./texts";
import { useWords, type Translate } from "./words";

const NAMES: Record<Bound, Key> = {
  reply: "command.reply",
  note: "command.note",
  accept: "command.accept",
  transfer: "action.transfer",
  hand_back: "action.hand_back",
  resolve: "action.resolve",
  snooze: "command.snooze",
  card: "command.card",
  next: "command.next",
  previous: "command.previous",
  inbox: "command.inbox",
  search: "command.search",
  palette: "command.palette",
  help: "command.help",
  send: "command.send",
};

export function commandName(bound: Bound, t: Translate): string {
  return t(NAMES[bound]);
}

export function Keys({ keys }: { keys: string }) {
  return (
    <span className="keys">
      {printed(keys).map((key, index) => (
        <kbd key={index}>{key}</kbd>
      ))}
    </span>
  );
}

export function KeysForm() {
  useChanges(preferences);
  const { t } = useWords();
  const [changing, setChanging] = useState<Bound | null>(null);
  const [said, setSaid] = useState("");
  const list = useRef<HTMLUListElement>(null);
  const { keymap } = preferences;
  const changed = Object.keys(preferences.liked.keys).length > 0;

  function done(bound: Bound, keys: string | null): void {
    if (keys !== null) {
      preferences.bind(bound, keys);
      setSaid(t("keys.done", { command: commandName(bound, t), keys: printed(keys).join(" ") }));
    }
    setChanging(null);
    focusRow(bound);
  }

  // The field or the button that had the keyboard is gone.
  function focusRow(bound: Bound): void {
    setTimeout(() => list.current?.querySelector<HTMLElement>(`[data-bound="${bound}"] button`)?.focus());
  }

  function reset(): void {
    preferences.set({ keys: {} });
    setSaid(t("keys.reset.done"));
    focusRow(BOUND[0] ?? "reply");
  }

  return (
    <>
      <p className="soft">{t("keys.why")}</p>
      <p className="visually-hidden" role="status">
        {said}
      </p>
      <ul ref={list} className="key-list">
        {BOUND.map((bound) => {
          const name = commandName(bound, t);
          return (
            <li key={bound} data-bound={bound} data-changed={keymap[bound] !== DEFAULT_KEYS[bound]}>
              {changing === bound ? (
                <KeysField bound={bound} onDone={(keys) => done(bound, keys)} />
              ) : (
                <>
                  <span className="key-name">{name}</span>
                  <Keys keys={keymap[bound]} />
                  <Button size="compact-sm" variant="default" aria-label={t("keys.change.name", { command: name })} onClick={() => setChanging(bound)}>
                    {t("keys.change")}
                  </Button>
                </>
              )}
            </li>
          );
        })}
      </ul>
      <p className="soft small">{t("keys.fixed")}</p>
      <Button variant="default" mt="md" disabled={!changed} onClick={reset}>
        {t("keys.reset")}
      </Button>
    </>
  );
}

function KeysField({ bound, onDone }: { bound: Bound; onDone: (keys: string | null) => void }) {
  const { t } = useWords();
  const field = useRef<HTMLInputElement>(null);
  const [keys, setKeys] = useState("");
  const [asked, setAsked] = useState(false);
  const name = commandName(bound, t);
  const clash = keys ? clashOf(preferences.keymap, bound, keys) : null;
  const problem = clash ? problemOf() : asked && !keys ? t("keys.needed") : null;
  useEffect(() => field.current?.focus(), []);

  function problemOf(): string {
    const shown = printed(keys).join(" ");
    if (clash?.why === "taken") return t("keys.taken", { keys: shown, command: commandName(clash.by, t) });
    return clash?.why === "reserved" ? t("keys.reserved", { keys: shown }) : t("keys.unheard", { mod: MOD });
  }

  function press(event: KeyboardEvent<HTMLInputElement>): void {
    if (event.key === "Escape") {
      event.preventDefault();
      return onDone(null);
    }
    if (event.key === "Backspace" || event.key === "Delete") {
      event.preventDefault();
      return setKeys("");
    }
    const stroke = strokeOf(event.nativeEvent);
    if (!stroke) return; // Tab leaves, Enter saves
    event.preventDefault();
    event.stopPropagation();
    setKeys(keys && !keys.includes(" ") ? `${keys} ${stroke}` : stroke);
  }

  function save(event: FormEvent): void {
    event.preventDefault();
    setAsked(true);
    if (keys && !clash) return onDone(keys);
    field.current?.focus();
  }

  return (
    <form className="key-field" onSubmit={save} noValidate>
      <TextInput
        ref={field}
        label={t("keys.press", { command: name })}
        description={t("keys.press.how")}
        value={printed(keys || " ").join(" ").trim()}
        onChange={() => {}}
        onKeyDown={press}
        error={problem}
        errorProps={{ role: "alert" }}
        autoComplete="off"
        spellCheck={false}
        data-mantine-stop-propagation="true"
      />
      <div className="key-buttons">
        <Button type="submit" size="compact-sm">
          {t("keys.save")}
        </Button>
        <Button size="compact-sm" variant="default" onClick={() => onDone(null)}>
          {t("cancel")}
        </Button>
      </div>
    </form>
  );
}
