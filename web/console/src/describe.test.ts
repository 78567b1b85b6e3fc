import { translator } from "@samtal/shared/text";
import { expect, test } from "vitest";

import { factOf, lineOf } from "./describe";
import type { Actor, Body, EntryView } from "./model";
import { TEXTS } from "./texts";

const SWEDISH = { t: translator(TEXTS, "sv"), language: "sv" as const };
const ENGLISH = { t: translator(TEXTS, "en"), language: "en" as const };
const PERSONAS = [{ key: "business", names: { sv: "Företag", en: "Business" } }];
const ANNA: Actor = { kind: "agent", agent: "agt_1", name: "Anna" };

function view(body: Body, by: Actor = { kind: "system" }): EntryView {
  const entry = { id: "ent_1", identity: "idn_1", at: "2026-03-01T12:00:00Z", by, body, seq: 1 };
  return { entry, address: { channel: "twilio_sms", account: "demo", user: "u" } };
}

function moved(phase: "open" | "waiting" | "resolved" | "abandoned", reason: string): Body {
  return { kind: "episode_changed", phase, reason };
}

test.each<[Body, string, string]>([
  [moved("open", "opened"), "Ärendet öppnades", "The case was opened"],
  [moved("open", "reopened"), "Ärendet öppnades igen", "The case was opened again"],
  [moved("open", "snooze_over"), "Ärendet är öppet igen · parkeringstiden gick ut", "The case is open again · the snooze is over"],
  [moved("open", "message"), "Ärendet är öppet igen · kunden skrev", "The case is open again · the customer wrote"],
  [moved("waiting", "answered"), "Ärendet väntar på kunden", "The case waits for the customer"],
  [moved("resolved", "solved"), "Ärendet stängdes · löst", "The case was closed · solved"],
  [
    moved("abandoned", "quiet"),
    "Ärendet stängdes: kunden kom inte tillbaka",
    "The case was closed: the customer did not come back",
  ],
  [
    { kind: "facet_changed", facet: "business", reason: "cue", quote: "till firman" },
    "Kundens roll är nu Företag: ”till firman”",
    "The customer's role is now Business: “till firman”",
  ],
  [{ kind: "facets_stand", facet: "business", reason: "unlinked" }, "Rollerna delades upp", "The roles were divided"],
  [
    { kind: "link_refused", reason: "signed in as two different customers" },
    "En koppling avvisades: inloggade som två olika kunder",
    "A link was refused: signed in as two different customers",
  ],
  [{ kind: "unlinked", one: "a", other: "b", reason: "customer" }, "Kanaler kopplades isär · kunden ville det", "Channels were unlinked · the customer wanted it"],
  [{ kind: "consent_changed", opted_out: true, source: "keyword" }, "Kunden avböjde utskick på SMS", "The customer declined mailings on SMS"],
])("%j", (body, swedish, english) => {
  expect(factOf(view(body), SWEDISH, PERSONAS)).toBe(swedish);
  expect(factOf(view(body), ENGLISH, PERSONAS)).toBe(english);
});

test("a line says which agent did it, once", () => {
  const facet: Body = { kind: "facet_changed", facet: "parent", reason: "agent", quote: "" };
  expect(lineOf(view(facet, ANNA), SWEDISH, PERSONAS)).toBe("Kundens roll är nu parent · Anna");
  const owner = { kind: "agent", agent: "agt_1", name: "Anna", since: "2026-03-01T12:00:00Z" } as const;
  const taken: Body = { kind: "owner_changed", owner, reason: "agent_accept", note: "" };
  expect(lineOf(view(taken, ANNA), SWEDISH, PERSONAS)).toBe("Anna svarar nu · tog ärendet");
  expect(lineOf(view({ kind: "note", text: "n" }, ANNA), SWEDISH, PERSONAS)).toBeNull();
});
