// An agent's own canned replies, kept in this browser.

import { store, stored } from "@samtal/shared/storage";
import { filled } from "@samtal/shared/text";

import { Observable } from "./observable";

export interface Snippet {
  name: string;
  text: string;
}

const KEY = "samtal.desk.snippets";

class Snippets extends Observable {
  all: Snippet[] = read();

  put(snippet: Snippet): void {
    this.keep([...this.all.filter((one) => one.name !== snippet.name), snippet]);
  }

  drop(name: string): void {
    this.keep(this.all.filter((one) => one.name !== name));
  }

  /** Those whose name or text has what was typed after the slash. */
  matching(typed: string): Snippet[] {
    const wanted = typed.toLowerCase();
    return this.all.filter((one) => `${one.name}\n${one.text}`.toLowerCase().includes(wanted));
  }

  private keep(all: Snippet[]): void {
    this.all = all.sort((one, other) => one.name.localeCompare(other.name));
    store(KEY, JSON.stringify(this.all));
    this.changed();
  }
}

function read(): Snippet[] {
  try {
    return JSON.parse(stored(KEY) ?? "[]") as Snippet[];
  } catch {
    return [];
  }
}

/** The text for a customer. */
export function written(snippet: Snippet, name: string): string {
  return filled(snippet.text, { name });
}

export const snippets = new Snippets();
