// What one agent likes at this browser.

import { preferredLanguage, rememberLanguage, type Language } from "@samtal/shared/text";
import { store, stored } from "@samtal/shared/storage";

import { Observable } from "./observable";

export type Theme = "auto" | "light" | "dark";

interface Liked {
  theme: Theme;
  /** Single letters are commands while nobody types. */
  letters: boolean;
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
