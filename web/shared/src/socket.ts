// A small Socket.IO 5 client: one namespace, acknowledgements, heartbeats, coming again with growing,
// jittered pauses. What was missed meanwhile is for the caller to ask for when "connect" comes.

import { byPolling, byWebSocket, type Transport } from "./transport";

export interface Problem {
  type?: string;
  title: string;
  detail?: string;
  status: number;
  winner?: string;
  present?: string | null;
}

export type Ack<Answer = object> = ({ ok: true } & Answer) | { ok: false; problem: Problem };

interface Own {
  connect: [];
  disconnect: [];
  refused: [problem: Problem | undefined];
}

interface Waiting {
  resolve(answer: unknown): void;
  reject(reason: Error): void;
  timer: ReturnType<typeof setTimeout>;
}

const ANSWER_MS = 15_000;
const SILENCE_MS = 60_000; // until the server has told its own heartbeat
const OPEN_MS = 10_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
const BLOCKED_AFTER = 2; // WebSockets that never opened

/** `Events` maps the server's event names to their one argument. */
export class Socket<Events extends object> {
  connected = false;
  private readonly handlers = new Map<string, (data?: never) => void>();
  private readonly acks = new Map<number, Waiting>();
  private nextAck = 0;
  private tries = 0;
  private blocked = 0;
  private stopped = true;
  private transport: Transport | null = null;
  private patience = SILENCE_MS;
  private heardAt = 0;
  private heartbeat: ReturnType<typeof setTimeout> | undefined;
  private again: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly namespace: string,
    private readonly options: { base?: string; auth?: () => object } = {},
  ) {
    addEventListener("online", () => this.hurry());
    addEventListener("offline", () => this.transport?.close());
    addEventListener("pagehide", () => this.pause());
    addEventListener("pageshow", (event) => event.persisted && this.hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.hurry());
  }

  on<Name extends keyof Own>(event: Name, handler: (...data: Own[Name]) => void): this;
  on<Name extends keyof Events & string>(event: Name, handler: (data: Events[Name]) => void): this;
  on(event: string, handler: (data?: never) => void): this {
    this.handlers.set(event, handler);
    return this;
  }

  /** Connect, and stay so until `stop`. */
  start(): void {
    if (!this.stopped) return;
    this.stopped = false;
    this.tries = 0;
    this.open();
  }

  stop(): void {
    this.stopped = true;
    this.pause();
  }

  /** Resolves with the acknowledgement; rejects when none comes: then it may have been taken or not. */
  send<Answer = object>(event: string, data: object, patience = ANSWER_MS): Promise<Ack<Answer>> {
    return new Promise((resolve, reject) => {
      if (!this.connected || !this.transport) return reject(new Error("offline"));
      const id = this.nextAck++;
      const timer = setTimeout(() => this.settle(id, null), patience);
      this.acks.set(id, { resolve: resolve as (answer: unknown) => void, reject, timer });
      this.transport.send(`42${this.namespace},${id}${JSON.stringify([event, data])}`);
    });
  }

  private pause(): void {
    clearTimeout(this.again);
    this.transport?.close();
  }

  private hurry(): void {
    if (this.stopped) return;
    if (this.transport && Date.now() - this.heardAt < this.patience) return;
    this.transport?.close(); // a machine that slept has kept a dead connection, and no timer ran
    clearTimeout(this.again);
    this.open();
  }

  private open(): void {
    let opened = false;
    const polling = this.blocked >= BLOCKED_AFTER;
    const base = this.options.base ?? location.href;
    const transport = (polling ? byPolling : byWebSocket)(base, {
      packet: (packet) => {
        if (packet.startsWith("0")) {
          opened = true;
          this.blocked = polling ? this.blocked : 0;
        }
        if (this.transport === transport) this.receive(packet);
      },
      closed: () => {
        if (!opened && !this.stopped && navigator.onLine) this.blocked = polling ? 0 : this.blocked + 1;
        if (this.transport === transport) this.lost();
      },
    });
    this.transport = transport;
    this.watchHeartbeat(OPEN_MS);
  }

  private receive(packet: string): void {
    this.watchHeartbeat(this.patience);
    const rest = packet.slice(1);
    switch (packet[0]) {
      case "0":
        this.patience = patienceOf(rest);
        this.transport?.send(`40${this.namespace},${JSON.stringify(this.options.auth?.() ?? {})}`);
        break;
      case "1":
        this.transport?.close();
        break;
      case "2":
        this.transport?.send("3");
        break;
      case "4":
        this.message(rest);
        break;
    }
  }

  private message(packet: string): void {
    const found = /^(\d)(?:(\/[^,]*),)?(\d*)([^]*)$/.exec(packet);
    if (!found || (found[2] ?? "/") !== this.namespace) return;
    const data = found[4] ? JSON.parse(found[4]) : null;
    switch (found[1]) {
      case "0":
        this.connected = true;
        this.tries = 0;
        this.tell("connect");
        break;
      case "1":
        this.transport?.close();
        break;
      case "2":
        this.tell(data[0], data[1]);
        break;
      case "3":
        this.settle(Number(found[3]), data[0]);
        break;
      case "4":
        this.stop();
        this.tell("refused", data?.data);
        break;
    }
  }

  private lost(): void {
    const was = this.connected;
    this.connected = false;
    this.transport = null;
    clearTimeout(this.heartbeat);
    for (const id of [...this.acks.keys()]) this.settle(id, null);
    if (was) this.tell("disconnect");
    if (this.stopped) return;
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.tries++) * (0.5 + Math.random() / 2);
    this.again = setTimeout(() => this.open(), pause);
  }

  private settle(id: number, answer: unknown): void {
    const waiting = this.acks.get(id);
    if (!waiting) return;
    this.acks.delete(id);
    clearTimeout(waiting.timer);
    if (answer === null) waiting.reject(new Error("no answer"));
    else waiting.resolve(answer);
  }

  // The server pings; when it falls silent the connection is dead, whatever the browser thinks.
  private watchHeartbeat(patience: number): void {
    this.heardAt = Date.now();
    clearTimeout(this.heartbeat);
    this.heartbeat = setTimeout(() => this.transport?.close(), patience);
  }

  private tell(event: string, data?: unknown): void {
    this.handlers.get(event)?.(data as never);
  }
}

function patienceOf(handshake: string): number {
  const { pingInterval, pingTimeout } = JSON.parse(handshake);
  return pingInterval + pingTimeout;
}
