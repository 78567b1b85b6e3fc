// The thread on the screen: its entries as far as they were read, and what is told of it meanwhile.
//
// What is heard says nothing about what came before it: only an answer to `watch` moves `readTo`, from where
// the next one is asked for. An entry may be told twice; it is shown once, at its place.

import type { Socket } from "@samtal/shared/socket";

import { ask, query, Refusal } from "./api";
import type { DeskEvents, EntryView, Identity, Row, SendState, Viewer } from "./model";
import { Observable } from "./observable";

const PAGE = 100; // as many as one answer to `watch` has
const OLDER = 200;
const TYPING_MS = 6_000;

export interface Typing {
  who: "agent" | "customer";
  name: string;
}

export class Opened extends Observable {
  status: "loading" | "ready" | "failed" | "missing" = "loading";
  views: EntryView[] = [];
  older: "some" | "loading" | "failed" | "none" = "some";
  viewers: Viewer[] = [];
  typing: Typing[] = [];
  /** What was one customer is two: what is the other's was taken off the screen. */
  parted = false;
  private readTo = 0;
  private readonly places = new Set<string>();
  private readonly quiet = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(
    public thread: string,
    private readonly socket: Socket<DeskEvents>,
    private readonly keep: (row: Row) => void,
  ) {
    super();
  }

  /** The highest entry number shown; 0 when there is none. */
  get shownTo(): number {
    return this.views.at(-1)?.entry.seq ?? 0;
  }

  /** Read on from where nothing is missing, page by page, and hear what comes from now on. */
  async watch(): Promise<void> {
    const again = this.readTo > 0;
    try {
      for (;;) {
        const after = this.readTo;
        const answer = await this.socket.send<{ row: Row; entries: EntryView[] }>("watch", {
          thread: this.thread,
          after,
        });
        if (!answer.ok) return this.fail(answer.problem.status === 404 ? "missing" : "failed");
        this.thread = answer.row.state.thread;
        this.keep(answer.row);
        this.only(answer.row.identities);
        this.put(answer.entries);
        this.readTo = Math.max(after, ...answer.entries.map(({ entry }) => entry.seq));
        if (!after) this.older = answer.entries.length < PAGE ? "none" : "some";
        this.status = "ready";
        this.changed();
        if (!after || answer.entries.length < PAGE) break;
      }
      if (again) await this.refresh();
    } catch {
      // The socket went, or the server did: it is asked again when the socket is back.
    }
  }

  /** Show what a page or an event has told. */
  put(views: EntryView[]): void {
    if (!views.length) return;
    const told = new Map(views.map((view) => [view.entry.id, view]));
    const known = this.views.map((view) => {
      const again = told.get(view.entry.id);
      return again?.send ? { ...view, send: again.send } : view;
    });
    const fresh = [...told.values()].filter(({ entry }) => !this.places.has(entry.id));
    for (const { entry } of fresh) this.places.add(entry.id);
    this.views = [...known, ...fresh].sort((one, other) => one.entry.seq - other.entry.seq);
    for (const { entry } of fresh) this.stopsTyping(entry.by.kind === "agent" ? `agent ${entry.by.name}` : "customer ");
    this.changed();
  }

  /** Show nothing any more that is not of one of these; says whether there was such a thing. */
  only(identities: Identity[]): boolean {
    const own = new Set(identities.map((one) => one.id));
    const kept = this.views.filter(({ entry }) => own.has(entry.identity));
    if (kept.length === this.views.length) return false;
    this.views = kept;
    this.places.clear();
    for (const { entry } of kept) this.places.add(entry.id);
    this.parted = true;
    this.changed();
    return true;
  }

  /** The agent has seen that the customer parted. */
  sawParting(): void {
    this.parted = false;
    this.changed();
  }

  sent(send: SendState): void {
    this.views = this.views.map((view) => {
      const ours = view.entry.body.kind === "message_out" && view.entry.body.send === send.send;
      return ours ? { ...view, send } : view;
    });
    this.changed();
  }

  async readOlder(limit = OLDER): Promise<void> {
    if (this.older === "none" || this.older === "loading" || this.status !== "ready") return;
    this.older = "loading";
    this.changed();
    try {
      const before = this.views[0]?.entry.seq;
      const found = await this.page({ before, limit });
      this.older = found.length < limit ? "none" : "some";
      this.put(found);
    } catch {
      this.older = "failed";
    }
    this.changed();
  }

  /** Read back to an entry, wherever it is. */
  async reach(seq: number): Promise<void> {
    while (this.older === "some" && (this.views[0]?.entry.seq ?? 0) > seq) await this.readOlder(500);
  }

  sees(viewers: Viewer[]): void {
    this.viewers = viewers;
    this.changed();
  }

  types(typing: Typing): void {
    const key = `${typing.who} ${typing.name}`;
    clearTimeout(this.quiet.get(key));
    this.quiet.set(key, setTimeout(() => this.stopsTyping(key), TYPING_MS));
    if (this.typing.some((one) => `${one.who} ${one.name}` === key)) return;
    this.typing = [...this.typing, typing];
    this.changed();
  }

  close(): void {
    for (const timer of this.quiet.values()) clearTimeout(timer);
    this.socket.send("unwatch", { thread: this.thread }).catch(() => {});
  }

  // How sends went on while nobody told us.
  private async refresh(): Promise<void> {
    this.put(await this.page({ before: this.readTo + 1, limit: PAGE }));
  }

  private async page(wanted: { before: number | undefined; limit: number }): Promise<EntryView[]> {
    try {
      const path = `/threads/${this.thread}/entries${query(wanted)}`;
      return (await ask<{ entries: EntryView[] }>("GET", path)).entries;
    } catch (error) {
      if (error instanceof Refusal && error.status === 404) this.fail("missing");
      throw error;
    }
  }

  private stopsTyping(key: string): void {
    clearTimeout(this.quiet.get(key));
    this.quiet.delete(key);
    const left = this.typing.filter((one) => `${one.who} ${one.name}` !== key);
    if (left.length === this.typing.length) return;
    this.typing = left;
    this.changed();
  }

  private fail(status: "failed" | "missing"): void {
    this.status = status;
    this.changed();
  }
}
