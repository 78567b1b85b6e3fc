// The words of the language that is spoken now.

import { translator, type Language } from "@samtal/shared/text";
import { useMemo } from "react";

import { useChanges } from "./observable";
import { preferences } from "./preferences";
import { TEXTS, type Key } from "./texts";

export type Translate = (key: Key, values?: Record<string, string | number>) => string;

export interface Words {
  t: Translate;
  language: Language;
}

export function useWords(): Words {
  useChanges(preferences);
  const { language } = preferences;
  return useMemo(() => ({ t: translator(TEXTS, language), language }), [language]);
}

/** The words for a key that is put together; the part itself where there are none. */
export function perhaps({ t, language }: Words, prefix: string, part: string): string {
  const key = `${prefix}.${part}`;
  return key in TEXTS[language] ? t(key as Key) : part.replaceAll("_", " ");
}
