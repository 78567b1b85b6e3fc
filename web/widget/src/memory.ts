// What the browser keeps of the chat, under keys of the embedding site's own storage.

import { store, stored, storedUnder } from "@samtal/shared/storage";

import type { Attachment } from "./shapes";

export type Event = "message" | "press" | "ask_human" | "leave_queue";

/** Something written that the server has not acknowledged; with `why` it was refused. */
export interface Written {
  id: string;
  at: number;
  event: Event;
  data: { id: string; text?: string; title?: string; payload?: string; files?: string[] };
  attachments?: Attachment[];
  why?: string;
}

type Name = "token" | "open" | "seen" | "draft" | "sound";

/** Each account of a site has keys of its own, and each message written, so that tabs overwrite nothing. */
export class Memory {
  private readonly prefix: string;

  constructor(account: string | null) {
    this.prefix = account === null ? "samtal." : `samtal@${account}.`;
  }

  get(name: Name): string | null {
    return stored(this.prefix + name);
  }

  set(name: Name, value: string | null): void {
    store(this.prefix + name, value);
  }

  keep(written: Written): void {
    store(`${this.prefix}outbox.${written.id}`, JSON.stringify(written));
  }

  drop(id: string): void {
    store(`${this.prefix}outbox.${id}`, null);
  }

  written(): Written[] {
    return storedUnder<Written>(`${this.prefix}outbox.`).sort((one, other) => one.at - other.at);
  }

  /** All that is the visitor's; whether the chat is open is the page's. */
  leave(): void {
    for (const written of this.written()) this.drop(written.id);
    for (const name of ["token", "seen", "draft"] as const) this.set(name, null);
  }

  forget(): void {
    this.leave();
    for (const name of ["open", "sound"] as const) this.set(name, null);
  }

  /** Be told what another tab changed. */
  onChange(name: Name, tell: (value: string | null) => void): void {
    addEventListener("storage", (event) => {
      if (event.key === this.prefix + name) tell(event.newValue);
      else if (event.key === null) tell(null); // all was cleared
    });
  }
}
