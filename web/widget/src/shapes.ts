// What passes over the customers' socket, as the server writes it.

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
}

/** `file_bytes` and `file_types` are there where files are taken, `hours` where people have hours. */
export interface Welcome {
  token: string;
  visitor: string;
  state: ChatState;
  channels: Target[];
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
}
