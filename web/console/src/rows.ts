// All threads that are known here, and the views that show some of them.
//
// Pages of the API and `thread` events both end up in one table, so a thread is in every view that it
// belongs to, at its place. A view shows what it knows down to where its pages have come: below, others may
// be that nobody has told of yet.

import { ask, query } from "./api";
import type { Row, ThreadPage } from "./model";
import { Observable } from "./observable";

export const VIEWS = ["mine", "waiting", "agents", "snoozed", "bot", "all"] as const;
export type ViewName = (typeof VIEWS)[number];

export interface Wanted {
  view: ViewName;
  channel: string | null;
  language: string | null;
}

interface Paging {
  status: "loading" | "ready" | "failed";
  next: string | null;
  /** The last moment that the pages have come to; null when there is no more to come. */
  floor: number | null;
}

const PAGE = 100;
const START: Paging = { status: "loading", next: null, floor: null };

export class Rows extends Observable {
  private known = new Map<string, Row>();
  private readonly paging = new Map<string, Paging>();
  private stale = new Set<string>();

  constructor(private readonly me: string) {
    super();
  }

  get(thread: string): Row | undefined {
    return this.known.get(thread);
  }

  all(): Row[] {
    return [...this.known.values()];
  }

  /** Keep a row unless a newer one is known; says what was known before. */
  put(row: Row): Row | undefined {
    const before = this.known.get(row.state.thread);
    this.stale.delete(row.state.thread);
    if (before && before.state.version >= row.state.version) return before;
    // A row without a level says nothing about it.
    const level = row.level ?? before?.level;
    this.known.set(row.state.thread, level ? { ...row, level } : row);
    this.changed();
    return before;
  }

  drop(thread: string): void {
    if (this.known.delete(thread)) this.changed();
  }

  /** Something may have been missed: what is known stands until its view is read again. */
  doubt(): void {
    this.stale = new Set(this.known.keys());
    this.paging.clear();
    this.changed();
  }

  status(wanted: Wanted): Paging {
    return this.paging.get(keyOf(wanted)) ?? START;
  }

  /** The rows of a view, in its order. */
  list(wanted: Wanted): Row[] {
    const waiting = wanted.view === "waiting";
    const { floor } = this.status(wanted);
    const shown = [...this.known.values()].filter((row) => belongs(row, wanted, this.me));
    const placed = shown.map((row) => ({ row, at: placeOf(row, waiting) }));
    placed.sort((one, other) => (waiting ? one.at - other.at : other.at - one.at));
    const reached = (at: number) => floor === null || (waiting ? at <= floor : at >= floor);
    return placed.filter(({ at }) => reached(at)).map(({ row }) => row);
  }

  /** Read the first page of a view, unless that was done. */
  async open(wanted: Wanted): Promise<void> {
    const known = this.paging.get(keyOf(wanted));
    if (!known || known.status === "failed") await this.read(wanted, null, START);
  }

  /** Read the next page of a view. */
  async more(wanted: Wanted): Promise<void> {
    const known = this.paging.get(keyOf(wanted));
    if (known?.status === "ready" && known.next) await this.read(wanted, known.next, known);
  }

  private async read(wanted: Wanted, cursor: string | null, before: Paging): Promise<void> {
    const key = keyOf(wanted);
    const asking: Paging = { ...before, status: "loading" };
    this.paging.set(key, asking);
    this.changed();
    const waiting = wanted.view === "waiting";
    try {
      const page = await ask<ThreadPage>("GET", `/threads${query({ ...this.filter(wanted), cursor, limit: PAGE })}`);
      if (this.paging.get(key) !== asking) return; // it was doubted meanwhile
      for (const row of page.threads) this.put(row);
      const last = page.threads.at(-1);
      const floor = page.next && last ? placeOf(last, waiting) : null;
      this.paging.set(key, { status: "ready", next: page.next, floor });
      if (cursor === null) this.forget(wanted, floor);
    } catch {
      if (this.paging.get(key) === asking) this.paging.set(key, { ...before, status: "failed" });
    }
    this.changed();
  }

  // What was doubted and is not in the page, though it would have to be, is no longer so.
  private forget(wanted: Wanted, floor: number | null): void {
    const waiting = wanted.view === "waiting";
    for (const thread of this.stale) {
      const row = this.known.get(thread);
      if (!row || !belongs(row, wanted, this.me)) continue;
      const at = placeOf(row, waiting);
      if (floor === null || (waiting ? at < floor : at > floor)) this.known.delete(thread);
    }
  }

  private filter({ view, channel, language }: Wanted): Record<string, string | null> {
    const narrowed = { channel, language };
    switch (view) {
      case "mine":
        return { ...narrowed, agent: this.me };
      case "waiting":
        return { ...narrowed, owner: "offered", order: "waiting" };
      case "agents":
        return { ...narrowed, owner: "agent" };
      case "snoozed":
        return { ...narrowed, phase: "snoozed" };
      case "bot":
        return { ...narrowed, owner: "bot" };
      case "all":
        return narrowed;
    }
  }
}

function belongs(row: Row, { view, channel, language }: Wanted, me: string): boolean {
  const { owner, episode } = row.state;
  if (channel && !row.identities.some((one) => one.address.channel === channel)) return false;
  if (language && row.state.language !== language) return false;
  switch (view) {
    case "mine":
      return owner.kind === "agent" && owner.agent === me;
    case "waiting":
      return owner.kind === "offered";
    case "agents":
      return owner.kind === "agent";
    case "snoozed":
      return episode?.phase === "snoozed";
    case "bot":
      return owner.kind === "bot";
    case "all":
      return true;
  }
}

function keyOf({ view, channel, language }: Wanted): string {
  return `${view}|${channel ?? ""}|${language ?? ""}`;
}

function placeOf(row: Row, waiting: boolean): number {
  const { owner, last_at } = row.state;
  const at = waiting && owner.kind === "offered" ? owner.since : last_at;
  return at ? Date.parse(at) : 0;
}
