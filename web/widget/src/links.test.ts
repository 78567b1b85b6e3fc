import { expect, test } from "vitest";

import { parts, webAddress } from "./links";

test("addresses of the web become links, without the marks of the sentence around them", () => {
  expect(parts("Se https://a.example/x?y=1, (http://b.example/(c)).")).toEqual([
    { text: "Se " },
    { text: "https://a.example/x?y=1", href: "https://a.example/x?y=1" },
    { text: ", (" },
    { text: "http://b.example/(c)", href: "http://b.example/(c)" },
    { text: ")." },
  ]);
});

test("everything else stays text", () => {
  for (const text of ["javascript:alert(1)", "data:text/html,x", "ftp://a.example", "https://", "<a href=x>", ""]) {
    expect(parts(text).some((part) => part.href !== undefined)).toBe(false);
    expect(parts(text).map((part) => part.text).join("")).toBe(text);
  }
});

test("an address ends where its direction is turned", () => {
  expect(parts("https://a.example/\u202egnp.exe")[0]).toEqual({ text: "https://a.example/", href: "https://a.example/" });
});

test("only addresses of the web may be followed", () => {
  expect(webAddress("/f/1", "https://hub.example/")).toBe("https://hub.example/f/1");
  expect(webAddress("javascript:alert(1)", "https://hub.example/")).toBeNull();
  expect(webAddress(undefined)).toBeNull();
  expect(webAddress("/f/1")).toBeNull();
});
