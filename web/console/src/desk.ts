// The desk of one logged-in agent: the socket and all that is heard over it.

import { Socket } from "@samtal/shared/socket";
import { createContext, useContext } from "react";

import { ask, carry, onEnded } from "./api";
import { Drafts } from "./drafts";
import type { Counts, DeskEvents, Me, Row } from "./model";
import { Observable } from "./observable";
import { Opened } from "./opened";
import { Outbox } from "./outbox";
import { Rows } from "./rows";
import { Seen } from "./seen";

const COUNT_MS = 1_000; // counts are asked for at most so often
const TYPING_MS = 4_000;

export class Desk extends Observable {
  /** `expired`: everything stays on the screen until the agent has logged in again. */
  connection: "connecting" | "up" | "down" | "expired" = "connecting";
  counts: Counts | null = null;
  opened: Opened | null = null;
  readonly rows: Rows;
  readonly outbox: Outbox;
  readonly drafts: Drafts;
  readonly seen: Seen;
  private readonly socket = new Socket<DeskEvents>("/desk");
  private readonly waiting = new Set<(row: Row) => void>();
  private readonly conflicting = new Set<(row: Row) => void>();
  private readonly moving = new Set<(from: string, to: string) => void>();
  private readonly parting = new Set<() => void>();
  private counting: ReturnType<typeof setTimeout> | undefined;
  private typedAt = 0;

  constructor(public me: Me) {
    super();
    this.rows = new Rows(me.id);
    this.drafts = new Drafts(me.id);
    this.seen = new Seen(me.id);
    this.outbox = new Outbox(me.id, async (thread) => {
      if (this.opened?.thread === thread) await this.opened.watch();
    });
    onEnded(() => this.expire());
    this.socket
      .on("connect", () => this.connected())
      .on("disconnect", () => this.become("down"))
      .on("refused", () => this.expire())
      .on("thread", ({ row, absorbed, parted, conflict }) => {
        this.moved(row, absorbed);
        if (parted) this.part(row);
        if (conflict) for (const handler of this.conflicting) handler(row);
      })
      .on("entries", ({ thread, entries }) => this.of(thread)?.put(entries))
      .on("send", ({ thread, send }) => this.of(thread)?.sent(send))
      .on("viewing", ({ thread, agents }) => this.of(thread)?.sees(agents))
      .on("typing", ({ thread, ...typing }) => this.of(thread)?.types(typing));
    this.resume(me);
  }

  /** Go on, at first or after a new log-in. */
  resume(me: Me): void {
    this.me = me;
    carry(me.csrf);
    this.become("connecting");
    this.socket.start();
    this.outbox.retry();
  }

  open(thread: string): Opened {
    if (this.opened?.thread === thread) return this.opened;
    this.opened?.close();
    this.opened = new Opened(thread, this.socket, (row) => this.rows.put(row));
    if (this.socket.connected) void this.opened.watch();
    this.changed();
    return this.opened;
  }

  close(): void {
    this.opened?.close();
    this.opened = null;
    this.changed();
  }

  /** Somebody waits for a human who did not before. */
  onWaiting(handler: (row: Row) => void): () => void {
    this.waiting.add(handler);
    return () => this.waiting.delete(handler);
  }

  /** Two who are proven to be two customers were to become one, and were refused. */
  onConflict(handler: (row: Row) => void): () => void {
    this.conflicting.add(handler);
    return () => this.conflicting.delete(handler);
  }

  /** A thread went up in another one. */
  onMoved(handler: (from: string, to: string) => void): () => void {
    this.moving.add(handler);
    return () => this.moving.delete(handler);
  }

  /** What was one customer is two. */
  onParted(handler: () => void): () => void {
    this.parting.add(handler);
    return () => this.parting.delete(handler);
  }

  /** Ask how a thread stands. */
  async reread(thread: string): Promise<void> {
    await ask<Row>("GET", `/threads/${thread}`).then(
      (row) => this.rows.put(row),
      () => {}, // it is told when it moves
    );
  }

  look(row: Row): void {
    if (this.seen.look(row)) this.changed();
  }

  typing(thread: string): void {
    if (Date.now() - this.typedAt < TYPING_MS) return;
    this.typedAt = Date.now();
    this.socket.send("typing", { thread }).catch(() => {});
  }

  private connected(): void {
    this.become("up");
    this.rows.doubt();
    this.count();
    void this.opened?.watch();
    this.outbox.retry();
  }

  private expire(): void {
    this.socket.stop();
    this.become("expired");
  }

  private become(connection: Desk["connection"]): void {
    this.connection = connection;
    this.changed();
  }

  private of(thread: string): Opened | null {
    return this.opened?.thread === thread ? this.opened : null;
  }

  private moved(row: Row, absorbed: string | undefined): void {
    const thread = row.state.thread;
    if (absorbed) {
      this.rows.drop(absorbed);
      this.drafts.move(absorbed, thread);
      for (const handler of this.moving) handler(absorbed, thread);
    }
    const before = this.rows.put(row);
    const waits = row.state.owner.kind === "offered";
    if (waits && before?.state.owner.kind !== "offered") for (const handler of this.waiting) handler(row);
    // The bot's own threads move all the time; only a new one changes a count, until they are too many.
    const few = (this.counts?.all ?? 0) < (this.counts?.most ?? 1);
    const ofPeople = row.state.owner.kind !== "bot" || (before && before.state.owner.kind !== "bot");
    if (ofPeople || (!before && few)) this.count();
  }

  private part(row: Row): void {
    this.of(row.state.thread)?.only(row.identities);
    for (const handler of this.parting) handler();
  }

  private count(): void {
    this.counting ??= setTimeout(async () => {
      this.counting = undefined;
      try {
        this.counts = await ask<Counts>("GET", "/threads/counts");
        this.changed();
      } catch {
        // They are asked for again with the next thing that moves.
      }
    }, this.counts ? COUNT_MS : 0);
  }
}

const DeskContext = createContext<Desk | null>(null);
export const DeskProvider = DeskContext.Provider;

export function useDesk(): Desk {
  const desk = useContext(DeskContext);
  if (!desk) throw new Error("there is no desk here");
  return desk;
}
