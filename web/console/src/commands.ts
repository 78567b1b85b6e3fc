// Everything that can be done by a key or from the palette, and when.

import { preferences, type Theme } from "./preferences";
import { act } from "./acts";
import type { Desk } from "./desk";
import { strokeOf, whileTyping, type Keymap } from "./keys";
import type { Row } from "./model";
import { VIEWS } from "./rows";
import type { Screen } from "./screen";
import { logOut } from "./top-bar";
import type { Words } from "./words";

export interface Command {
  id: string;
  group: "thread" | "go" | "general";
  label: string;
  /** As in the keyboard map; the palette has more commands than that. */
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
  keymap: Keymap;
  go: (path: string) => void;
}

export function commands({ desk, screen, row, words, keymap, go }: Where): Command[] {
  const { t } = words;
  const owner = row?.state.owner;
  const mine = owner?.kind === "agent" && owner.agent === desk.me.id;
  const free = !!owner && owner.kind !== "agent";
  const offered = owner?.kind === "offered";
  const thread = row?.state.thread ?? "";
  const snoozed = row?.state.episode?.phase === "snoozed";
  return [
    { id: "reply", group: "thread", label: t("command.reply"), keys: keymap.reply, off: !row, run: () => screen.write("reply") },
    { id: "note", group: "thread", label: t("command.note"), keys: keymap.note, off: !row, run: () => screen.write("note") },
    {
      id: "accept",
      group: "thread",
      label: t(offered || !owner ? "action.accept" : "action.takeover"),
      keys: keymap.accept,
      off: !free,
      run: () => void act(desk, offered ? "accept" : "takeover", { thread, words }),
    },
    dialog("transfer"),
    dialog("hand_back"),
    dialog("resolve"),
    snoozed
      ? {
          id: "unsnooze",
          group: "thread",
          label: t("action.unsnooze"),
          keys: keymap.snooze,
          off: !mine,
          run: () => void act(desk, "unsnooze", { thread, words }),
        }
      : dialog("snooze"),
    { id: "card", group: "thread", label: t("command.card"), keys: keymap.card, off: !row, run: () => screen.turnCard() },
    { id: "facet", group: "thread", label: t("facet.title"), off: !row, run: () => screen.show({ name: "facet" }) },
    { id: "link", group: "thread", label: t("link.title"), off: !row, run: () => screen.show({ name: "link" }) },
    {
      id: "unlink",
      group: "thread",
      label: t("unlink.title"),
      off: !row || row.identities.length < 2,
      run: () => screen.show({ name: "unlink" }),
    },
    { id: "next", group: "go", label: t("command.next"), keys: keymap.next, run: () => screen.step(1) },
    { id: "previous", group: "go", label: t("command.previous"), keys: keymap.previous, run: () => screen.step(-1) },
    {
      id: "inbox",
      group: "go",
      label: t("command.inbox"),
      keys: keymap.inbox,
      run: () => {
        go("/desk");
        screen.step(0);
      },
    },
    { id: "personas", group: "go", label: t("personas.title"), run: () => go("/desk/personas") },
    { id: "channels", group: "go", label: t("channels.title"), off: desk.me.role !== "admin", run: () => go("/desk/channels") },
    ...VIEWS.map((view) => ({
      id: `view ${view}`,
      group: "go" as const,
      label: t("command.view", { view: t(`view.${view}`) }),
      run: () => screen.want({ view }),
    })),
    { id: "search", group: "general", label: t("command.search"), keys: keymap.search, run: () => screen.show({ name: "search" }) },
    { id: "palette", group: "general", label: t("command.palette"), keys: keymap.palette, run: () => screen.show({ name: "palette" }) },
    { id: "help", group: "general", label: t("command.help"), keys: keymap.help, run: () => screen.show({ name: "help" }) },
    { id: "preferences", group: "general", label: t("top.preferences"), run: () => screen.show({ name: "preferences" }) },
    { id: "keys", group: "general", label: t("keys.title"), run: () => screen.show({ name: "keys" }) },
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

  function dialog(name: "transfer" | "hand_back" | "resolve" | "snooze"): Command {
    return { id: name, group: "thread", label: t(`action.${name}`), keys: keymap[name], off: !mine, run: () => screen.show({ name }) };
  }
}

const OPEN = '[role="menu"], [role="dialog"], [aria-haspopup][aria-expanded="true"]';
const NEXT_MS = 1_500; // so long the second of two strokes may take

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || !!target.closest("input, textarea, select"));
}

/** Hears the keys of the whole page; single signs only where nobody types, and none while a dialog is open. */
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
    if (event.defaultPrevented || event.isComposing || busy) return;
    if (event.key === "Escape") return escape();
    const stroke = strokeOf(event);
    if (!stroke) return;
    if (!whileTyping(stroke) && (isTyping(event.target) || !preferences.liked.letters)) return;
    const keys = first ? `${first} ${stroke}` : stroke;
    first = null;
    const { commands: all } = now();
    const found = all.find((command) => command.keys === keys);
    if (found) return run(event, found);
    if (!all.some((command) => command.keys?.startsWith(`${keys} `))) return;
    first = keys;
    clearTimeout(forgetting);
    forgetting = setTimeout(() => (first = null), NEXT_MS);
  }

  addEventListener("keydown", look, true);
  addEventListener("keydown", hear);
  return () => {
    removeEventListener("keydown", look, true);
    removeEventListener("keydown", hear);
  };
}

function run(event: KeyboardEvent, command: Command): void {
  if (command.off) return;
  event.preventDefault();
  command.run();
}
