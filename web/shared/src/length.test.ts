import { expect, test } from "vitest";

import { lengthOf, type TextUnit } from "./length";

test("a text is counted in the units of its channel", () => {
  const counted = (text_unit: TextUnit) => lengthOf("å😀", { text_limit: 10, text_unit }).used;
  expect([counted("characters"), counted("utf16"), counted("bytes"), counted("sms")]).toEqual([2, 3, 6, 3]);
});
