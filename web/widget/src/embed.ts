// How the page that carries the widget sets it up: by attributes of the script element.

import type { Language } from "@samtal/shared/text";

export interface Embed {
  /** Where the hub is. */
  base: string;
  account: string | null;
  language: Language | null;
  theme: "light" | "dark" | null;
  position: "left" | "right";
  open: boolean;
  /** A token of the site's own log-in, when somebody is logged in there. */
  identityToken: string | null;
  /** Whether the hub may be told of pages that are seen. */
  visits: boolean;
}

export function embedding(script: HTMLScriptElement): Embed {
  const { site, language, theme, position, open, identityToken, visits } = script.dataset;
  return {
    base: new URL("/", script.src).href,
    account: site || null,
    language: languageOf(language),
    theme: theme === "light" || theme === "dark" ? theme : null,
    position: position === "left" ? "left" : "right",
    open: open !== undefined && open !== "false",
    identityToken: identityToken || null,
    visits: visits === "on",
  };
}

/** The language of a code such as `sv-FI`, if it is one of ours. */
export function languageOf(code: string | undefined): Language | null {
  const found = code?.toLowerCase().split("-")[0];
  return found === "sv" || found === "en" ? found : null;
}

/** What the page calls itself, until the server says. */
export function pageName(): string {
  const named = document.querySelector<HTMLMetaElement>(
    'meta[name="application-name"], meta[property="og:site_name"]',
  );
  return named?.content || location.hostname;
}
