// The conversation: what is written is kept until the server has it, what was missed is replayed.

import { Socket, type Ack, type Problem } from "@samtal/shared/socket";

import type { Embed } from "./embed";
import { Identity, type Talking } from "./identity";
import type { Event, Memory, Written } from "./memory";
import type { Attachment, ChatEvents, ChatMessage, ChatState, Offer, Target, Welcome } from "./shapes";
import { Timeline, type Line } from "./timeline";
import type { PageSeen } from "./visits";
import { Watched } from "./watched";
import type { Word } from "./words";

export interface Notice {
  word: Word;
  why?: string;
}

/** What the server allows here, as far as it has said. */
export type Facts = Partial<Omit<Welcome, "token" | "visitor" | "state" | "sign_in">>;

const BLINK_MS = 1500; // a connection that is back by then was never away
const BUSY_MS = 5000;
const PUT_OFF_MS = 2000;
const TYPING_MS = 5000;
const TYPED_MS = 4000;
const READ_MS = 2000;
const MOST_VISITS = 20; // that wait for the line
const REPLAY_MS = 100; // a thousand messages are not drawn a thousand times

export class Talk extends Watched implements Talking {
  readonly timeline = new Timeline();
  readonly identity: Identity;
  /** Rises whenever somebody else sits here. */
  round = 0;
  state: ChatState = { owner: "bot" };
  facts: Facts = {};
  offline = false;
  notice: Notice | null = null;
  typing: string | null = null;
  /** The newest message that came while the page was there, for those who hear the page. */
  news: ChatMessage | null = null;
  token: string | null;

  private readonly socket: Socket<ChatEvents>;
  private outbox: Written[] = [];
  private visits: PageSeen[] = [];
  private visiting = false;
  private forgotten = false;
  private readonly unsent = new Map<string, Written>(); // what was refused
  private said: string | null = null; // the token that this connection began with
  private lastSeq = 0;
  private seen: number | null;
  private wanted = false;
  private caughtUp = false;
  private flushing = false;
  private leaving = false;
  private typedAt = 0;
  private toRead: string | null = null;
  private typingTimer: Timer;
  private awayTimer: Timer;
  private readTimer: Timer;
  private drawTimer: Timer;

  constructor(
    private readonly embed: Embed,
    private readonly memory: Memory,
    private readonly language: () => string,
  ) {
    super();
    this.identity = new Identity(this);
    this.token = memory.get("token");
    this.seen = this.seenBefore();
    this.socket = new Socket<ChatEvents>("/chat", { base: embed.base, auth: () => this.introduce() })
      .on("connect", () => this.connected())
      .on("disconnect", () => this.away())
      .on("refused", (problem) => this.refused(problem))
      .on("welcome", (welcome) => this.welcome(welcome))
      .on("message", (message) => this.message(message))
      .on("replayed", ({ seq }) => this.replayed(seq))
      .on("owner", (state) => this.become({ state }))
      .on("typing", ({ name }) => this.types(name))
      .on("reset", ({ signed }) => this.reset(signed))
      .on("linked", () => this.identity.moved())
      .on("signed_out", () => this.left());
    this.adopt();
    memory.onChange("token", (token) => this.anotherTab(token));
    memory.onChange("seen", (value) => value !== null && this.sawUpTo(Number(value)));
    if (this.token !== null || this.outbox.length > 0) this.connect();
  }

  /** Be connected from now on; nobody is told of a page whose chat was never opened. */
  connect(): void {
    this.wanted = true;
    this.socket.start();
    if (!this.socket.connected && !this.offline) this.away();
  }

  get unread(): number {
    const seen = this.seen ?? 0;
    return this.timeline.lines.filter(({ message }) => message.author !== "customer" && (message.seq ?? 0) > seen).length;
  }

  // --- what comes ---------------------------------------------------------------------------

  private introduce(): object {
    this.said = this.token;
    return {
      ...(this.token === null ? {} : { token: this.token }),
      ...(this.embed.account === null ? {} : { account: this.embed.account }),
      last_seq: this.lastSeq,
      ...this.identity.introduction(),
      language: this.language(),
    };
  }

  private connected(): void {
    clearTimeout(this.awayTimer);
    this.caughtUp = false;
    this.become({ offline: false });
  }

