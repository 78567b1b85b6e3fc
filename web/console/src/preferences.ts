// What one agent likes at this browser.

import { preferredLanguage, rememberLanguage, type Language } from "@samtal/shared/text";
import { store, stored } from "@samtal/shared/storage";

import { DEFAULT_KEYS, keymapOf, printed, whileTyping, type Bound, type Keymap } from "./keys";
import { Observable } from "./observable";

export type Theme = "auto" | "light" | "dark";

interface Liked {
  theme: Theme;
  /** Single letters are commands while nobody types. */
  letters: boolean;
  /** Keys that are not the default ones. */
  keys: Partial<Keymap>;
  enterSends: boolean;
  sound: boolean;
  desktop: boolean;
  details: boolean;
  card: boolean;
  listWidth: number;
}

const KEY = "samtal.desk.preferences";
const DEFAULT: Liked = {
  theme: "auto",
  letters: true,
  keys: {},
  enterSends: false,
  sound: false,
  desktop: false,
  details: false,
  card: true,
  listWidth: 340,
};

class Preferences extends Observable {
  language: Language = preferredLanguage();
  liked: Liked = { ...DEFAULT, ...read() };

  get keymap(): Keymap {
    return keymapOf(this.liked.keys);
  }

  /** The keys of a command for a title: ` (C)`, and nothing while they are turned off. */
  hint(bound: Bound): string {
    const keys = this.keymap[bound];
    return this.liked.letters || whileTyping(keys) ? ` (${printed(keys).join(" ")})` : "";
  }

  /** Give a command other keys; null gives it those that it has by default. */
  bind(bound: Bound, keys: string | null): void {
    const { [bound]: _, ...others } = this.liked.keys;
    this.set({ keys: keys === null || keys === DEFAULT_KEYS[bound] ? others : { ...others, [bound]: keys } });
  }

  set(change: Partial<Liked>): void {
    this.liked = { ...this.liked, ...change };
    store(KEY, JSON.stringify(this.liked));
    this.changed();
  }

  speak(language: Language): void {
    this.language = language;
    rememberLanguage(language);
    this.changed();
  }
}

function read(): Partial<Liked> {
  try {
    return JSON.parse(stored(KEY) ?? "{}") as Partial<Liked>;
  } catch {
    return {};
  }
}

export const preferences = new Preferences();
