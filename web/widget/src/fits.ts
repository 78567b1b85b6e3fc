// Whether an answer is worth sending; what it is worth, the form on the server decides.

import type { Question } from "./shapes";

/** Whether the answer looks as the question says. */
export function fits(answer: string, { pattern }: Question): boolean {
  if (pattern === undefined) return true;
  try {
    return new RegExp(`^(?:${pattern})$`, "i").test(answer);
  } catch {
    return true; // a pattern that this browser does not know keeps nobody from answering
  }
}
