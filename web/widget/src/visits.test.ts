import { describe, expect, it } from "vitest";

import { campaign, plain } from "./visits";

describe("of an address, what is told", () => {
  it.each([
    ["", ""],
    ["?order=1001&mail=anna%40example.com", ""],
    ["?utm_source=a&utm_medium=cpc&utm_campaign=v%C3%A5r+26&x=1", "?utm_source=a&utm_medium=cpc&utm_campaign=v%C3%A5r+26"],
    ["?gclid=Cj0KCQ&utm_content=a", "?gclid=1"],
    ["?gclid=&utm_source=", ""],
    [`?utm_campaign=${"x".repeat(300)}`, `?utm_campaign=${"x".repeat(100)}`],
  ])("of the query %s is the campaign", (query, told) => {
    expect(campaign(query)).toBe(told);
  });

  it.each([
    ["", ""],
    ["https://a.example/b?c=d#e", "https://a.example/b"],
    ["https://a.example/#e\nf", "https://a.example/"],
    ["android-app://com.example/", "android-app://com.example/"],
  ])("of the referrer %s is the page", (address, told) => {
    expect(plain(address)).toBe(told);
  });
});
