// State outside of React: something that changes, and components that look at it.

import { useSyncExternalStore } from "react";

export class Observable {
  private readonly listeners = new Set<() => void>();
  private version = 0;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): number => this.version;

  protected changed(): void {
    this.version += 1;
    for (const listener of [...this.listeners]) listener();
  }
}

/** Render anew whenever it changes; gives back a number that then is another one. */
export function useChanges(observed: Observable): number {
  return useSyncExternalStore(observed.subscribe, observed.snapshot);
}
