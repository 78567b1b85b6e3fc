// What people and things are called.

import type { Attachment, ChatMessage } from "./shapes";
import type { Translate } from "./words";

/** Who wrote a message. */
export function authorOf(message: ChatMessage, t: Translate): string {
  switch (message.author) {
    case "customer":
      return t("you");
    case "agent":
      return message.name || t("colleague");
    case "bot":
      return t("assistant");
    case "system":
      return t("system");
  }
}

export function nameOf(attachment: Attachment): string {
  return attachment.name || attachment.address || attachment.type;
}

/** 10 MB */
export function size(bytes: number): string {
  return bytes >= 1_048_576 ? `${Math.floor(bytes / 1_048_576)} MB` : `${Math.max(1, Math.floor(bytes / 1024))} kB`;
}
