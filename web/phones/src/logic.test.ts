import { beforeEach, expect, test } from "vitest";

import { filling, opening } from "./links";
import { chosen, kindOf, newcomer, people, plausible } from "./people";
import { pretty } from "./pretty";
import { merged } from "./server";

beforeEach(() => localStorage.clear());

test("links of the apps open to what they carry", () => {
  expect(opening("sms:+46766860000?body=ABCD-2345")).toEqual({ text: "ABCD-2345" });
  expect(opening(" https://wa.me/46766860000?text=ABCD-2345 ")).toEqual({ text: "ABCD-2345" });
  expect(opening("https://t.me/FjallBot?start=ABCD-2345")).toEqual({ text: "ABCD-2345", ref: "ABCD-2345" });
  expect(opening("viber://pa?chatURI=fjall&context=ABCD-2345")).toEqual({ text: "ABCD-2345", ref: "ABCD-2345" });
  expect(opening("https://line.me/R/oaMessage/%40fjall/?ABCD-2345")).toEqual({ text: "ABCD-2345" });
  expect(opening("https://m.me/100?ref=ABCD-2345")).toEqual({ text: "ABCD-2345", ref: "ABCD-2345" });
});

test("other texts are texts", () => {
  for (const text of ["ABCD-2345", "https://example.com/?start=x", "https://t.me/FjallBot", "se https://t.me/B?start=x", ""]) {
    expect(opening(text)).toBeNull();
  }
});

test("a page's link says which phone has what ready", () => {
  expect(filling("#twilio_sms:ABCD-2345")).toEqual({ channel: "twilio_sms", account: null, text: "ABCD-2345" });
  expect(filling("#telegram/demo:hej%20d%C3%A4r:%29")).toEqual({ channel: "telegram", account: "demo", text: "hej där:)" });
  for (const hash of ["", "#", "#twilio_sms", "#twilio_sms:", "#twilio_sms:%"]) expect(filling(hash)).toBeNull();
});

test("people are remembered, the last chosen first", () => {
  const first = people("twilio_sms/demo", "twilio_sms");
  expect(first).toEqual([{ user: "+46701234567", name: "Astrid Lind" }]);
  const second = newcomer("twilio_sms", ["+46701234567"]);
  expect(second).toEqual({ user: "+46701740605", name: "Björn Ek" });
  chosen("twilio_sms/demo", first, second);
  expect(people("twilio_sms/demo", "twilio_sms")).toEqual([second, ...first]);
  localStorage.setItem("samtal.phones.people.telegram/demo", '[{"user": 7}, "x"]');
  expect(people("telegram/demo", "telegram")).toEqual([{ user: "10001", name: "Astrid Lind" }]);
});

test("a new customer is nobody who was seen", () => {
  expect(newcomer("telegram", ["10001", "10003"]).user).toBe("10004");
  expect(newcomer("messenger", []).user).toBe("20001");
  expect(newcomer("mailbox", []).user).toBe("astrid@example.com");
});

test("users look as their channel wants", () => {
  expect([kindOf("twilio_whatsapp"), kindOf("mailbox"), kindOf("telegram")]).toEqual(["number", "address", "user"]);
  expect(plausible("twilio_sms", "+46701234567")).toBe(true);
  expect(plausible("twilio_sms", "070-1234567")).toBe(false);
  expect(plausible("telegram", "a/b")).toBe(false);
});

test("bodies are made readable, and what is cut off stays as it is", () => {
  expect(pretty("Body=Hej+d%C3%A4r&To=%2B46", "application/x-www-form-urlencoded")).toBe("Body: Hej där\nTo: +46");
  expect(pretty('{"a":1}', "application/json")).toBe('{\n  "a": 1\n}');
  expect(pretty('{"a":', "application/json")).toBe('{"a":');
});

test("what is told twice is shown once, in order", () => {
  expect(merged([{ n: 1 }, { n: 3 }], [{ n: 2 }, { n: 3 }])).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
});
