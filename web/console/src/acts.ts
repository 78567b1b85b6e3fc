// What agents do with a thread, and what they are told when it was not done.

import { notifications } from "@mantine/notifications";

import { ask } from "./api";
import { problemWords } from "./describe";
import type { Words } from "./words";

export type Act = "accept" | "takeover" | "transfer" | "hand-back" | "resolve" | "snooze" | "unsnooze";

/** Do it; gives why it was not done, or null. */
export async function attempt(thread: string, act: Act, body: object | undefined, words: Words): Promise<string | null> {
  try {
    await ask("POST", `/threads/${thread}/${act}`, { body });
    return null;
  } catch (error) {
    return problemWords(error, words);
  }
}

/** Do it at once, where no dialog asks for more. */
export async function act(thread: string, name: Act, words: Words): Promise<void> {
  const problem = await attempt(thread, name, undefined, words);
  if (problem) tell(problem, "bad");
}

export function tell(message: string, tone: "good" | "bad" = "good"): void {
  notifications.show({ message, ...(tone === "bad" ? { color: "red" } : {}), autoClose: tone === "bad" ? 8_000 : 4_000 });
}
