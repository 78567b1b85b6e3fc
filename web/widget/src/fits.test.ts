import { expect, test } from "vitest";

import { fits } from "./fits";
import type { Question } from "./shapes";

const asked = (pattern?: string): Question => ({
  name: "order_number",
  kind: "order_number",
  label: "Ordernummer",
  max_length: 60,
  ...(pattern === undefined ? {} : { pattern }),
});

test("the whole answer has to fit, in any case", () => {
  const order = asked(String.raw`(?:order)?\s*(?:FB\s?-?\s?)?(?<value>\d{6})\.?`);
  for (const answer of ["104233", "fb-104233", "ORDER FB 104233."]) expect(fits(answer, order)).toBe(true);
  for (const answer of ["", "10423", "FB-104233 tack", "hej"]) expect(fits(answer, order)).toBe(false);
  expect(fits("a", asked("a|b"))).toBe(true);
  expect(fits("ab", asked("a|b"))).toBe(false);
});

test("any answer fits a question without a pattern, or with one that is none here", () => {
  expect(fits("vad som helst", asked())).toBe(true);
  expect(fits("vad som helst", asked("(?P<value>a)"))).toBe(true);
});
