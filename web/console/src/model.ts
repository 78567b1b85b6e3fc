// What the API and the sockets tell, as far as the console uses it. Fields that are not set are left out.

export interface Me {
  id: string;
  name: string;
  role: "agent" | "author" | "admin";
  csrf: string | null;
}

export interface Address {
  channel: string;
  account: string;
  user: string;
}

export interface Identity {
  id: string;
  address: Address;
  phone?: string | null;
  name?: string | null;
  username?: string | null;
  created_at: string;
}

export type Owner =
  | { kind: "bot" }
  | { kind: "offered"; queue: string; since: string; reason: string }
  | { kind: "agent"; agent: string; name: string; since: string }
  | { kind: "none" };

export interface Share {
  stage: string;
  share: number;
}

/** Where a case stands: `waiting` for the customer, `abandoned` when they did not come. */
export type Phase = "open" | "waiting" | "snoozed" | "resolved" | "abandoned";

export interface Episode {
  id: string;
  phase: Phase;
  opened_at: string;
  changed_at: string;
  until?: string | null;
}

/** How sure we are of who somebody is. */
export type Level = "L0" | "L1" | "L2" | "L3" | "L4";

/** The customer as one persona. */
export interface Facet {
  persona: string;
  belief: Share[];
}

export interface ThreadState {
  thread: string;
  version: number;
  owner: Owner;
  episode?: Episode | null;
  language?: "sv" | "en" | null;
  belief: Share[];
  facets?: Facet[];
  facet?: string;
  active?: string | null;
  last_inbound: { identity: string; at: string }[];
  last_at?: string | null;
  last_text: string;
}

export interface Row {
  state: ThreadState;
  identities: Identity[];
  /** Of the address they wrote from last; left out where it was not asked for. */
  level?: Level;
}

export interface ThreadPage {
  threads: Row[];
  next: string | null;
}

export interface Counts {
  mine: number;
  agents: number;
  waiting: number;
  /** These three may be very many: they are counted to `most`. */
  snoozed: number;
  bot: number;
  all: number;
  most: number;
}

export interface Queue {
  queue: string;
  waiting: number;
}

export type AttachmentType = "image" | "video" | "audio" | "file" | "sticker" | "location" | "contact" | "share";

export interface Attachment {
  type: AttachmentType;
  url?: string | null;
  mime?: string | null;
  name?: string | null;
  size?: number | null;
  latitude?: number | null;
  longitude?: number | null;
  address?: string | null;
  phone?: string | null;
}

export interface Decision {
  rule: string;
  slot?: string | null;
  variant?: string | null;
  snapshot?: string | null;
  locale?: string | null;
  missing_locale: boolean;
  candidates: { variant: string; verdict: string }[];
  notes: string[];
}

export interface Gap {
  slot: string;
  locale: string;
  channel: string;
  stage?: string | null;
  persona?: string | null;
  fallback?: string | null;
}

/** One sign of where somebody stands in their journey. */
export interface Sign {
  kind: "message" | "page" | "fact";
  what: string;
  at: string;
  weight: number;
  ratios: { stage: string; ratio: number }[];
}

/** Words of a message that show something; places count characters. */
export interface Quote {
  kind: "need" | "mood" | "urgency" | "motive";
  value: string;
  text: string;
  start: number;
  end: number;
}

export interface Understanding {
  language?: "sv" | "en" | null;
  guesses: { intent: string; confidence: number }[];
  in_scope: boolean;
  frustration: number;
  need?: string | null;
  quotes?: Quote[];
  urgency?: number;
  sentiment?: number;
}

export type Body =
  | {
      kind: "message_in";
      external_id?: string | null;
      text: string;
      attachments: Attachment[];
      press?: { kind: string; payload: string; fields: [string, string][] } | null;
      incomplete: boolean;
      understanding?: Understanding | null;
    }
  | {
      kind: "message_out";
      send: string;
      text: string;
      choices: { title: string }[];
      cards?: { title: string; text: string; buttons: { title: string }[] }[];
      attachments: Attachment[];
      language?: string | null;
      decision?: Decision | null;
      gap?: Gap | null;
    }
  | { kind: "piece_in"; external_id: string; text: string; piece: { ref: string; number: number; total: number } }
  | { kind: "echo_out"; external_id: string; text: string; attachments: Attachment[] }
  | { kind: "message_edited"; external_id: string; text: string }
  | { kind: "message_deleted"; external_id: string }
  | { kind: "reaction"; external_id: string; emoji: string }
  | { kind: "unsupported_in"; what: string }
  | { kind: "conversation_started"; ref?: string | null; source?: string | null }
  | { kind: "consent_changed"; opted_out: boolean; source: string }
  | { kind: "owner_changed"; owner: Owner; reason: string; note: string }
  | { kind: "note"; text: string }
  | { kind: "linked"; one: string; other: string; proof: string; reason?: string }
  | { kind: "unlinked"; one: string; other: string; reason: string }
  | { kind: "link_revealed" }
  | { kind: "link_asked" }
  | { kind: "link_refused"; reason: string; other?: string | null }
  | { kind: "link_proposed"; one: string; other: string; reason: string }
  | { kind: "suggestion_dismissed"; one: string; other: string; reason: string }
  | { kind: "facet_changed"; facet: string; reason: string; quote: string }
  | { kind: "facets_stand"; facet: string; reason: "linked" | "unlinked" }
  | { kind: "episode_changed"; phase: Phase; reason: string; until?: string | null }
  | { kind: "dialogue_moved"; dialogue: { form?: { form: string; step: string } | null }; language?: string | null }
  | { kind: "journey_moved"; belief: Share[]; evidence: string; facet?: string | null; before?: Share[]; because?: Sign[] };

export type BodyOf<Kind extends Body["kind"]> = Extract<Body, { kind: Kind }>;

export type Actor =
  | { kind: "customer"; identity: string }
  | { kind: "bot" }
  | { kind: "agent"; agent: string; name: string }
  | { kind: "system" };

export interface Entry {
  id: string;
  identity: string;
  at: string;
  by: Actor;
  body: Body;
  seq: number;
  /** Its words have been kept for long enough and are no more. */
  gone?: boolean;
}

export type Receipt = "queued" | "sent" | "delivered" | "read" | "failed";

export interface SendState {
  send: string;
  status: "queued" | "sending" | "sent" | "failed" | "dropped" | "unknown";
  parts: { external_id: string; status: Receipt; error_code?: string | null }[];
  failure?: string | null;
  detail: string;
}

export interface EntryView {
  entry: Entry;
  address: Address;
  send?: SendState | null;
}

/** A text of the content that an agent can send. */
export interface CannedReply {
  slot: string;
  variant: string;
  title: string;
  text: string;
}

export interface CannedReplies {
  language: "sv" | "en";
  replies: CannedReply[];
}

export interface Viewer {
  agent: string;
  name: string;
}

export interface ChannelInfo {
  channel: string;
  account: string;
  capabilities: {
    text_limit: number;
    text_unit: "characters" | "utf16" | "bytes" | "sms";
    attachments: AttachmentType[];
    /** ISO 8601 durations, as in `P1D`. */
    window?: string | null;
    human_window?: string | null;
  };
}

/** The events of the namespace `/desk`. */
export interface DeskEvents {
  thread: { row: Row; absorbed?: string; parted?: boolean; conflict?: boolean };
  entries: { thread: string; entries: EntryView[] };
  send: { thread: string; send: SendState };
  viewing: { thread: string; agents: Viewer[] };
  typing: { thread: string; who: "agent" | "customer"; name: string };
}
