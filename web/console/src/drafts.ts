// What an agent has begun to write, kept for each thread until it is sent.

import { store, stored } from "@samtal/shared/storage";

import type { CannedReply } from "./model";
import { Observable } from "./observable";
import type { SentFile } from "./outbox";

export interface Draft {
  mode: "reply" | "note";
  reply: string;
  note: string;
  /** What the note was last sent as, should no answer have come; another text gets another id. */
  noteId: string | null;
  /** Where the reply is to go; null is where the customer last wrote. */
  identity: string | null;
  files: SentFile[];
  /** The content that the reply was begun with. */
  canned: CannedReply | null;
}

export const EMPTY: Draft = { mode: "reply", reply: "", note: "", noteId: null, identity: null, files: [], canned: null };

export class Drafts extends Observable {
  private readonly drafts = new Map<string, Draft>();

  constructor(private readonly agent: string) {
    super();
  }

  get(thread: string): Draft {
    const known = this.drafts.get(thread) ?? this.read(thread);
    this.drafts.set(thread, known);
    return known;
  }

  set(thread: string, draft: Draft): void {
    this.drafts.set(thread, draft);
    const empty = !draft.reply && !draft.note && !draft.files.length;
    store(this.key(thread), empty ? null : JSON.stringify(draft));
    this.changed();
  }

  /** A thread went up in another one: what was begun there goes on here. */
  move(from: string, to: string): void {
    const draft = this.get(from);
    const known = this.get(to);
    if (draft === EMPTY || known.reply || known.note) return;
    this.set(to, draft);
    this.set(from, EMPTY);
  }

  private read(thread: string): Draft {
    const kept = stored(this.key(thread));
    if (kept === null) return EMPTY;
    try {
      return { ...EMPTY, ...(JSON.parse(kept) as Partial<Draft>) };
    } catch {
      return EMPTY;
    }
  }

  private key(thread: string): string {
    return `samtal.desk.draft.${this.agent}.${thread}`;
  }
}
