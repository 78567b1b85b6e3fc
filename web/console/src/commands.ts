// Everything that can be done by a key or from the palette, and when.

import { preferences, type Theme } from "./preferences";
import { act } from "./acts";
import type { Desk } from "./desk";
import type { Row } from "./model";
import { VIEWS } from "./rows";
import type { Screen } from "./screen";
import { logOut } from "./top-bar";
import type { Words } from "./words";

export interface Command {
  id: string;
  group: "thread" | "go" | "general";
  label: string;
  /** A letter, a sign, `g i`, `Mod+k`: what the keyboard map shows. */
  keys?: string;
  /** Not now: shown in the help, not in the palette. */
  off?: boolean;
  run: () => void;
}

export interface Where {
  desk: Desk;
  screen: Screen;
  row: Row | undefined;
  words: Words;
  go: (path: string) => void;
}

export function commands({ desk, screen, row, words, go }: Where): Command[] {
  const { t } = words;
  const owner = row?.state.owner;
  const mine = owner?.kind === "agent" && owner.agent === desk.me.id;
  const free = !!owner && owner.kind !== "agent";
  const offered = owner?.kind === "offered";
  const thread = row?.state.thread ?? "";
  const snoozed = row?.state.episode?.phase === "snoozed";
  return [
    { id: "reply", group: "thread", label: t("command.reply"), keys: "r", off: !row, run: () => screen.write("reply") },
    { id: "note", group: "thread", label: t("command.note"), keys: "n", off: !row, run: () => screen.write("note") },
    {
      id: "accept",
      group: "thread",
      label: t(offered || !owner ? "action.accept" : "action.takeover"),
      keys: "a",
      off: !free,
      run: () => void act(desk, offered ? "accept" : "takeover", { thread, words }),
    },
    dialog("transfer", "t"),
    dialog("hand_back", "b"),
    dialog("resolve", "e"),
    snoozed
      ? {
          id: "unsnooze",
          group: "thread",
          label: t("action.unsnooze"),
          keys: "s",
          off: !mine,
          run: () => void act(desk, "unsnooze", { thread, words }),
        }
      : dialog("snooze", "s"),
    { id: "card", group: "thread", label: t("command.card"), keys: "c", off: !row, run: () => screen.turnCard() },
    { id: "link", group: "thread", label: t("link.title"), off: !row, run: () => screen.show({ name: "link" }) },
    {
      id: "unlink",
      group: "thread",
      label: t("unlink.title"),
      off: !row || row.identities.length < 2,
      run: () => screen.show({ name: "unlink" }),
    },
    { id: "next", group: "go", label: t("command.next"), keys: "j", run: () => screen.step(1) },
    { id: "previous", group: "go", label: t("command.previous"), keys: "k", run: () => screen.step(-1) },
    {
      id: "inbox",
      group: "go",
      label: t("command.inbox"),
      keys: "g i",
      run: () => {
        go("/desk");
        screen.step(0);
      },
    },
    ...VIEWS.map((view) => ({
      id: `view ${view}`,
      group: "go" as const,
      label: t("command.view", { view: t(`view.${view}`) }),
      run: () => screen.want({ view }),
    })),
    { id: "search", group: "general", label: t("command.search"), keys: "/", run: () => screen.show({ name: "search" }) },
    { id: "palette", group: "general", label: t("command.palette"), keys: "Mod+k", run: () => screen.show({ name: "palette" }) },
    { id: "help", group: "general", label: t("command.help"), keys: "?", run: () => screen.show({ name: "help" }) },
    { id: "preferences", group: "general", label: t("top.preferences"), run: () => screen.show({ name: "preferences" }) },
    { id: "snippets", group: "general", label: t("snippets.title"), run: () => screen.show({ name: "snippets" }) },
    ...(["auto", "light", "dark"] satisfies Theme[]).map((theme) => ({
      id: `theme ${theme}`,
      group: "general" as const,
      label: t("command.theme", { theme: t(`theme.${theme}`) }),
      run: () => preferences.set({ theme }),
    })),
    {
      id: "language",
      group: "general",
      label: t("top.language"),
      run: () => preferences.speak(words.language === "sv" ? "en" : "sv"),
    },
    { id: "out", group: "general", label: t("login.out"), run: () => void logOut() },
  ];

  function dialog(name: "transfer" | "hand_back" | "resolve" | "snooze", keys: string): Command {
    return { id: name, group: "thread", label: t(`action.${name}`), keys, off: !mine, run: () => screen.show({ name }) };
  }
}

const IS_MAC = /Mac|iP(hone|ad)/.test(navigator.platform);
export const MOD = IS_MAC ? "⌘" : "Ctrl";

/** The keys of a command as they are printed on the keyboard. */
export function keysOf(command: Command): string[] {
  return (command.keys ?? "").split(/[ +]/).map((key) => (key === "Mod" ? MOD : key.toUpperCase()));
}

const OPEN = '[role="menu"], [role="dialog"], [aria-haspopup][aria-expanded="true"]';

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || !!target.closest("input, textarea, select"));
}

/** Hears the keys of the whole page; letters only where nobody types, and not while a dialog is open. */
export function hearKeys(now: () => { commands: Command[]; busy: boolean }, escape: () => void): () => void {
  let first: string | null = null;
  let forgetting: ReturnType<typeof setTimeout> | undefined;
  let busy = false;

  // Before whoever else hears it: what is open now may be closed by this very key.
  function look(event: KeyboardEvent): void {
    const inside = event.target instanceof Element && event.target.closest(OPEN);
    busy = now().busy || !!inside;
  }

  function hear(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.isComposing) return;
    const { commands: all } = now();
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k" && !busy) return run(event, find(all, "Mod+k"));
    if (busy || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") return escape();
    if (isTyping(event.target) || !preferences.liked.letters) return;
    const keys = first ? `${first} ${event.key}` : event.key;
    first = null;
    if (event.key === "g" && keys === "g") {
      first = "g";
      clearTimeout(forgetting);
      forgetting = setTimeout(() => (first = null), 1_500);
      return;
    }
    run(event, find(all, keys));
  }

  addEventListener("keydown", look, true);
  addEventListener("keydown", hear);
  return () => {
    removeEventListener("keydown", look, true);
    removeEventListener("keydown", hear);
  };
}

function find(all: Command[], keys: string): Command | undefined {
  return all.find((command) => command.keys === keys && !command.off);
}

function run(event: KeyboardEvent, command: Command | undefined): void {
  if (!command) return;
  event.preventDefault();
  command.run();
}
