// Addresses in customers' and our texts; nothing else in a text is interpreted.

export interface Part {
  text: string;
  href?: string;
}

const ADDRESS = /https?:\/\/[^\s<>"'\u0000-\u001f\u200e\u200f\u202a-\u202e\u2066-\u2069]+/giu;
const TRAILING = /[.,:;!?…)\]}]+$/u;

/** The text in parts, those with `href` being links. */
export function parts(text: string): Part[] {
  const found: Part[] = [];
  let end = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = trimmed(match[0]);
    const href = webAddress(address);
    if (href === null) continue;
    if (match.index > end) found.push({ text: text.slice(end, match.index) });
    found.push({ text: address, href });
    end = match.index + address.length;
  }
  if (end < text.length) found.push({ text: text.slice(end) });
  return found;
}

/** The address if a browser may follow it from here, else null. */
export function webAddress(address: string | undefined, base?: string): string | null {
  if (!address) return null;
  try {
    const url = new URL(address, base);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
  } catch {
    return null;
  }
}

// A full stop ends a sentence, not an address; a bracket belongs to the address that opened it.
function trimmed(address: string): string {
  let kept = address;
  for (let mark = TRAILING.exec(kept); mark; mark = TRAILING.exec(kept)) {
    if (kept.endsWith(")") && count(kept, "(") >= count(kept, ")")) break;
    kept = kept.slice(0, -1);
  }
  return kept;
}

function count(text: string, letter: string): number {
  return text.split(letter).length - 1;
}
