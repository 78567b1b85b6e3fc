import { expect, test } from "vitest";

import { lines, type Line } from "./lines";
import type { Actor, Body, EntryView } from "./model";

const CUSTOMER: Actor = { kind: "customer", identity: "idn_1" };
const ANNA: Actor = { kind: "agent", agent: "agt_1", name: "Anna" };

function view(seq: number, body: Body, { by = CUSTOMER, at = "2026-03-01T12:00:00Z", channel = "webchat" } = {}): EntryView {
  const entry = { id: `ent_${seq}`, identity: "idn_1", at, by, body, seq };
  return { entry, address: { channel, account: "demo", user: "u" } };
}

function said(text: string, external_id = text): Body {
  return { kind: "message_in", text, external_id, attachments: [], incomplete: false };
}

const ALL = { lookedAt: null, details: true, whole: true };

function kinds(found: Line[]): string[] {
  return found.map((line) => line.kind);
}

test("days, switches of channel and what is new stand between messages", () => {
  const found = lines(
    [
      view(1, said("a")),
      view(2, said("b"), { at: "2026-03-02T12:00:00Z" }),
      view(3, { kind: "note", text: "n" }, { by: ANNA, at: "2026-03-02T12:00:01Z", channel: "twilio_sms" }),
      view(4, said("c"), { at: "2026-03-02T12:00:02Z", channel: "twilio_sms" }),
    ],
    { ...ALL, lookedAt: "2026-03-02T12:00:00Z" },
  );
  expect(kinds(found)).toEqual(["day", "message", "day", "message", "message", "new", "channel", "message"]);
});

test("the first day has no line while there is something older", () => {
  expect(kinds(lines([view(1, said("a"))], { ...ALL, whole: false }))).toEqual(["message"]);
});

test("messages of one voice within minutes go on, others begin anew", () => {
  const found = lines(
    [
      view(1, said("a")),
      view(2, said("b"), { at: "2026-03-01T12:02:00Z" }),
      view(3, said("c"), { at: "2026-03-01T12:09:00Z" }),
    ],
    ALL,
  );
  expect(found.flatMap((line) => (line.kind === "message" ? [line.goesOn] : []))).toEqual([false, true, false]);
});

test("what moved inside is only told with the details", () => {
  const moved = view(2, { kind: "journey_moved", belief: [], evidence: "intent" });
  expect(kinds(lines([view(1, said("a")), moved], ALL))).toEqual(["day", "message", "fact"]);
  expect(kinds(lines([view(1, said("a")), moved], { ...ALL, details: false }))).toEqual(["day", "message"]);
});

test("a message shows what became of it; a reaction to one that is not here is a fact", () => {
  const found = lines(
    [
      view(1, said("a")),
      view(2, { kind: "message_edited", external_id: "a", text: "b" }),
      view(3, { kind: "reaction", external_id: "a", emoji: "👍" }),
      view(4, { kind: "reaction", external_id: "gone", emoji: "👎" }),
      view(5, { kind: "message_deleted", external_id: "a" }),
    ],
    ALL,
  );
  expect(kinds(found)).toEqual(["day", "message", "fact", "fact", "fact"]);
  const [message] = found.flatMap((line) => (line.kind === "message" ? [line.later] : []));
  expect(message).toEqual({ edited: true, deleted: true, reaction: "👍" });
});

test("that a case waits and goes on is a detail, that it was parked is not", () => {
  const views = [
    view(1, { kind: "episode_changed", phase: "waiting", reason: "answered" }, { by: ANNA }),
    view(2, { kind: "episode_changed", phase: "open", reason: "message" }),
    view(3, { kind: "episode_changed", phase: "snoozed", reason: "snoozed" }, { by: ANNA }),
  ];
  expect(lines(views, { ...ALL, whole: false, details: false }).map((line) => line.key)).toEqual(["ent_3"]);
  expect(kinds(lines(views, { ...ALL, whole: false }))).toEqual(["fact", "fact", "fact"]);
});
