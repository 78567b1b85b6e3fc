// What is on the screen beside the thread: the view of the list, dialogs, and where the keyboard is to go.

import { store, stored } from "@samtal/shared/storage";

import { Observable } from "./observable";
import { preferences } from "./preferences";
import { VIEWS, type ViewName, type Wanted } from "./rows";

export type Dialog =
  | { name: "transfer" | "hand_back" | "resolve" | "snooze" | "facet" }
  | { name: "card" | "help" | "keys" | "palette" | "preferences" | "search" | "snippets" }
  | { name: "link"; other?: string }
  | { name: "dismiss"; other: string }
  | { name: "unlink"; link?: string }
  | { name: "read"; entry: string }
  | { name: "trace"; entry: string };

const WIDE = matchMedia("(min-width: 1200px)");
const KEY = "samtal.desk.view";

export class Screen extends Observable {
  dialog: Dialog | null = null;
  wanted: Wanted = { view: rememberedView(), channel: null, language: null };
  /** Set by the list: put the keyboard on the next row, the one before, or the current one. */
  step: (by: -1 | 0 | 1) => void = () => {};
  /** Set by the composer: write a reply or a note. */
  write: (mode: "reply" | "note") => void = () => {};
  /** Set by the thread: put the keyboard into the log. */
  read: () => void = () => {};

  show(dialog: Dialog | null): void {
    this.dialog = dialog;
    this.changed();
  }

  /** Show or hide the customer card: beside the thread, or over it where there is no place. */
  turnCard(): void {
    if (WIDE.matches) preferences.set({ card: !preferences.liked.card });
    else this.show({ name: "card" });
  }

  want(change: Partial<Wanted>): void {
    this.wanted = { ...this.wanted, ...change };
    store(KEY, this.wanted.view);
    this.changed();
  }
}

function rememberedView(): ViewName {
  const kept = stored(KEY);
  return VIEWS.find((view) => view === kept) ?? "waiting";
}