  private away(): void {
    clearTimeout(this.awayTimer);
    if (navigator.onLine) this.awayTimer = setTimeout(() => this.become({ offline: true }), BLINK_MS);
    else this.become({ offline: true });
  }

  private refused(problem: Problem | undefined): void {
    clearTimeout(this.awayTimer);
    this.become({ offline: false }); // it took long, but the server has answered
    const status = problem?.status ?? 0;
    if (this.said !== null && (problem?.type === "/problems/visitor-token" || status === 422)) {
      this.beginAnew();
    } else if (status === 429 || status >= 500) {
      this.become({ notice: { word: "busy" } });
      setTimeout(() => this.wanted && this.socket.start(), BUSY_MS * (1 + Math.random()));
    } else {
      this.become({ notice: { word: "refused", why: problem?.type ?? "" } });
    }
  }

  // The server does not know us any more. Another tab may have begun anew already.
  private beginAnew(): void {
    const kept = this.memory.get("token");
    if (kept !== this.said) return this.restart(kept);
    this.memory.set("token", null);
    this.memory.set("seen", null);
    this.restart(null);
  }

  private anotherTab(token: string | null): void {
    if (token === this.token) return;
    this.socket.stop();
    if (token === null) return this.left();
    if (this.token !== null) this.identity.forget(); // its page was somebody else's
    this.restart(token);
  }

  private restart(token: string | null): void {
    this.token = token;
    this.lastSeq = 0;
    this.seen = this.seenBefore();
    this.timeline.clear({ unsent: true });
    this.become({ state: { owner: "bot" } });
    this.connect();
  }

  private welcome({ token, visitor: _, state, sign_in, ...facts }: Welcome): void {
    const kept = this.memory.get("token");
    if (this.said === null && kept !== null) {
      this.socket.stop(); // another tab made a visitor a moment before
      this.restart(kept);
      return;
    }
    if (sign_in?.ok && sign_in.rotated) this.becomeSomebodyElse();
    this.token = token;
    this.memory.set("token", token);
    this.identity.welcomed(sign_in);
    const { notice } = this;
    this.become({ state, facts, notice: notice?.word === "busy" || notice?.word === "refused" ? null : notice });
  }

  private message(message: ChatMessage): void {
    if (this.leaving) return;
    // Only a replay moves lastSeq: one message may be lost on its way to this server, and the next one,
    // from another process, come through before anybody knows.
    const isNew = this.timeline.hear(message);
    if (message.external_id) this.dropWritten(message.external_id);
    if (isNew && message.author !== "customer") {
      this.types(null);
      if (this.caughtUp) this.news = message;
    }
    this.soon();
  }

  private replayed(seq: number): void {
    this.lastSeq = Math.max(this.lastSeq, seq);
    this.caughtUp = true;
    if (this.seen === null) this.sawUpTo(this.newest());
    this.adopt();
    this.changed();
    void this.flush();
    void this.tellVisits();
  }

  /** What may be shown has changed: nothing of it stays here that is not shown again. */
  private reset(signed: boolean): void {
    this.identity.holds(signed);
    this.timeline.clear({ unsent: true });
    this.news = null;
    this.types(null);
    this.changed();
    void this.replay();
  }

  /** Be shown everything again. */
  async replay(): Promise<void> {
    this.lastSeq = 0;
    this.caughtUp = false;
    while (this.socket.connected) {
      const answer = await this.tell("replay", { last_seq: 0 }).catch(() => null);
      if (answer === null || answer.ok) return; // without an answer, the next connection asks
      await pause(PUT_OFF_MS);
    }
  }

  private types(name: string | null): void {
    clearTimeout(this.typingTimer);
    if (name !== null) this.typingTimer = setTimeout(() => this.types(null), TYPING_MS);
    if (name !== this.typing) this.become({ typing: name });
  }

  // --- what is written ----------------------------------------------------------------------

  write(event: Event, data: Omit<Written["data"], "id">, attachments: Attachment[] = []): void {
    const id = newId();
    const written: Written = { id, at: Date.now(), event, data: { id, ...data } };
    if (attachments.length > 0) written.attachments = attachments;
    this.outbox.push(written);
    this.memory.keep(written);
    this.show(written);
    this.become({ notice: null });
    this.connect();
    void this.flush();
  }

