// Words in Swedish and English: a catalogue is one object a language, with the same keys.

import { store, stored } from "./storage";

export type Language = "sv" | "en";
export type Catalogue<Key extends string> = Record<Language, Record<Key, string>>;

const KEY = "samtal.language";

/** What was chosen before, else what the browser prefers. */
export function preferredLanguage(): Language {
  const chosen = stored(KEY);
  if (chosen === "sv" || chosen === "en") return chosen;
  return /^(sv|nb|nn|no|da|fi)\b/i.test(navigator.language) ? "sv" : "en";
}

export function rememberLanguage(language: Language): void {
  store(KEY, language);
}

/** Fill `{name}` places; an unknown one stays empty. */
export function filled(text: string, values: Record<string, string | number> = {}): string {
  return text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ""));
}

export function translator<Key extends string>(catalogue: Catalogue<Key>, language: Language) {
  return (key: Key, values?: Record<string, string | number>): string => filled(catalogue[language][key], values);
}

const CHANNELS: Record<string, string | Record<Language, string>> = {
  login: { sv: "Inloggning", en: "Log-in" },
  webchat: { sv: "Webbchatt", en: "Web chat" },
  sms: "SMS",
  whatsapp: "WhatsApp",
  line: "LINE",
};

/** What a channel is to those who use it, whichever provider carries it: `sms`, `whatsapp`, or its own name. */
export function channelKind(channel: string): string {
  return /(?:^|_)(sms|whatsapp)(?:_|$)/.exec(channel)?.[1] ?? channel;
}

export function channelName(channel: string, language: Language): string {
  const name = CHANNELS[channelKind(channel)];
  if (name === undefined) return channel.charAt(0).toUpperCase() + channel.slice(1).replaceAll("_", " ");
  return typeof name === "string" ? name : name[language];
}
