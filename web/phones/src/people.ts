// The customers who hold a phone: several an account, remembered here.

import { store, stored } from "@samtal/shared/storage";

export interface Person {
  user: string;
  name: string;
}

export type UserKind = "number" | "address" | "user";

const KEY = "samtal.phones.people.";
const NAMES = ["Astrid Lind", "Björn Ek", "Cecilia Holm", "David Sand", "Elsa Berg", "Fredrik Dahl", "Greta Sjö", "Hugo Ås"];
// Numbers that nobody has: the Swedish authority keeps 070-1740605 to 070-1740699 for fiction.
const FIRST_NUMBER = 46701740605;
const NUMBERS = 95;

/** What the users of a channel are called by. */
export function kindOf(channel: string): UserKind {
  if (/sms|whatsapp|signal|rcs/.test(channel)) return "number";
  return /mail/.test(channel) ? "address" : "user";
}

/** The remembered people of an account, whoever was chosen last first; never none. */
export function people(account: string, channel: string): Person[] {
  const kept = remembered(account);
  return kept.length > 0 ? kept : [somebody(channel, 0)];
}

/** Put a person first, and remember. */
export function chosen(account: string, known: Person[], person: Person): Person[] {
  const all = [person, ...known.filter((one) => one.user !== person.user)];
  store(KEY + account, JSON.stringify(all));
  return all;
}

/** A customer whom nobody knows. */
export function newcomer(channel: string, known: string[]): Person {
  for (let index = known.length; ; index++) {
    const person = somebody(channel, index);
    if (!known.includes(person.user)) return person;
  }
}

/** Whether a user could be one of the channel. */
export function plausible(channel: string, user: string): boolean {
  if (kindOf(channel) === "number") return /^\+\d{7,15}$/.test(user);
  return /^[^\s/]{1,100}$/.test(user);
}

function somebody(channel: string, index: number): Person {
  const name = NAMES[index % NAMES.length] ?? "";
  switch (kindOf(channel)) {
    case "number":
      return { user: index === 0 ? "+46701234567" : `+${FIRST_NUMBER + ((index - 1) % NUMBERS)}`, name };
    case "address":
      return { user: `${index === 0 ? "astrid" : `kund${index + 1}`}@example.com`, name };
    case "user":
      return { user: String((channel === "messenger" ? 20001 : 10001) + index), name };
  }
}

function remembered(account: string): Person[] {
  try {
    const kept: unknown = JSON.parse(stored(KEY + account) ?? "[]");
    return Array.isArray(kept) ? kept.filter(isPerson) : [];
  } catch {
    return [];
  }
}

function isPerson(one: unknown): one is Person {
  return (
    typeof one === "object" &&
    one !== null &&
    typeof (one as Person).user === "string" &&
    typeof (one as Person).name === "string"
  );
}