  /** Send what was refused once more, as something new. */
  retry(key: string): void {
    const written = this.unsent.get(key);
    this.remove(key);
    if (!written) return;
    const { id: _, ...data } = written.data;
    this.write(written.event, data, written.attachments);
  }

  remove(key: string): void {
    this.unsent.delete(key);
    this.memory.drop(key);
    this.timeline.remove(key);
    this.changed();
  }

  // Also what a tab that is gone has left; whoever sends the same id again changes nothing.
  private adopt(): void {
    const known = new Set(this.outbox.map((written) => written.id));
    for (const written of this.memory.written()) {
      if (known.has(written.id)) continue;
      this.show(written);
      if (written.why === undefined) this.outbox.push(written);
      else this.unsent.set(written.id, written);
    }
  }

  private show({ id, at, data, attachments, why }: Written): void {
    const text = data.text ?? data.title ?? "";
    if (!text && !attachments) return;
    const message = { id, at: new Date(at).toISOString(), author: "customer" as const, text, ...(attachments ? { attachments } : {}) };
    const line: Line = { key: id, message, ...(why === undefined ? { way: "sending" } : { way: "refused", why }) };
    this.timeline.write(line);
  }

  private async flush(): Promise<void> {
    if (this.flushing) return;
    this.flushing = true;
    try {
      for (let next = this.outbox[0]; next && this.caughtUp && this.socket.connected; next = this.outbox[0]) {
        this.settled(next, await this.socket.send(next.event, next.data));
        if (this.outbox[0] === next) await pause(PUT_OFF_MS);
      }
    } catch {
      // no answer: it stays first and goes again, with the same id, when the socket is back
    } finally {
      this.flushing = false;
    }
  }

  private settled(written: Written, answer: Ack): void {
    if (answer.ok) {
      this.dropWritten(written.id);
      this.timeline.went(written.id, "sent");
    } else if (answer.problem.status !== 429 && answer.problem.status < 500) {
      this.refuse(written, answer.problem);
    }
    this.changed();
  }

  private refuse(written: Written, problem: Problem): void {
    const why = problem.type ?? "";
    this.dropWritten(written.id);
    if (!this.timeline.went(written.id, "refused", why)) {
      this.notice = { word: "notSent", why };
      return;
    }
    this.unsent.set(written.id, { ...written, why });
    this.memory.keep({ ...written, why });
  }

  private dropWritten(id: string): void {
    this.outbox = this.outbox.filter((written) => written.id !== id);
    this.memory.drop(id);
  }

  // --- acts that are not written ------------------------------------------------------------

  /** A code for going on elsewhere; null when there is none now, and the notice says why. */
  async elsewhere(target: Target): Promise<Offer | null> {
    const answer = await this.ask<Offer>("continue", target);
    if (answer?.ok) return answer;
    if (answer) this.become({ notice: { word: answer.problem.status === 429 ? "tooMany" : "notNow" } });
    return null;
  }

  async end(): Promise<void> {
    const answer = await this.ask("end", { id: newId() });
    if (answer && !answer.ok) {
      this.become({ notice: { word: answer.problem.status === 404 ? "endNotOffered" : "notNow" } });
    }
  }

  get online(): boolean {
    return this.socket.connected;
  }

  tell<Answer>(event: string, data: object): Promise<Ack<Answer>> {
    return this.socket.send<Answer>(event, data);
  }

  /** A page was seen. Whoever wanted to be forgotten is not told of again on this page. */
  visit(page: PageSeen): void {
    if (this.forgotten) return;
    this.visits = [...this.visits, page].slice(-MOST_VISITS);
    this.connect();
    void this.tellVisits();
  }

  /** The site has asked anew, after somebody wanted to be forgotten. */
  remember(): void {
    this.forgotten = false;
  }

  private async tellVisits(): Promise<void> {
    if (this.visiting) return;
    this.visiting = true;
    try {
      for (let next = this.visits[0]; next && this.caughtUp && this.socket.connected; next = this.visits[0]) {
        await this.socket.send("visit", next);
        this.visits = this.visits.filter((visit) => visit !== next); // refused or not
      }
    } catch {
      // no answer: it goes again, with the same id, when the socket is back
    } finally {
      this.visiting = false;
    }
  }

