// The time, for what is told in minutes: one clock for all who look.

import { useSyncExternalStore } from "react";

const STEP_MS = 15_000;
const listeners = new Set<() => void>();
let now = Date.now();

setInterval(() => {
  now = Date.now();
  for (const listener of listeners) listener();
}, STEP_MS);

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now);
}
