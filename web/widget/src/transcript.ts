// The conversation as a text file, made in the page.

import { channelName, type Language } from "@samtal/shared/text";
import { whole } from "@samtal/shared/time";

import { authorOf, nameOf } from "./naming";
import type { ChatMessage } from "./shapes";
import type { Line } from "./timeline";
import type { Translate } from "./words";

export function transcript(lines: readonly Line[], site: string, t: Translate, language: Language): string {
  const said = lines.filter((line) => line.way !== "refused").map(({ message }) => told(message, t, language));
  const head = [t("savedTitle", { site }), t("savedAt", { when: whole(new Date(), language) })];
  return `${[...head, ...said].join("\n\n")}\n`;
}

function told(message: ChatMessage, t: Translate, language: Language): string {
  const { channel = "webchat", cards = [], attachments = [] } = message;
  const via = channel === "webchat" ? "" : ` (${t("via", { channel: channelName(channel, language) })})`;
  const files = attachments.map((one) => t("attachment", { name: nameOf(one) }));
  const shown = cards.map(({ title, text }) => (text ? `${title}: ${text}` : title));
  const said = [...message.text.split("\n"), ...shown, ...files].filter((line, at) => line || at > 0);
  return [`${whole(message.at, language)}, ${authorOf(message, t)}${via}:`, ...said].join("\n  ");
}

/** Have the browser save a text as a file. */
export function download(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
