// What the customer sees around the conversation: open or not, and in which language and colours.

import { preferredLanguage, rememberLanguage, type Language } from "@samtal/shared/text";
import { stored } from "@samtal/shared/storage";

import { languageOf, type Embed } from "./embed";
import type { Memory } from "./memory";
import { Watched } from "./watched";

const LANGUAGE = "samtal.language"; // the pages of the same site share it

export class Shell extends Watched {
  open: boolean;
  language: Language;
  /** Whether a new message sounds. */
  sound: boolean;
  /** Whether focus follows: somebody here opened or closed it, no other tab or page load. */
  byHand = false;

  constructor(
    embed: Embed,
    private readonly memory: Memory,
  ) {
    super();
    const before = memory.get("open");
    this.open = before === null ? embed.open : before === "yes";
    this.language = languageOf(stored(LANGUAGE) ?? undefined) ?? embed.language ?? preferredLanguage();
    this.sound = memory.get("sound") === "on";
    memory.onChange("sound", (value) => this.sounds(value === "on", { remember: false }));
    memory.onChange("open", (value) => this.show(value === "yes", { byHand: false }));
    addEventListener("storage", (event) => {
      const language = languageOf(event.key === LANGUAGE ? (event.newValue ?? undefined) : undefined);
      if (language !== null) this.speak(language, { remember: false });
    });
  }

  show(open: boolean, { byHand = true } = {}): void {
    if (open === this.open) return;
    this.open = open;
    this.byHand = byHand;
    if (byHand) this.memory.set("open", open ? "yes" : "no");
    this.changed();
  }

  sounds(sound: boolean, { remember = true } = {}): void {
    this.sound = sound;
    if (remember) this.memory.set("sound", sound ? "on" : null);
    this.changed();
  }

  speak(language: Language, { remember = true } = {}): void {
    if (language === this.language) return;
    this.language = language;
    if (remember) rememberLanguage(language);
    this.changed();
    dispatchEvent(new CustomEvent("samtal-language", { detail: language }));
  }
}
