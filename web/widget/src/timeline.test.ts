import { expect, test } from "vitest";

import type { ChatMessage } from "./shapes";
import { continues, Timeline } from "./timeline";

function told(id: string, seq: number, more: Partial<ChatMessage> = {}): ChatMessage {
  return { id, seq, at: "2026-03-01T12:00:00Z", author: "bot", text: id, channel: "webchat", ...more };
}

function written(key: string): { key: string; message: ChatMessage; way: "sending" } {
  return { key, way: "sending", message: { id: key, at: "2026-03-01T12:00:00Z", author: "customer", text: key } };
}

const keys = (timeline: Timeline) => timeline.lines.map((line) => line.key);

test("each message is shown once, in order of seq, what is under way last", () => {
  const timeline = new Timeline();
  expect(timeline.hear(told("b", 2))).toBe(true);
  timeline.write(written("mine"));
  expect(timeline.hear(told("d", 4))).toBe(true);
  expect(timeline.hear(told("a", 1))).toBe(true);
  expect(timeline.hear(told("b", 2))).toBe(false);
  expect(keys(timeline)).toEqual(["a", "b", "d", "mine"]);
});

test("what was written here becomes the server's message, in its place and words", () => {
  const timeline = new Timeline();
  timeline.write(written("mine"));
  timeline.hear(told("reply", 4));
  const own = told("e3", 3, { author: "customer", external_id: "mine", text: "cleaned" });
  expect(timeline.hear(own)).toBe(false);
  expect(timeline.hear(own)).toBe(false);
  expect(keys(timeline)).toEqual(["mine", "reply"]);
  expect(timeline.lines[0]).toMatchObject({ way: "sent", message: { id: "e3", seq: 3, text: "cleaned" } });
  timeline.went("mine", "refused", "too late to say so");
  expect(timeline.lines[0]).toMatchObject({ way: "sent" });
});

test("what is under way keeps its order", () => {
  const timeline = new Timeline();
  timeline.write(written("one"));
  timeline.write(written("two"));
  expect(timeline.went("one", "sent")).toBe(true);
  expect(timeline.went("three", "sent")).toBe(false);
  expect(keys(timeline)).toEqual(["one", "two"]);
});

test("nobody else's message with the same external id is taken for one written here", () => {
  const timeline = new Timeline();
  timeline.write(written("m1"));
  expect(timeline.hear(told("e1", 1, { external_id: "m1" }))).toBe(true);
  expect(keys(timeline)).toEqual(["e1", "m1"]);
});

test("a later word on a message changes its status and nothing else", () => {
  const timeline = new Timeline();
  timeline.hear(told("a", 1, { name: "Anna" }));
  timeline.hear(told("a", 1, { status: "failed" }));
  expect(timeline.lines[0]?.message).toMatchObject({ name: "Anna", status: "failed" });
});

test("a new visitor keeps what was not sent", () => {
  const timeline = new Timeline();
  timeline.hear(told("a", 1));
  timeline.write(written("mine"));
  timeline.went("mine", "refused", "why");
  timeline.clear({ unsent: true });
  expect(keys(timeline)).toEqual(["mine"]);
  timeline.remove("mine");
  expect(timeline.lines).toEqual([]);
  timeline.write(written("mine"));
  timeline.clear({ unsent: false });
  expect(timeline.lines).toEqual([]);
});

test("lines of one writer stand together", () => {
  const first = told("a", 1, { author: "agent", name: "Anna" });
  expect(continues(told("b", 2, { author: "agent", name: "Anna", at: "2026-03-01T12:04:59Z" }), first)).toBe(true);
  expect(continues(told("b", 2, { author: "agent", name: "Anna", at: "2026-03-01T12:05:00Z" }), first)).toBe(false);
  expect(continues(told("b", 2, { author: "agent", name: "Bo" }), first)).toBe(false);
  expect(continues(told("b", 2, { author: "agent", name: "Anna", channel: "telegram" }), first)).toBe(false);
  expect(continues(first, undefined)).toBe(false);
});
