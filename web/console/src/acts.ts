// What agents do with a thread, and what they are told when it was not done.

import { notifications } from "@mantine/notifications";

import { ask, Refusal } from "./api";
import { problemWords } from "./describe";
import type { Desk } from "./desk";
import type { Words } from "./words";

export type Act = "accept" | "takeover" | "transfer" | "hand-back" | "resolve" | "snooze" | "unsnooze" | "facet";

interface Doing {
  thread: string;
  body?: object;
  words: Words;
}

/** Do it; gives why it was not done, or null. */
export async function attempt(desk: Desk, act: Act, doing: Doing): Promise<string | null> {
  const { thread, body, words } = doing;
  try {
    await ask("POST", `/threads/${thread}/${act}`, { body });
    return null;
  } catch (error) {
    // Somebody was first: show who.
    if (error instanceof Refusal && error.status === 409) void desk.reread(thread);
    return problemWords(error, words);
  }
}

/** Do it at once, where no dialog asks for more. */
export async function act(desk: Desk, name: Act, doing: Doing): Promise<void> {
  const problem = await attempt(desk, name, doing);
  // A session that ended has a dialog of its own.
  if (problem && desk.connection !== "expired") tell(problem, doing.words, "bad");
}

export function tell(message: string, { t }: Words, tone: "good" | "bad" = "good"): void {
  notifications.show({
    message,
    ...(tone === "bad" ? { color: "red" } : {}),
    autoClose: tone === "bad" ? 8_000 : 4_000,
    closeButtonProps: { "aria-label": t("close") },
  });
}
