import { expect, test } from "vitest";

import { smsCost } from "./sms";

test("a text of the default alphabet has 160 places, and 153 in each of several", () => {
  expect(smsCost("å".repeat(160))).toEqual({ encoding: "GSM-7", units: 160, segments: 1, culprits: [] });
  expect(smsCost("a".repeat(161)).segments).toBe(2);
  expect(smsCost("a".repeat(307)).segments).toBe(3);
});

test("a character of the extension table takes two places, and never lies in two messages", () => {
  expect(smsCost("€").units).toBe(2);
  expect(smsCost(`${"a".repeat(152)}€${"a".repeat(152)}`).segments).toBe(3);
});

test("one other character has all of the text cost more", () => {
  expect(smsCost("hej 🏔️")).toEqual({ encoding: "UCS-2", units: 7, segments: 1, culprits: ["🏔", "\ufe0f"] });
  expect(smsCost(`😀${"a".repeat(69)}`).segments).toBe(2);
});
