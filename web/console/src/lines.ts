// A thread as it is shown: its entries in order, with what lies between them.

import { sameDay } from "@samtal/shared/time";

import type { Body, EntryView } from "./model";

/** What happened to a message after it was written. */
export interface Later {
  edited: boolean;
  deleted: boolean;
  reaction: string;
}

export type Line =
  | { kind: "day"; key: string; at: string }
  | { kind: "new"; key: string }
  | { kind: "channel"; key: string; channel: string }
  | { kind: "fact"; key: string; view: EntryView; quiet: boolean }
  /** `goesOn`: the same author went on writing within a few minutes. */
  | { kind: "message"; key: string; view: EntryView; goesOn: boolean; later: Later };

const GOES_ON_MS = 3 * 60_000;
const MESSAGES: Body["kind"][] = ["message_in", "message_out", "echo_out", "note"];
const QUIET: Body["kind"][] = ["dialogue_moved", "journey_moved", "facets_stand"];
const NOTHING: Later = { edited: false, deleted: false, reaction: "" };

export interface Shown {
  /** When the thread was last looked at. */
  lookedAt: string | null;
  /** Also what only experts want to see. */
  details: boolean;
  /** There is nothing older to fetch: the first day has a line, too. It would not keep its place otherwise. */
  whole: boolean;
}

export function lines(views: EntryView[], shown: Shown): Line[] {
  const { later, told } = whatCameLater(views);
  const found: Line[] = [];
  let before: EntryView | null = null;
  let channel: string | null = null;
  let isNew = shown.lookedAt === null;
  for (const view of views) {
    const { entry, address } = view;
    const quiet = isQuiet(entry.body);
    if ((quiet && !shown.details) || told.has(entry.id)) continue;
    if (before ? !sameDay(before.entry.at, entry.at) : shown.whole) {
      found.push({ kind: "day", key: `day ${entry.id}`, at: entry.at });
    }
    if (!MESSAGES.includes(entry.body.kind)) {
      found.push({ kind: "fact", key: entry.id, view, quiet });
      before = view;
      continue;
    }
    if (!isNew && entry.by.kind === "customer" && Date.parse(entry.at) > Date.parse(shown.lookedAt ?? "")) {
      found.push({ kind: "new", key: "new" });
      isNew = true;
    }
    if (entry.body.kind !== "note") {
      if (channel !== null && channel !== address.channel) {
        found.push({ kind: "channel", key: `channel ${entry.id}`, channel: address.channel });
      }
      channel = address.channel;
    }
    const goesOn = found.at(-1)?.kind === "message" && before !== null && isSameVoice(before, view);
    found.push({ kind: "message", key: entry.id, view, goesOn, later: later.get(entry.id) ?? NOTHING });
    before = view;
  }
  return found;
}

// A case waits after each answer and goes on with each message: those are seen themselves.
function isQuiet(body: Body): boolean {
  if (body.kind !== "episode_changed") return QUIET.includes(body.kind);
  return body.phase === "waiting" || (body.phase === "open" && body.reason === "message");
}

function isSameVoice(one: EntryView, other: EntryView): boolean {
  const near = Date.parse(other.entry.at) - Date.parse(one.entry.at) < GOES_ON_MS;
  return near && one.entry.body.kind === other.entry.body.kind && voiceOf(one) === voiceOf(other);
}

function voiceOf({ entry: { by } }: EntryView): string {
  return by.kind === "agent" ? by.agent : by.kind;
}

// `later` by the id of the message's entry; `told` are the reactions that are shown at their messages.
function whatCameLater(views: EntryView[]): { later: Map<string, Later>; told: Set<string> } {
  const messages = new Map<string, string>();
  const later = new Map<string, Later>();
  const told = new Set<string>();
  for (const view of views) {
    const { body, id, identity } = view.entry;
    for (const external of externalIds(view)) messages.set(`${identity} ${external}`, id);
    if (body.kind !== "message_edited" && body.kind !== "message_deleted" && body.kind !== "reaction") continue;
    const message = messages.get(`${identity} ${body.external_id}`);
    if (!message) continue;
    const known = later.get(message) ?? NOTHING;
    if (body.kind === "reaction") told.add(id);
    later.set(message, {
      edited: known.edited || body.kind === "message_edited",
      deleted: known.deleted || body.kind === "message_deleted",
      reaction: body.kind === "reaction" ? body.emoji : known.reaction,
    });
  }
  return { later, told };
}

function externalIds({ entry: { body }, send }: EntryView): string[] {
  if (body.kind === "message_out") return (send?.parts ?? []).map((part) => part.external_id);
  if (body.kind === "message_in" || body.kind === "echo_out") return body.external_id ? [body.external_id] : [];
  return [];
}
