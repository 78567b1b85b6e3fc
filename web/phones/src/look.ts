// How the page looks: light or dark, wide or narrow, and each channel's colour.

import { channelKind } from "@samtal/shared/text";
import { store, stored } from "@samtal/shared/storage";
import { useEffect, useState } from "preact/hooks";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const KEY = "samtal.theme";
const NARROW = "(max-width: 719px)";
const HUES: Record<string, number> = { sms: 205, whatsapp: 155, telegram: 240, messenger: 295, line: 135, viber: 270, slack: 330 };

export function preferredTheme(): Theme {
  const kept = stored(KEY);
  return THEMES.find((theme) => theme === kept) ?? "system";
}

export function setTheme(theme: Theme): void {
  store(KEY, theme === "system" ? null : theme);
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

export function useNarrow(): boolean {
  const [narrow, setNarrow] = useState(() => matchMedia(NARROW).matches);
  useEffect(() => {
    const query = matchMedia(NARROW);
    const look = () => setNarrow(query.matches);
    query.addEventListener("change", look);
    return () => query.removeEventListener("change", look);
  }, []);
  return narrow;
}

/** The hue of a channel; one that is not known has one of its own all the same. */
export function hue(channel: string): number {
  return HUES[channelKind(channel)] ?? [...channel].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) % 360, 7);
}
