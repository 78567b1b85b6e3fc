// Replies on their way to the server.
//
// A reply waits some seconds, while it can be taken back. It is kept in storage under its own id until the
// server has taken it, and is sent again with the same id: a closed page, a lost network or a session that has
// ended loses nothing and sends nothing twice.

import { store, stored, storedUnder } from "@samtal/shared/storage";

import { ask, Refusal } from "./api";
import { Observable } from "./observable";

export const UNDO_MS = 5_000;
const AGAIN_MS = 5_000;

export interface Reply {
  id: string;
  agent: string;
  thread: string;
  text: string;
  identity: string | null;
  files: SentFile[];
  /** The highest entry number on the screen when it was written; null sends it whatever was written since. */
  seen: number | null;
  at: string;
  /** Until then it can be taken back. */
  until: number;
}

export interface SentFile {
  id: string;
  name: string;
  media_type: string;
  size: number;
}

export type Held =
  | { why: "undo" }
  | { why: "sending" }
  | { why: "offline" }
  /** A colleague has replied since. */
  | { why: "stale"; winner: string | null }
  | { why: "refused"; problem: Refusal };

export class Outbox extends Observable {
  private readonly replies = new Map<string, { reply: Reply; held: Held }>();
  private readonly timers = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(
    private readonly agent: string,
    /** Called before a reply that was taken goes from the screen, so that its entry is there. */
    private readonly taken: (thread: string) => Promise<void>,
  ) {
    super();
    for (const reply of storedUnder<Reply>(this.key(""))) this.hold(reply);
    addEventListener("pagehide", () => this.leave());
    addEventListener("online", () => this.retry());
  }

  of(thread: string): { reply: Reply; held: Held }[] {
    return [...this.replies.values()].filter(({ reply }) => reply.thread === thread);
  }

  add(reply: Omit<Reply, "agent" | "at" | "until">): Reply {
    const now = Date.now();
    const kept = { ...reply, agent: this.agent, at: new Date(now).toISOString(), until: now + UNDO_MS };
    store(this.key(reply.id), JSON.stringify(kept));
    this.hold(kept);
    return kept;
  }

  /** Take a reply back; null when it has left. */
  undo(id: string): Reply | null {
    const found = this.replies.get(id);
    if (!found || found.held.why === "sending") return null;
    this.forget(id);
    return found.reply;
  }

  /** Send now what waits or was refused; `anyway` whatever a colleague has written. */
  hurry(id: string, { anyway = false } = {}): void {
    const found = this.replies.get(id);
    if (!found) return;
    if (!anyway) return void this.send(found.reply);
    // The server remembers that it refused this id.
    this.forget(id);
    const reply = { ...found.reply, id: newId(), seen: null, until: 0 };
    store(this.key(reply.id), JSON.stringify(reply));
    this.hold(reply);
  }

  /** The network, the server or the session is back. */
  retry(): void {
    for (const { reply, held } of [...this.replies.values()]) if (held.why === "offline") void this.send(reply);
  }

  private hold(reply: Reply): void {
    const wait = reply.until - Date.now();
    this.show(reply, wait > 0 ? { why: "undo" } : { why: "sending" });
    this.later(reply, Math.max(0, wait));
  }

  private later(reply: Reply, wait: number): void {
    clearTimeout(this.timers.get(reply.id));
    this.timers.set(
      reply.id,
      setTimeout(() => void this.send(reply), wait),
    );
  }

  private async send(reply: Reply): Promise<void> {
    if (this.takenBackElsewhere(reply)) return this.forget(reply.id);
    clearTimeout(this.timers.get(reply.id));
    this.show(reply, { why: "sending" });
    try {
      await this.post(reply);
    } catch (error) {
      return this.failed(reply, error);
    }
    await this.taken(reply.thread);
    this.forget(reply.id);
  }

  private failed(reply: Reply, error: unknown): void {
    if (error instanceof Refusal && error.status < 500 && ![401, 408, 429].includes(error.status)) {
      const { winner = null, detail = "" } = error.problem;
      const stale = error.status === 409 && /\bsince\b/.test(detail);
      this.show(reply, stale ? { why: "stale", winner } : { why: "refused", problem: error });
      return;
    }
    this.show(reply, { why: "offline" });
    if (!(error instanceof Refusal && error.status === 401)) this.later(reply, AGAIN_MS);
  }

  // Another tab of this browser may have taken it back, or sent it.
  private takenBackElsewhere(reply: Reply): boolean {
    return storageWorks() && stored(this.key(reply.id)) === null;
  }

  private post(reply: Reply, keepalive = false): Promise<unknown> {
    const body = {
      text: reply.text,
      client_id: reply.id,
      ...(reply.identity ? { identity: reply.identity } : {}),
      ...(reply.files.length ? { files: reply.files.map((file) => file.id) } : {}),
      ...(reply.seen === null ? {} : { seen: reply.seen }),
    };
    return ask("POST", `/threads/${reply.thread}/reply`, { body, keepalive });
  }

  // The page goes: what waited to be taken back leaves now. Should the answer not be heard, the next page
  // sends it again, with the same id.
  private leave(): void {
    for (const { reply, held } of this.replies.values()) {
      if (held.why === "undo") this.post(reply, true).catch(() => {});
    }
  }

  private show(reply: Reply, held: Held): void {
    this.replies.set(reply.id, { reply, held });
    this.changed();
  }

  private forget(id: string): void {
    clearTimeout(this.timers.get(id));
    this.timers.delete(id);
    this.replies.delete(id);
    store(this.key(id), null);
    this.changed();
  }

  private key(id: string): string {
    return `samtal.desk.outbox.${this.agent}.${id}`;
  }
}

export function newId(): string {
  return [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function storageWorks(): boolean {
  const key = "samtal.desk.works";
  store(key, "1");
  const works = stored(key) === "1";
  store(key, null);
  return works;
}
