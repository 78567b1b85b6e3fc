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

/** Whether a text has all words that were typed, anywhere. */
export function hasAll(typed: string, text: string): boolean {
  const found = text.toLowerCase();
  return typed
    .toLowerCase()
    .split(/\s+/)
    .every((word) => found.includes(word));
}

/** The text for a customer; one without a name is greeted without a gap. */
export function written(snippet: Snippet, name: string): string {
  return name ? filled(snippet.text, { name }) : snippet.text.replaceAll(/ ?\{name\}/g, "");
}

export const snippets = new Snippets();
