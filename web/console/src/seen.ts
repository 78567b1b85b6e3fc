// Up to when each thread has been looked at here.

import { store, stored } from "@samtal/shared/storage";

import type { Row } from "./model";

const MOST = 500;

export class Seen {
  private readonly moments: Map<string, string>;

  constructor(private readonly agent: string) {
    this.moments = new Map(read(this.key));
  }

  /** Whether something happened since in a thread that is for this agent to answer. */
  isUnread(row: Row): boolean {
    const { owner, last_at, thread } = row.state;
    const concerns = owner.kind === "offered" || (owner.kind === "agent" && owner.agent === this.agent);
    return concerns && !!last_at && last_at !== this.moments.get(thread);
  }

  /** Where reading stopped, or null when it never began. */
  before(thread: string): string | null {
    return this.moments.get(thread) ?? null;
  }

  look(row: Row): boolean {
    const { thread, last_at } = row.state;
    if (!last_at || this.moments.get(thread) === last_at) return false;
    this.moments.delete(thread);
    this.moments.set(thread, last_at);
    store(this.key, JSON.stringify([...this.moments].slice(-MOST)));
    return true;
  }

  private get key(): string {
    return `samtal.desk.seen.${this.agent}`;
  }
}

function read(key: string): [string, string][] {
  try {
    return JSON.parse(stored(key) ?? "[]") as [string, string][];
  } catch {
    return [];
  }
}
