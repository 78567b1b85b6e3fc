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
  twilio_sms: "SMS",
  vonage_sms: "SMS",
  messagebird_sms: "SMS",
  infobip_sms: "SMS",
  sinch_sms: "SMS",
  twilio_whatsapp: "WhatsApp",
  telegram: "Telegram",
  messenger: "Messenger",
};

export function channelName(channel: string, language: Language): string {
  const name = CHANNELS[channel];
  if (name === undefined) return channel.replaceAll("_", " ");
  return typeof name === "string" ? name : name[language];
}
