import { expect, test } from "vitest";

import { BOUND, clashOf, DEFAULT_KEYS, keymapOf, printed, strokeOf, whileTyping } from "./keys";

const NOTHING = { key: "", ctrlKey: false, metaKey: false, altKey: false, shiftKey: false };

test.each<[Partial<KeyboardEvent>, string | null]>([
  [{ key: "r" }, "r"],
  [{ key: "R" }, "r"], // caps lock
  [{ key: "R", shiftKey: true }, "Shift+r"],
  [{ key: "?", shiftKey: true }, "?"],
  [{ key: "å" }, "å"],
  [{ key: "k", metaKey: true }, "Mod+k"],
  [{ key: "+", ctrlKey: true }, "Mod++"],
  [{ key: "Enter", ctrlKey: true }, "Mod+Enter"],
  [{ key: "F2", shiftKey: true }, "Shift+F2"],
  ...["Enter", "Escape", "Tab", " ", "Backspace", "ArrowDown", "Home", "Shift", "Control", "Dead"].map((key): [Partial<KeyboardEvent>, null] => [{ key }, null]),
])("%j is %s", (pressed, stroke) => {
  expect(strokeOf({ ...NOTHING, ...pressed })).toBe(stroke);
});

test("the defaults do not clash", () => {
  for (const bound of BOUND) expect(clashOf(DEFAULT_KEYS, bound, DEFAULT_KEYS[bound])).toBe(null);
});

test.each([
  ["note", "r", { why: "taken", by: "reply" }],
  ["note", "g", { why: "taken", by: "inbox" }],
  ["note", "r x", { why: "taken", by: "reply" }],
  ["note", "g n", null],
  ["note", "Mod+w", { why: "reserved" }],
  ["send", "q", { why: "unheard" }],
  ["send", "Mod+Shift+Enter", null],
] as const)("%s on %s", (bound, keys, clash) => {
  expect(clashOf(DEFAULT_KEYS, bound, keys)).toEqual(clash);
});

test("what was kept and is not understood is left out", () => {
  expect(keymapOf({ reply: "q", card: 7, gone: "x" })).toEqual({ ...DEFAULT_KEYS, reply: "q" });
  expect(keymapOf("x")).toEqual(DEFAULT_KEYS);
});

test("keys are shown as printed", () => {
  expect(printed("g i")).toEqual(["G", "I"]);
  expect(printed("Mod++")).toEqual(["Ctrl", "+"]);
  expect(printed("Shift+F2")).toEqual(["⇧", "F2"]);
  expect(["r", "Shift+F2", "F2", "Alt+r", "Mod+Enter"].map(whileTyping)).toEqual([false, true, true, true, true]);
});
