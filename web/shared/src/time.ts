// Moments as people read them, in their own zone and language.

import type { Language } from "./text";

const LOCALES: Record<Language, string> = { sv: "sv-SE", en: "en-GB" };

/** 14:05 */
export function clock(at: string | Date, language: Language): string {
  return new Intl.DateTimeFormat(LOCALES[language], { hour: "2-digit", minute: "2-digit" }).format(new Date(at));
}

/** Today, yesterday, a weekday within the last week, else a date. */
export function day(at: string | Date, language: Language, now = new Date()): string {
  const days = daysBetween(new Date(at), now);
  const locale = LOCALES[language];
  if (days === 0 || days === 1) {
    return capital(new Intl.RelativeTimeFormat(locale, { numeric: "auto" }).format(-days, "day"));
  }
  const wanted: Intl.DateTimeFormatOptions =
    days > 1 && days < 7 ? { weekday: "long" } : { day: "numeric", month: "long", year: "numeric" };
  return capital(new Intl.DateTimeFormat(locale, wanted).format(new Date(at)));
}

/** The clock today, else a short date: for lists. */
export function moment(at: string | Date, language: Language, now = new Date()): string {
  if (daysBetween(new Date(at), now) === 0) return clock(at, language);
  return new Intl.DateTimeFormat(LOCALES[language], { day: "numeric", month: "short" }).format(new Date(at));
}

/** A moment to come, as it stands in a sentence: the day unless it is today, and the clock. */
export function ahead(at: string | Date, language: Language, now = new Date()): string {
  const days = daysBetween(now, new Date(at));
  const locale = LOCALES[language];
  const wanted: Intl.DateTimeFormatOptions = days < 7 ? { weekday: "long" } : { day: "numeric", month: "long" };
  const name =
    days < 2
      ? new Intl.RelativeTimeFormat(locale, { numeric: "auto" }).format(days, "day")
      : new Intl.DateTimeFormat(locale, wanted).format(new Date(at));
  return `${name} ${language === "sv" ? "kl." : "at"} ${clock(at, language)}`;
}

/** A day of the calendar, whatever the zone: `1984-05-31` as people write it. */
export function date(text: string, language: Language): string {
  return new Intl.DateTimeFormat(LOCALES[language], { dateStyle: "long", timeZone: "UTC" }).format(new Date(text));
}

/** Date and clock, for titles. */
export function whole(at: string | Date, language: Language): string {
  return new Intl.DateTimeFormat(LOCALES[language], { dateStyle: "long", timeStyle: "short" }).format(new Date(at));
}

/** Whether two moments lie on the same day here. */
export function sameDay(one: string | Date, other: string | Date): boolean {
  return daysBetween(new Date(one), new Date(other)) === 0;
}

function daysBetween(one: Date, other: Date): number {
  const midnight = (at: Date) => new Date(at.getFullYear(), at.getMonth(), at.getDate()).getTime();
  return Math.round((midnight(other) - midnight(one)) / 86_400_000);
}

function capital(text: string): string {
  return text.charAt(0).toLocaleUpperCase() + text.slice(1);
}
