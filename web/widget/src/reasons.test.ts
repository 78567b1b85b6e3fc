import { expect, test } from "vitest";

import { reasonOf, words } from "./words";

test.each([
  ["/problems/too-large", "det är för långt eller för stort", "it is too long or too large"],
  ["/problems/too-many-codes", "för många koder har prövats härifrån. Vänta en timme", "too many codes were tried from here. Wait an hour"],
  ["/problems/of-tomorrow", "okänt skäl", "unknown reason"],
  ["A text has at most 4000 characters", "okänt skäl", "unknown reason"],
  [undefined, "okänt skäl", "unknown reason"],
])("what the server refuses is said in the customer's language: %s", (type, swedish, english) => {
  const word = reasonOf(type);
  expect([words.sv[word], words.en[word]]).toEqual([swedish, english]);
});
