// The menu of canned replies: the agent's own, and what marketers wrote, for this customer on this channel.
//
// It opens with a slash first in a reply, and is narrowed by typing on. The keyboard stays in the text.

import { useQuery } from "@tanstack/react-query";
import { channelName } from "@samtal/shared/text";
import { useEffect, useId, useState, type KeyboardEvent, type ReactNode } from "react";

import { ask, query } from "./api";
import { activeOf } from "./describe";
import type { Draft } from "./drafts";
import type { CannedReplies, CannedReply, Row } from "./model";
import { useChanges } from "./observable";
import { hasAll, snippets, written } from "./snippets";
import { useWords } from "./words";

interface Option {
  id: string;
  name: string;
  /** What is written when it is picked; null for what opens the agent's own to change them. */
  text: string | null;
  canned: CannedReply | null;
}

interface MenuProps {
  row: Row;
  draft: Draft;
  onPick: (text: string, canned: CannedReply | null) => void;
  onManage: () => void;
}

export interface CannedMenu {
  list: ReactNode;
  /** Whether a key was the menu's. */
  press: (event: KeyboardEvent) => boolean;
  /** For the text: which list it opens, and which of its options is the current one. */
  described: { "aria-controls"?: string; "aria-activedescendant"?: string };
  /** Open or close it whatever the text is. */
  turn: () => void;
  close: () => void;
}

// Those that have all words, first those that have them in their names.
function fitting(options: Option[], typed: string | null): Option[] {
  if (!typed) return options;
  const found = options.filter((one) => hasAll(typed, `${one.name}\n${one.text}\n${one.canned?.slot}`));
  const named = (one: Option) => hasAll(typed, one.name);
  return [...found.filter(named), ...found.filter((one) => !named(one))];
}

export function useCanned({ row, draft, onPick, onManage }: MenuProps): CannedMenu {
  useChanges(snippets);
  const { t, language } = useWords();
  const id = useId();
  const [chosen, setChosen] = useState(0);
  const [closed, setClosed] = useState<string | null>(null);
  const [asked, setAsked] = useState(false);
  const slashed = draft.mode === "reply" ? (/^\/([^/\n]*)$/.exec(draft.reply)?.[1] ?? null) : null;
  const typed = slashed ?? (asked && draft.mode === "reply" ? "" : null);
  const open = typed !== null && (asked || closed === null || !typed.startsWith(closed));
  const channel = (row.identities.find((one) => one.id === draft.identity) ?? activeOf(row))?.address.channel;
  const { data, isError, isPending } = useQuery({
    queryKey: ["replies", row.state.thread, channel, row.state.language],
    queryFn: () => ask<CannedReplies>("GET", `/replies${query({ channel, thread: row.state.thread })}`),
    enabled: open && channel !== undefined,
    staleTime: 60_000,
  });
  const name = row.identities.find((one) => one.name)?.name ?? "";
  const own = fitting(
    snippets.all.map((one) => ({ id: `own ${one.name}`, name: `/${one.name}`, text: written(one, name), canned: null })),
    typed,
  );
  const content = fitting(
    (data?.replies ?? []).map((one) => ({ id: one.slot, name: one.title, text: one.text, canned: one })),
    typed,
  );
  const manage: Option = { id: "manage", name: t("canned.manage"), text: null, canned: null };
  const options = [...own, ...content, manage];
  const at = Math.min(chosen, options.length - 1);
  const activeId = `${id}-${at}`;

  useEffect(() => {
    if (slashed === null) setClosed(null);
    setChosen(0);
  }, [slashed]);
  useEffect(() => {
    if (open) document.getElementById(activeId)?.scrollIntoView({ block: "nearest" });
  }, [open, activeId]);

  function pick(option: Option): void {
    setAsked(false);
    setClosed(slashed);
    if (option.text === null) onManage();
    else onPick(slashed === null && draft.reply ? `${draft.reply}\n${option.text}` : option.text, option.canned);
  }

  function close(): void {
    setAsked(false);
    setClosed(slashed);
  }

  function press(event: KeyboardEvent): boolean {
    if (!open) return false;
    const picked = options[at];
    const found = own.length + content.length > 0;
    if (event.key === "ArrowDown") setChosen((at + 1) % options.length);
    else if (event.key === "ArrowUp") setChosen((at + options.length - 1) % options.length);
    else if (event.key === "Escape") close();
    else if (event.key === "Tab") {
      close();
      return false;
    } else if (event.key === "Enter" && picked && (found || chosen > 0) && !event.ctrlKey && !event.metaKey) pick(picked);
    else return false;
    event.preventDefault();
    return true;
  }

  const where = [data && t(`language.${data.language}`), channel && channelName(channel, language)].filter(Boolean).join(" · ");
  const list = open && (
    <div className="canned">
      <p className="visually-hidden" role="status">
        {isPending ? t("canned.loading") : t("canned.found", { n: own.length + content.length })}
      </p>
      <div id={id} role="listbox" tabIndex={0} aria-label={t("compose.snippets")}>
        {group(t("canned.own"), own, 0)}
        {group(`${t("canned.content")} · ${where}`, content, own.length)}
        {options.length === 1 && !isPending && !isError && <p className="soft">{t("compose.snippets.none")}</p>}
        {isPending && <p className="soft">{t("canned.loading")}</p>}
        {isError && <p className="bad">{t("canned.failed")}</p>}
        {one(manage, options.length - 1)}
      </div>
      <p className="canned-keys" aria-hidden="true">
        <kbd>↑</kbd>
        <kbd>↓</kbd> <kbd>Enter</kbd> <kbd>Esc</kbd>
      </p>
    </div>
  );
  const described = open ? { "aria-controls": id, "aria-activedescendant": activeId } : {};
  return { list, press, described, turn: () => (open ? close() : setAsked(true)), close };

  function group(label: string, shown: Option[], from: number) {
    if (!shown.length) return null;
    return (
      <div role="group" aria-label={label}>
        <p className="canned-group" aria-hidden="true">
          {label}
        </p>
        {shown.map((option, index) => one(option, from + index))}
      </div>
    );
  }

  function one(option: Option, index: number) {
    return (
      <div
        key={option.id}
        id={`${id}-${index}`}
        role="option"
        aria-selected={index === at}
        onMouseDown={(event) => event.preventDefault()}
        onClick={() => pick(option)}
      >
        <strong dir="auto">{option.name}</strong>
        {option.text !== null && (
          <span className="canned-text" dir="auto">
            {option.text}
          </span>
        )}
      </div>
    );
  }
}
