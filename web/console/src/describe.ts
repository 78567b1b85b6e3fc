// Threads, owners, messages out and problems in words.

import { channelName } from "@samtal/shared/text";
import { clock, moment } from "@samtal/shared/time";

import { Refusal } from "./api";
import { personaName, type Persona } from "./customer";
import type { BodyOf, EntryView, Identity, Owner, Row, SendState, Sign } from "./model";
import { perhaps, type Words } from "./words";

export function nameOf(row: Row, { t }: Words): string {
  const named = row.identities.find((one) => one.name) ?? row.identities.find((one) => one.phone);
  return named?.name || named?.phone || t("visitor", { id: markOf(row.identities[0]?.id ?? row.state.thread) });
}

export function markOf(id: string): string {
  return id.slice(-4).toUpperCase();
}

export function initialsOf(name: string): string {
  const words = name.split(/\s+/).filter(Boolean);
  return words
    .slice(0, 2)
    .map((word) => [...word][0] ?? "")
    .join("")
    .toUpperCase();
}

export function ownerOf(owner: Owner, me: string, { t }: Words): string {
  switch (owner.kind) {
    case "bot":
      return t("owner.bot");
    case "offered":
      return t("owner.offered", { queue: owner.queue });
    case "agent":
      return owner.agent === me ? t("owner.me") : owner.name;
    case "none":
      return t("owner.none");
  }
}

/** The identity that replies go to unless another is chosen. */
export function activeOf(row: Row): Identity | undefined {
  return row.identities.find((one) => one.id === row.state.active) ?? row.identities[0];
}

/** How long, in the largest unit that fits. */
export function span(milliseconds: number, { t }: Words): string {
  const minutes = Math.floor(milliseconds / 60_000);
  if (minutes < 1) return t("time.now");
  if (minutes < 60) return t("time.minutes", { n: minutes });
  if (minutes < 48 * 60) return t("time.hours", { n: Math.floor(minutes / 60) });
  return t("time.days", { n: Math.floor(minutes / 60 / 24) });
}

/** A moment to come: the clock if it is today, else with its date. */
export function momentTo(at: string, { language }: Words): string {
  const shown = moment(at, language);
  return shown === clock(at, language) ? shown : `${shown} ${clock(at, language)}`;
}

export type Delivery = "queued" | "sending" | "sent" | "delivered" | "read" | "failed" | "dropped" | "unknown";

const REACHED = ["queued", "sent", "delivered", "read"] as const;

/** How far a message out has come: the least of its parts, failed if any failed. */
export function deliveryOf(send: SendState): Delivery {
  if (send.status !== "sent") return send.status;
  const parts = send.parts.map((part) => part.status);
  if (parts.includes("failed")) return "failed";
  const least = Math.min(...parts.map((status) => REACHED.findIndex((one) => one === status)));
  return parts.length && least > 1 ? (REACHED[least] ?? "sent") : "sent";
}

/** How a message out went, with the reason if it did not. */
export function deliveryWords(send: SendState, words: Words): string {
  const delivery = deliveryOf(send);
  const said = words.t(`delivery.${delivery}`);
  if (delivery !== "failed" && delivery !== "unknown") return said;
  const code = send.parts.find((part) => part.error_code)?.error_code;
  const why = [send.failure && perhaps(words, "failure", send.failure), send.detail || code].filter(Boolean);
  return why.length ? `${said}: ${why.join(", ")}` : said;
}

/** A fact of the thread as a line; null for messages and notes, which are shown as such. */
export function factOf(view: EntryView, words: Words, personas: Persona[]): string | null {
  const { t, language } = words;
  const { body } = view.entry;
  const channel = channelName(view.address.channel, language);
  switch (body.kind) {
    case "message_in":
    case "message_out":
    case "echo_out":
    case "note":
      return null;
    case "owner_changed":
      return ownerFact(body, words);
    case "linked":
      return t("fact.linked", { proof: perhaps(words, "proof", body.proof) }) + (body.reason ? `: ${body.reason}` : "");
    case "link_asked":
      return t("fact.link_asked", { channel });
    case "link_refused":
      return `${t("fact.link_refused")}: ${perhaps(words, "refused", body.reason.replaceAll(" ", "_"))}`;
    case "unlinked":
      return `${t("fact.unlinked")} · ${perhaps(words, "reason", body.reason)}`;
    case "link_revealed":
      return t("fact.link_revealed");
    case "link_proposed":
      return `${t("fact.link_proposed")}: ${body.reason}`;
    case "suggestion_dismissed":
      return `${t("fact.suggestion_dismissed")}: ${body.reason}`;
    case "facet_changed":
      return t(body.quote ? "fact.facet.quoted" : "fact.facet", { facet: personaName(body.facet, personas, language), quote: body.quote });
    case "facets_stand":
      return t(`fact.facets.${body.reason}`);
    case "episode_changed":
      return episodeFact(body, words);
    case "conversation_started":
      return t("fact.started", { channel }) + (body.ref ? ` (${body.ref})` : "");
    case "consent_changed":
      return t(body.opted_out ? "fact.opted_out" : "fact.opted_in", { channel });
    case "unsupported_in":
      return t("fact.unsupported", { what: body.what });
    case "piece_in":
      return t("fact.piece", { number: body.piece.number, total: body.piece.total, channel });
    case "message_edited":
      return view.entry.gone ? t("fact.edited.gone") : t("fact.edited", { text: body.text });
    case "message_deleted":
      return t("fact.deleted");
    case "reaction":
      if (view.entry.gone) return t("fact.reaction.gone");
      return body.emoji ? t("fact.reaction", { emoji: body.emoji }) : t("fact.reaction.none");
    case "dialogue_moved": {
      const { form } = body.dialogue;
      return form ? t("fact.dialogue.form", { form: form.form, step: form.step }) : t("fact.dialogue");
    }
    case "journey_moved": {
      const [first] = [...body.belief].sort((one, other) => other.share - one.share);
      const stage = first ? perhaps(words, "stage", first.stage) : "";
      const before = body.before?.find((one) => one.stage === first?.stage);
      const share = percent(first?.share ?? 0);
      const evidence = body.because?.length ? signsOf(body.because, words) : perhaps(words, "reason", body.evidence);
      const moved = before
        ? t("fact.journey.from", { stage, before: percent(before.share), share, evidence })
        : t("fact.journey", { stage, share, evidence });
      return body.facet ? `${personaName(body.facet, personas, language)} · ${moved}` : moved;
    }
    default:
      return t("fact.unknown", { kind: (body as { kind: string }).kind });
  }
}

