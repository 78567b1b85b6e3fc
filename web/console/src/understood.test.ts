import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { expect, test } from "vitest";

import type { Quote } from "./model";
import { marked } from "./understood";

const quote = (start: number, end: number): Quote => ({ kind: "motive", value: "price", text: "", start, end });
const shown = (text: string, quotes: Quote[]) => renderToStaticMarkup(createElement("p", null, ...marked(text, quotes)));

test("quotes are marked where they stand, whatever stands before them", () => {
  expect(shown("😀 billigast tack", [quote(2, 11)])).toBe("<p>😀 <mark>billigast</mark> tack</p>");
});

test("quotes that overlap are one mark after the other, and nothing is said twice", () => {
  expect(shown("akut idag", [quote(5, 9), quote(0, 6), quote(1, 3)])).toBe("<p><mark>akut i</mark><mark>dag</mark></p>");
});

test("a text is never markup", () => {
  expect(shown("<b>x</b>", [])).toBe("<p>&lt;b&gt;x&lt;/b&gt;</p>");
});
