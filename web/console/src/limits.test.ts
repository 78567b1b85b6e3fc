import { expect, test } from "vitest";

import { milliseconds, windowOf } from "./limits";
import type { ChannelInfo, Identity, Row } from "./model";

const NOW = Date.parse("2026-03-02T12:00:00Z");
const identity: Identity = {
  id: "idn_1",
  address: { channel: "messenger", account: "demo", user: "u" },
  created_at: "2026-03-01T00:00:00Z",
};

function channel(human_window: string | null, window: string | null = "P1D"): ChannelInfo {
  const capabilities = { text_limit: 2000, text_unit: "utf16" as const, attachments: [], window, human_window };
  return { channel: "messenger", account: "demo", capabilities };
}

function row(last: string | null): Row {
  const last_inbound = last ? [{ identity: "idn_1", at: last }] : [];
  const state = { thread: "thr_1", version: 1, owner: { kind: "bot" } as const, belief: [], last_inbound, last_text: "" };
  return { state, identities: [identity] };
}

test("durations are read", () => {
  expect(milliseconds("P1D")).toBe(86_400_000);
  expect(milliseconds("PT1H30M")).toBe(5_400_000);
  expect(milliseconds("P7DT1S")).toBe(604_801_000);
});

test("the window is what people have, else what all have", () => {
  const yesterday = row("2026-03-01T11:59:59Z");
  expect(windowOf(yesterday, identity, channel(null), NOW)).toEqual({ state: "closed", ago: 86_401_000 });
  expect(windowOf(yesterday, identity, channel("P7D"), NOW)).toEqual({ state: "open" });
  expect(windowOf(row("2026-03-01T13:00:00Z"), identity, channel(null), NOW)).toEqual({ state: "soon", left: 3_600_000 });
  expect(windowOf(row(null), identity, channel(null), NOW)).toEqual({ state: "closed", ago: null });
  expect(windowOf(row(null), identity, channel(null, null), NOW)).toEqual({ state: "open" });
});
