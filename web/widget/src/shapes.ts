// What passes over the customers' socket, as the server writes it.

import type { Ack } from "@samtal/shared/socket";

export type Author = "customer" | "bot" | "agent" | "system";
export type SendStatus = "queued" | "sending" | "sent" | "failed" | "dropped" | "unknown";

export interface Choice {
  title: string;
  payload?: string;
  kind?: string;
  url?: string;
}

export interface Card {
  title: string;
  text?: string;
  image?: string;
  buttons?: Choice[];
}

/** What a message asks for; an answer is an ordinary message. */
export interface Question {
  name: string;
  kind: "text" | "long_text" | "number" | "order_number";
  label: string;
  /** Of the whole answer, in any case. */
  pattern?: string;
  example?: string;
  max_length: number;
}

export interface Attachment {
  type: string;
  url?: string;
  mime?: string;
  name?: string;
  size?: number;
  address?: string;
}

export interface ChatMessage {
  id: string;
  seq?: number;
  at: string;
  author: Author;
  name?: string;
  text: string;
  choices?: Choice[];
  cards?: Card[];
  question?: Question;
  attachments?: Attachment[];
  channel?: string;
  external_id?: string;
  status?: SendStatus;
  language?: string;
}

export interface ChatState {
  owner: "bot" | "waiting" | "agent" | "nobody";
  name?: string;
  queue?: string;
  /** In the queue: 1 is next, 101 anywhere behind the first hundred. */
  place?: number;
  minutes?: number;
  language?: string;
}

export interface Target {
  channel: string;
  account: string;
}

export interface Offer {
  code: string;
  deep_link?: string;
  expires_at: string;
  /** A number comes back there, and has to be repeated. */
  repeat?: boolean;
}

/** What became of a token of the business's own log-in; `rotated`: the visitor was somebody else. */
export interface SignIn {
  rotated: boolean;
  until?: string;
  token?: string;
}

/** One of the customer's channels; `identity` is what only this visitor calls it. */
export interface LinkedChannel {
  identity: string;
  channel: string;
  account: string;
  label: string;
  here: boolean;
  linked: boolean;
  level: "L0" | "L1" | "L2" | "L3" | "L4";
  since: string;
  proof?: "code" | "otp" | "signed" | "agent";
  by_agent: boolean;
  weak: boolean;
}

/** A channel that was linked once; `by` is who ended it. */
export interface FormerChannel {
  channel: string;
  account: string;
  label: string;
  ended_at: string;
  by: "customer" | "agent" | "system";
}

/** `file_bytes` and `file_types` are there where files are taken, `hours` where people have hours. */
export interface Welcome {
  token: string;
  visitor: string;
  state: ChatState;
  channels: Target[];
  provable?: Target[];
  sign_in?: Ack<SignIn>;
  text_limit: number;
  site_name?: string;
  file_bytes?: number;
  file_types?: string[];
  hours?: { open: boolean; opens_at?: string };
}

export interface ChatEvents {
  welcome: Welcome;
  message: ChatMessage;
  replayed: { seq: number };
  owner: ChatState;
  typing: { name: string };
  reset: { signed: boolean };
  linked: object;
  signed_out: object;
}
