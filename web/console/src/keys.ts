// The keyboard map: which keys do what, as they come or as the agent has changed them.
//
// A stroke is one key with what is held down: `r`, `?`, `Shift+r`, `Mod+k`, `F2`. Keys are one stroke, or two
// after each other (`g i`). `Mod` is Ctrl, or Command on a Mac.

export const DEFAULT_KEYS = {
  reply: "r",
  note: "n",
  accept: "a",
  transfer: "t",
  hand_back: "b",
  resolve: "e",
  snooze: "s",
  card: "c",
  next: "j",
  previous: "k",
  inbox: "g i",
  search: "/",
  palette: "Mod+k",
  help: "?",
  send: "Mod+Enter",
};

export type Bound = keyof typeof DEFAULT_KEYS;
export type Keymap = Record<Bound, string>;

export const BOUND = Object.keys(DEFAULT_KEYS) as Bound[];
const IS_MAC = typeof navigator !== "undefined" && /Mac|iP(hone|ad)/.test(navigator.platform);
export const MOD = IS_MAC ? "⌘" : "Ctrl";

// What browsers do themselves: open and close tabs and windows, and edit texts.
const RESERVED = [..."acltnvwxz"].map((key) => `Mod+${key}`).concat(["t", "n", "w", "z"].map((key) => `Mod+Shift+${key}`));

type Pressed = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">;

/** What was pressed as a stroke; null for keys that are no commands: they move, edit or press. */
export function strokeOf({ key, ctrlKey, metaKey, altKey, shiftKey }: Pressed): string | null {
  const held = [...(ctrlKey || metaKey ? ["Mod"] : []), ...(altKey ? ["Alt"] : [])];
  const isLetter = key.length === 1 && key.toLowerCase() !== key.toUpperCase();
  if (isLetter) return [...held, ...(shiftKey ? ["Shift"] : []), key.toLowerCase()].join("+");
  // Which signs need Shift is the keyboard's matter.
  if (key.length === 1 && key !== " ") return [...held, key].join("+");
  const named = /^F\d+$/.test(key) || (key === "Enter" && held.length > 0);
  return named ? [...held, ...(shiftKey ? ["Shift"] : []), key].join("+") : null;
}

/** Whether keys are also heard while somebody types. */
export function whileTyping(keys: string): boolean {
  return /^(Mod\+|Alt\+|(Shift\+)?F\d)/.test(keys);
}

/** Why keys cannot be those of a command: another has them, the browser has, or it could not be heard. */
export type Clash = { why: "taken"; by: Bound } | { why: "reserved" } | { why: "unheard" };

export function clashOf(keymap: Keymap, bound: Bound, keys: string): Clash | null {
  if (keys.split(" ").some((stroke) => RESERVED.includes(stroke))) return { why: "reserved" };
  if (bound === "send" && !whileTyping(keys)) return { why: "unheard" };
  // The first stroke of two would do what it does alone.
  const hides = (one: string, other: string) => one === other || other.startsWith(`${one} `);
  const by = BOUND.find((one) => one !== bound && (hides(keymap[one], keys) || hides(keys, keymap[one])));
  return by ? { why: "taken", by } : null;
}

/** The defaults with what was changed; what is not understood is left out. */
export function keymapOf(changed: unknown): Keymap {
  const known = typeof changed === "object" && changed !== null ? (changed as Record<string, unknown>) : {};
  const pairs = BOUND.map((bound) => [bound, typeof known[bound] === "string" ? known[bound] : DEFAULT_KEYS[bound]]);
  return Object.fromEntries(pairs) as Keymap;
}

/** Keys as they are printed on the keyboard. */
export function printed(keys: string): string[] {
  const names: Record<string, string> = { Mod: MOD, Shift: "⇧" };
  return keys.split(" ").flatMap((stroke) => stroke.split(/\+(?=.)/).map((key) => names[key] ?? (key.length === 1 ? key.toUpperCase() : key)));
}
