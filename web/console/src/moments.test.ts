import { expect, test } from "vitest";

import { laterToday, nextWeek, tomorrow } from "./moments";

test("later today is within the day's work, if there is enough of it left", () => {
  expect(laterToday(new Date(2026, 2, 2, 9, 30))).toEqual(new Date(2026, 2, 2, 12, 30));
  expect(laterToday(new Date(2026, 2, 2, 15, 0))).toEqual(new Date(2026, 2, 2, 16, 0));
});

test("tomorrow and next week begin at eight", () => {
  expect(tomorrow(new Date(2026, 1, 28, 23, 59))).toEqual(new Date(2026, 2, 1, 8));
  expect(nextWeek(new Date(2026, 2, 2, 7))).toEqual(new Date(2026, 2, 9, 8)); // a Monday
  expect(nextWeek(new Date(2026, 2, 1, 7))).toEqual(new Date(2026, 2, 2, 8)); // a Sunday
});
