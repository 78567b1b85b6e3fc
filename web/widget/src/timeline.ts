// The messages of the page: each once, in order of seq, what is under way last.

import type { ChatMessage } from "./shapes";

/** How far something written here has come; `refused` was not taken, `why` is the type of the server's problem. */
export type Way = "sending" | "sent" | "refused";

export interface Line {
  /** Stays the same while the line is shown: our own id for what was written here. */
  readonly key: string;
  readonly message: ChatMessage;
  readonly way?: Way;
  readonly why?: string;
}

export class Timeline {
  lines: readonly Line[] = [];
  private readonly byId = new Map<string, Line>();

  /** Take in what the server told; gives whether it is a new message. */
  hear(message: ChatMessage): boolean {
    const own = message.author === "customer" ? this.byId.get(message.external_id ?? "") : undefined;
    const known = this.byId.get(message.id) ?? own;
    if (!known) {
      this.put({ key: message.id, message });
      return true;
    }
    const { why: _, ...kept } = known;
    this.put({
      ...kept,
      message: { ...known.message, ...message },
      ...(known.way ? { way: "sent" as const } : {}),
    });
    return false;
  }

  /** Show what was written here. */
  write(line: Line): void {
    if (!this.byId.has(line.key)) this.put(line);
  }

  /** How something written here went. */
  went(key: string, way: Way, why?: string): boolean {
    const line = this.byId.get(key);
    if (!line) return false;
    const told = line.way === "sent" && line.message.seq !== undefined;
    if (!told) this.put({ ...line, way, ...(why === undefined ? {} : { why }) });
    return true;
  }

  remove(key: string): void {
    this.byId.delete(key);
    this.lines = this.lines.filter((line) => line.key !== key);
  }

  /** Forget all; `unsent` keeps what the server has not got. */
  clear(kept: { unsent: boolean }): void {
    const left = kept.unsent ? this.lines.filter((line) => line.message.seq === undefined) : [];
    this.byId.clear();
    this.lines = [];
    for (const line of left) this.put(line);
  }

  private put(line: Line): void {
    const at = this.lines.findIndex((other) => other.key === line.key);
    if (at >= 0 && this.lines[at]?.message.seq === line.message.seq) {
      this.lines = this.lines.with(at, line);
    } else {
      const others = at < 0 ? this.lines : this.lines.toSpliced(at, 1);
      this.lines = others.toSpliced(placeOf(line, others), 0, line);
    }
    this.byId.set(line.key, line);
    this.byId.set(line.message.id, line);
    if (line.message.author === "customer" && line.message.external_id) this.byId.set(line.message.external_id, line);
  }
}

function placeOf(line: Line, others: readonly Line[]): number {
  const seq = line.message.seq;
  if (seq === undefined) return others.length;
  return others.findLastIndex((other) => other.message.seq !== undefined && other.message.seq <= seq) + 1;
}

/** Whether it goes on what was written just before: the same writer, on the same channel, soon after. */
export function continues(line: ChatMessage, before: ChatMessage | undefined): boolean {
  return (
    before !== undefined &&
    line.author === before.author &&
    line.name === before.name &&
    (line.channel ?? "webchat") === (before.channel ?? "webchat") &&
    Math.abs(Date.parse(line.at) - Date.parse(before.at)) < 5 * 60_000
  );
}
