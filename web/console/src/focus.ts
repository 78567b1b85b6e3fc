// Where the keyboard was before a dialog opened.

import { useEffect, useState } from "react";

/** Gives the keyboard back when the dialog goes, to the thread if who had it is gone too. */
export function useFocusBack(): void {
  const [opener] = useState(() => document.activeElement);
  useEffect(
    () => () => {
      if (document.activeElement !== document.body) return; // somebody has it already
      const there = opener instanceof HTMLElement && opener !== document.body && opener.isConnected;
      (there ? opener : document.getElementById("thread"))?.focus();
    },
    [opener],
  );
}
