import { translator } from "@samtal/shared/text";
import { expect, test } from "vitest";

import { TEXTS } from "./texts";
import { verdictWords } from "./verdicts";

const SWEDISH = { t: translator(TEXTS, "sv"), language: "sv" as const };
const ENGLISH = { t: translator(TEXTS, "en"), language: "en" as const };

test.each([
  ["chosen", "Vald"],
  ["stage is not support or loyalty", "Gäller bara skedet Behöver hjälp eller Återkommer"],
  ["channel is not sms", "Gäller bara kanalen sms"],
  ["condition fails: order.status in packed, shipped", "Villkoret stämmer inte: order.status in packed, shipped"],
  ["customer is a group of variables, not one", "customer är en grupp av variabler, inte en"],
  ["cannot be filled in: two\nlines", "Kan inte fyllas i: two\nlines"],
  ["something new {name}", "something new {name}"],
])("%s", (verdict, said) => {
  expect(verdictWords(verdict, SWEDISH)).toBe(said);
});

test("a moment is shown as people read it", () => {
  expect(verdictWords("ended 2026-03-02T09:00:00+00:00", ENGLISH)).toMatch(/^Ended 2 March 2026 at \d\d:00$/);
});