  private async ask<Answer = object>(event: string, data: object): Promise<Ack<Answer> | null> {
    this.notice = null;
    try {
      return await this.socket.send<Answer>(event, data);
    } catch {
      this.become({ notice: { word: "notNow" } });
      return null;
    }
  }

  typed(): void {
    if (Date.now() - this.typedAt < TYPED_MS || this.state.owner !== "agent") return;
    this.typedAt = Date.now();
    this.socket.send("typing", {}).catch(() => {});
  }

  /** All that is shown has been seen. */
  saw(): void {
    if (!this.caughtUp) return;
    const last = this.timeline.lines.findLast(({ message }) => message.author !== "customer")?.message;
    if (last && (last.seq ?? 0) > (this.seen ?? 0)) this.read(last.id);
    this.sawUpTo(this.newest());
  }

  // Tells now and then what was seen last; a receipt that gets lost harms nobody.
  private read(entry: string): void {
    this.toRead = entry;
    this.readTimer ??= setTimeout(() => {
      this.readTimer = undefined;
      this.socket.send("read", { entry: this.toRead }).catch(() => {});
    }, READ_MS);
  }

  private seenBefore(): number | null {
    const seen = this.memory.get("seen");
    return seen === null ? null : Number(seen);
  }

  private newest(): number {
    return this.timeline.lines.findLast(({ message }) => message.seq !== undefined)?.message.seq ?? 0;
  }

  private sawUpTo(seq: number): void {
    if (this.seen !== null && seq <= this.seen) return;
    this.seen = seq;
    if (Number(this.memory.get("seen") ?? -1) < seq) this.memory.set("seen", String(seq));
    this.changed();
  }

  dismiss(): void {
    this.become({ notice: null });
  }

  // --- whose conversation this is -----------------------------------------------------------

  /** Forget this visitor on this device. */
  forget(): void {
    this.memory.forget();
    this.left();
  }

  /** Whoever sits here next is somebody else; the server is told, and forgotten is it here at once. */
  async signOut(): Promise<void> {
    const { token, wanted } = this;
    this.identity.forget();
    this.becomeSomebodyElse();
    this.leaving = true;
    const answer = token === null ? null : await this.tell<{ token: string }>("sign_out", {}).catch(() => null);
    this.leaving = false;
    this.startOver(answer?.ok ? answer.token : null, { connect: wanted });
  }

  /** Begin from nothing, as the visitor with this token. */
  startOver(token: string | null, { connect = true } = {}): void {
    this.socket.stop();
    this.becomeSomebodyElse();
    this.wanted = false;
    this.token = token;
    this.memory.set("token", token);
    if (connect) this.connect();
  }

  /** The visitor is gone from this browser: another tab signed out, or had us forgotten. */
  private left(): void {
    this.socket.stop();
    this.identity.forget();
    this.wanted = false;
    this.forgotten = true;
    this.emptied();
  }

  private becomeSomebodyElse(): void {
    this.memory.leave();
    this.emptied();
  }

  private emptied(): void {
    this.token = null;
    this.lastSeq = 0;
    this.seen = null;
    this.outbox = [];
    this.visits = [];
    this.unsent.clear();
    this.news = null;
    this.caughtUp = false;
    this.round += 1;
    clearTimeout(this.awayTimer);
    clearTimeout(this.readTimer);
    this.readTimer = undefined;
    this.timeline.clear({ unsent: false });
    this.types(null);
    this.become({ state: { owner: "bot" }, notice: null, offline: false });
  }

  private become(change: Partial<Pick<Talk, "state" | "facts" | "offline" | "notice" | "typing">>): void {
    Object.assign(this, change);
    this.changed();
  }

  private soon(): void {
    if (this.caughtUp) return this.changed();
    this.drawTimer ??= setTimeout(() => {
      this.drawTimer = undefined;
      this.changed();
    }, REPLAY_MS);
  }
}

type Timer = ReturnType<typeof setTimeout> | undefined;

export function newId(): string {
  return [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
