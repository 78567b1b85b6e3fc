// The sandbox's API, and looking at it again and again.

import type { Limit } from "@samtal/shared/length";
import { useEffect } from "preact/hooks";

export interface Account extends Limit {
  channel: string;
  account: string;
  users: string[];
}

export interface Choice {
  title: string;
  payload: string | null;
  url: string | null;
}

export interface OnPhone {
  n: number;
  side: "me" | "them";
  text: string;
  choices: Choice[];
  attachments: string[];
  at: string;
}

export interface WireHeader {
  name: string;
  value: string;
  proof: boolean;
}

export interface Exchange {
  n: number;
  at: string;
  way: "to_provider" | "webhook";
  channel: string;
  account: string;
  method: string;
  path: string;
  headers: WireHeader[];
  body: string;
  status: number;
  answer: string;
}

export interface Writing {
  text: string;
  payload?: string;
  ref?: string;
  name?: string;
}

/** The server refused, or (`detail` is null) did not answer. */
export class Trouble extends Error {
  constructor(readonly detail: string | null) {
    super(detail ?? "no answer");
  }
}

export const accounts = (signal: AbortSignal) =>
  ask<{ accounts: Account[] }>("/sandbox-api/phones", { signal }).then((answer) => answer.accounts);

export const exchanges = (after: number, signal: AbortSignal) =>
  ask<{ exchanges: Exchange[] }>(`/sandbox-api/wire?after=${after}`, { signal }).then((answer) => answer.exchanges);

export const screen = (account: Account, user: string, after: number, signal?: AbortSignal) =>
  ask<{ messages: OnPhone[] }>(`${place(account, user)}?after=${after}`, signal ? { signal } : {}).then(
    (answer) => answer.messages,
  );

/** Gives the status that the hub answered the provider with. */
export const write = (account: Account, user: string, writing: Writing) =>
  ask<{ hub_status: number }>(`${place(account, user)}/write`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(writing),
  }).then((answer) => answer.hub_status);

export const keyOf = ({ channel, account }: Pick<Account, "channel" | "account">) => `${channel}/${account}`;

function place(account: Account, user: string): string {
  return `/sandbox-api/phones/${keyOf(account)}/${encodeURIComponent(user)}`;
}

async function ask<Answer>(path: string, init: RequestInit): Promise<Answer> {
  const answer = await fetch(path, init).catch(() => {
    throw new Trouble(null);
  });
  const said = await answer.json().catch(() => null);
  if (!answer.ok || said === null) throw new Trouble(said?.detail ?? said?.title ?? String(answer.status));
  return said;
}

const EVERY_MS = 700;
const SELDOM_MS = 5000;

/** Look now and then while the page is seen, more seldom while it fails; `what` begins it anew. */
export function useLooking(look: (signal: AbortSignal) => Promise<void>, what: string): void {
  useEffect(() => {
    const stopping = new AbortController();
    void keepLooking(look, stopping.signal);
    return () => stopping.abort();
  }, [what]);
}

async function keepLooking(look: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
  let failed = 0;
  while (!signal.aborted) {
    try {
      await look(signal);
      failed = 0;
    } catch {
      failed += 1; // whoever looks has told
    }
    await pause(Math.min(EVERY_MS * 2 ** failed, SELDOM_MS), signal);
    await seen(signal);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  });
}

function seen(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (!document.hidden) return resolve();
    const look = () => {
      if (document.hidden) return;
      document.removeEventListener("visibilitychange", look);
      resolve();
    };
    document.addEventListener("visibilitychange", look, { signal });
  });
}

/** Both lists as one, each number once, in order. */
export function merged<One extends { n: number }>(old: One[], fresh: One[]): One[] {
  if (fresh.length === 0) return old;
  const all = new Map([...old, ...fresh].map((one) => [one.n, one]));
  return [...all.values()].sort((one, other) => one.n - other.n);
}
