// Links that continue a conversation, as an app opens them.

export interface Opening {
  /** What the app writes, or has ready in its field. */
  text: string;
  /** What comes with the link instead of being written, where the app has such links. */
  ref?: string;
}

const APPS = new Set(["t.me", "telegram.me", "m.me", "wa.me", "api.whatsapp.com", "line.me"]);

/** What a link opens to, or null when the text is no such link. */
export function opening(text: string): Opening | null {
  const link = /^\S+$/.test(text.trim()) ? parsed(text.trim()) : null;
  if (!link || !(["sms:", "viber:"].includes(link.protocol) || APPS.has(link.hostname))) return null;
  const ref = link.searchParams.get("start") ?? link.searchParams.get("ref") ?? link.searchParams.get("context");
  if (ref) return { text: ref, ref };
  const ready = link.searchParams.get("body") ?? link.searchParams.get("text") ?? bare(link);
  return ready ? { text: ready } : null;
}

/** LINE has the text as the whole query, without a name. */
function bare(link: URL): string | null {
  return link.hostname === "line.me" ? ([...link.searchParams.keys()][0] ?? null) : null;
}

export interface Filling {
  channel: string;
  account: string | null;
  text: string;
}

/** `#twilio_sms:ABCD-2345` or `#twilio_sms/demo:...`: which phone, and what is in its field. */
export function filling(hash: string): Filling | null {
  const found = /^#([a-z0-9_]+)(?:\/([^:]+))?:(.+)$/i.exec(hash);
  if (!found?.[1] || !found[3]) return null;
  try {
    return { channel: found[1], account: found[2] ?? null, text: decodeURIComponent(found[3]) };
  } catch {
    return null;
  }
}

function parsed(text: string): URL | null {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}