/** What moved a journey, the likeliest stage of each sign with it: "Saw the cart (buys ×5)". */
export function signsOf(signs: Sign[], words: Words): string {
  return signs.map((sign) => signOf(sign, words)).join(", ");
}

export function signOf({ kind, what, ratios, weight }: Sign, words: Words): string {
  const name = kind === "message" ? words.t("sign.message", { intent: what }) : perhaps(words, "sign", what);
  const [most] = [...ratios].sort((one, other) => other.ratio - one.ratio);
  if (!most || most.ratio <= 1) return name;
  const times = (most.ratio ** weight).toLocaleString(words.language, { maximumFractionDigits: 1 });
  return words.t("sign.for", { name, stage: perhaps(words, "stage", most.stage).toLocaleLowerCase(words.language), times });
}

/** The line of a fact with who of us did it, where the words do not say so themselves. */
export function lineOf(view: EntryView, words: Words, personas: Persona[]): string | null {
  const { by, body } = view.entry;
  const said = factOf(view, words, personas);
  const names = body.kind === "owner_changed" && body.owner.kind === "agent";
  return said && by.kind === "agent" && !names ? `${said} · ${by.name}` : said;
}

function ownerFact(body: BodyOf<"owner_changed">, words: Words): string {
  const { owner } = body;
  const values = {
    ...(owner.kind === "offered" ? { queue: owner.queue } : {}),
    ...(owner.kind === "agent" ? { name: owner.name } : {}),
  };
  const said = `${words.t(`fact.owner.${owner.kind}`, values)} · ${perhaps(words, "reason", body.reason)}`;
  return body.note ? `${said}: ${body.note}` : said;
}

function episodeFact(body: BodyOf<"episode_changed">, words: Words): string {
  const { t } = words;
  switch (body.phase) {
    case "snoozed":
      return t("fact.episode.snoozed", { time: body.until ? momentTo(body.until, words) : "" });
    case "resolved":
      return [t("fact.episode.resolved"), body.reason && perhaps(words, "reason", body.reason)].filter(Boolean).join(" · ");
    case "waiting":
    case "abandoned":
      return t(`fact.episode.${body.phase}`);
    case "open":
      if (body.reason === "opened" || body.reason === "reopened") return t(`fact.episode.${body.reason}`);
      return [t("fact.episode.again"), body.reason && perhaps(words, "reason", body.reason)].filter(Boolean).join(" · ");
  }
}

export function percent(share: number): number {
  return Math.round(share * 100);
}

const REASONS = [
  ["another agent owns this thread", "problem.taken"],
  ["you do not own this thread", "problem.not_yours"],
  ["this thread is not offered", "problem.not_offered"],
  ["there is no open case", "problem.no_case"],
  ["this case is not snoozed", "problem.not_snoozed"],
  ["that moment has passed", "problem.past"],
  ["this identity is not part", "problem.identity"],
  ["a colleague has replied since", "problem.stale"],
  ["signed in as two different customers", "problem.two_logins"],
  ["linked too often", "problem.shared"],
  ["this customer takes two agents", "problem.takes_two"],
  ["they are one customer already", "problem.same"],
  ["no such link holds here", "problem.unlinked"],
  ["parted meanwhile", "problem.unlinked"],
  ["there is no such other", "problem.gone"],
  ["this is not the latest case", "problem.newer_case"],
  ["too much has happened since", "held.stale.many"],
  ["the value was verified", "problem.verified"],
  ["no loyalty programme is known", "problem.programme"],
] as const;

/** Why something was not done. */
export function problemWords(error: unknown, { t }: Words): string {
  if (!(error instanceof Refusal)) return t("problem.unreached");
  const { status, detail = "", title, winner } = error.problem;
  const key = REASONS.find(([said]) => detail.startsWith(said))?.[1];
  if (key === "problem.not_yours" && winner) return t("problem.owned", { name: winner });
  if (key) return t(key, { name: winner ?? "" });
  if (status === 403) return t("problem.role");
  if (status === 401) return t("login.again");
  if (status === 404) return t("problem.gone");
  if (status === 413) return t("problem.large");
  if (status === 415) return t("problem.kind");
  if (status === 429) return t("problem.many");
  if (status >= 500) return t("problem.fault");
  return detail || title;
}

/** A file's name, with its middle left out where it is long. */
export function shortName(name: string): string {
  const letters = [...name];
  return letters.length > 40 ? `${letters.slice(0, 24).join("")}…${letters.slice(-12).join("")}` : name;
}

/** A size as people read it. */
export function sizeWords(bytes: number, { language }: Words): string {
  const unit = bytes < 1_000_000 ? "kilobyte" : "megabyte";
  const value = bytes < 1_000_000 ? Math.max(1, Math.round(bytes / 1_000)) : bytes / 1_000_000;
  const format = { style: "unit", unit, maximumFractionDigits: 1 } as const;
  return new Intl.NumberFormat(language, format).format(value);
}

