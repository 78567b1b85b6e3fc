// What the trace says of each text that was looked at: the hub's sentences, in the language of the page.

import { whole } from "@samtal/shared/time";

import type { Key } from "./texts";
import { perhaps, type Words } from "./words";

// As the hub says them (bot/hub/content/verdict.py); the tests hold the two against each other.
const SAID = {
  "chosen": "verdict.chosen",
  "another is closer": "verdict.closer",
  "locale is not in the chain": "verdict.locale",
  "persona is not {wanted}": "verdict.persona",
  "stage is not {wanted}": "verdict.stage",
  "channel is not {wanted}": "verdict.channel",
  "need is not {wanted}": "verdict.need",
  "begins {at}": "verdict.begins",
  "ended {at}": "verdict.ended",
  "condition fails: {condition}": "verdict.condition",
  "the text is empty": "verdict.empty",
  "{name} is a group of variables, not one": "verdict.group",
  "variable {name} is not known": "verdict.unknown",
  "cannot be filled in: {problem}": "verdict.broken",
} satisfies Record<string, Key>;

const PATTERNS = Object.entries(SAID).map(([said, key]) => ({
  key,
  pattern: new RegExp(`^${said.replace(/\{(\w+)\}/, "(?<$1>.*)")}$`, "s"),
}));

/** A verdict in the language of the page; one that nobody knows stays as it was said. */
export function verdictWords(verdict: string, words: Words): string {
  for (const { key, pattern } of PATTERNS) {
    const parts = pattern.exec(verdict)?.groups;
    if (parts || pattern.test(verdict)) return words.t(key, shown(key, parts ?? {}, words));
  }
  return verdict;
}

function shown(key: Key, parts: Record<string, string>, words: Words): Record<string, string> {
  const { wanted, at } = parts;
  if (at) return { at: whole(at, words.language) };
  if (wanted === undefined) return parts;
  const several = wanted.split(" or ").map((one) => (key === "verdict.stage" ? perhaps(words, "stage", one) : one));
  return { wanted: new Intl.ListFormat(words.language, { type: "disjunction" }).format(several) };
}
