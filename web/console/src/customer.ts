// What is known of a customer, as `GET /api/v1/customers/{id}` tells it, as far as the console shows it.

import { keepPreviousData, useQuery, type QueryClient } from "@tanstack/react-query";
import { useDebouncedValue } from "@mantine/hooks";
import type { Language } from "@samtal/shared/text";

import { ask } from "./api";
import type { Actor, Entry, Identity, Level, Phase, Row, Share, Sign } from "./model";

const SETTLED_MS = 400; // several things may happen at once
const FRESH_MS = 60_000; // other systems tell at any time

export interface Assurance {
  level: Level;
  since: string;
  proof: string | null;
  by_agent: boolean;
  weak: boolean;
}

export interface CardIdentity {
  identity: Identity;
  assurance: Assurance;
  last_inbound_at: string | null;
}

export interface HeldLink {
  link: { id: string; one: string; other: string; proof: string; at: string; by: Actor; reason: string };
  revealed: boolean;
}

export interface Claim {
  what: "email" | "phone" | "customer_number";
  value: string;
  raw: string;
  source: string;
  at: string;
  verified: boolean;
}

export interface Told {
  value: string;
  verified: boolean;
  source: string;
  at: string;
  by: string | null;
  overruled: boolean;
}

export interface Field {
  key: string;
  best: { told: Told; others: Told[] };
}

/** A correction that the CRM has not taken. */
export interface Push {
  crm: string;
  field: string;
  value: string;
  status: "waiting" | "failed";
  reason: string;
}

export interface Consent {
  channel: string;
  purpose: string;
  /** As this persona; none: as any other. */
  facet: string | null;
  allowed: boolean;
  source: string;
  at: string;
}

export interface CaseStep {
  phase: Phase;
  reason: string;
  by: Actor;
  at: string;
}

export interface Case {
  id: string;
  phase: Phase;
  opened_at: string;
  changed_at: string;
  reason: string;
  facet: string;
  steps: CaseStep[];
}

export interface Fact {
  id: string;
  at: string;
  source: string;
  partner?: string | null;
  body: { kind: string } & Record<string, unknown>;
}

export interface Suggestion {
  one: string;
  other: string;
  thread: string;
  identities: Identity[];
  evidence: { what: Claim["what"]; value: string; basis: string }[];
  score: number;
  conflict: string | null;
}

export interface Act {
  entry: Entry;
  levels: { identity: string; before: Level; after: Level }[];
}

/** Where a facet stands now, and what moved it there. */
export interface JourneyNow {
  persona: string;
  stage: string | null;
  belief: Share[];
  before: Share[];
  because: Sign[];
}

export interface Card {
  thread: string;
  level: Level;
  vip: boolean;
  may_link: boolean;
  identities: CardIdentity[];
  links: HeldLink[];
  claims: Claim[];
  profile: Field[];
  pushes: Push[];
  consents: Consent[];
  episodes: Case[];
  facts: Fact[];
  visits: { first: Fact | null; last: Fact[] };
  journeys: JourneyNow[];
  at_risk: Fact[];
  suggestions: Suggestion[];
  proposals: Entry[];
  conflicts: Entry[];
  acts: Act[];
}

export interface Persona {
  key: string;
  names: { sv: string; en: string };
}

/** The card of the thread's customer; null until it is there, and when it is of others too. */
export function useCard(row: Row): { card: Card | null; failed: boolean } {
  const [version] = useDebouncedValue(row.state.version, SETTLED_MS);
  const { thread } = row.state;
  const found = useQuery({
    queryKey: ["customer", thread, version],
    queryFn: ({ signal }) => ask<Card>("GET", `/customers/${thread}`, { signal }),
    placeholderData: keepPreviousData,
    refetchInterval: FRESH_MS,
  });
  const card = found.data ?? null;
  const own = new Set(row.identities.map((one) => one.id));
  const isTheirs = card?.thread === thread && card.identities.every((one) => own.has(one.identity.id));
  return { card: isTheirs ? card : null, failed: found.isError };
}

/** A customer parted: nothing that was read while they were one is shown again. */
export function forgetCustomers(client: QueryClient): void {
  client.removeQueries({ queryKey: ["customer"] });
  client.removeQueries({ queryKey: ["search"] });
}

export function usePersonas(): Persona[] {
  const found = useQuery({
    queryKey: ["personas"],
    queryFn: ({ signal }) => ask<{ personas: Persona[] }>("GET", "/personas", { signal }),
    staleTime: Infinity,
  });
  return found.data?.personas ?? [];
}

/** What a persona is called; its key while the names are not there. */
export function personaName(key: string, personas: Persona[], language: Language): string {
  return personas.find((one) => one.key === key)?.names[language] ?? key;
}
