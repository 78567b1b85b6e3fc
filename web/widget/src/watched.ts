// Something whose changes the page is drawn from.

import { useLayoutEffect, useReducer } from "preact/hooks";

export abstract class Watched {
  private readonly watchers = new Set<() => void>();

  watch(watcher: () => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  protected changed(): void {
    for (const watcher of this.watchers) watcher();
  }
}

/** Draw the component anew whenever it changes. */
export function useWatched(watched: Watched): void {
  const [, redraw] = useReducer<number, void>((count) => count + 1, 0);
  useLayoutEffect(() => watched.watch(() => redraw()), [watched]);
}
