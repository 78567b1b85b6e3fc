// Mantine in the colours that all apps share, light or dark.

import {
  createTheme,
  defaultVariantColorsResolver,
  MantineProvider,
  type CSSVariablesResolver,
  type MantineColorsTuple,
  type VariantColorsResolver,
} from "@mantine/core";
import { useEffect, useState, type ReactNode } from "react";

import { useChanges } from "./observable";
import { preferences } from "./preferences";

const FOREST: MantineColorsTuple = [
  "#eef7f1",
  "#dcefe2",
  "#b9e0c6",
  "#7dd3a0",
  "#55b47e",
  "#349563",
  "#237a4e",
  "#1a653f",
  "#14532d",
  "#0d3a1f",
];

// The grounds, lines and inks of the dark scheme, from ink to ground.
const DARK_GROUNDS: MantineColorsTuple = [
  "#e8ede9",
  "#c9d2cc",
  "#a5b1a9",
  "#7d8a82",
  "#37423b",
  "#2b352f",
  "#1b221e",
  "#161c18",
  "#121714",
  "#0c100e",
];

const buttons: VariantColorsResolver = (input) => {
  const usual = defaultVariantColorsResolver(input);
  if (input.variant !== "filled" || input.color !== input.theme.primaryColor) return usual;
  return {
    ...usual,
    background: "var(--s-accent)",
    hover: "color-mix(in srgb, var(--s-accent) 88%, var(--s-ink))",
    color: "var(--s-on-accent)",
  };
};

const theme = createTheme({
  colors: { forest: FOREST, dark: DARK_GROUNDS },
  variantColorResolver: buttons,
  primaryColor: "forest",
  primaryShade: { light: 8, dark: 3 },
  autoContrast: true,
  luminanceThreshold: 0.35,
  fontFamily: "var(--s-font)",
  headings: { fontFamily: "var(--s-font)" },
  defaultRadius: "md",
  cursorType: "pointer",
  respectReducedMotion: true,
});

const variables: CSSVariablesResolver = () => {
  const shared = {
    "--mantine-color-body": "var(--s-card)",
    "--mantine-color-text": "var(--s-ink)",
    "--mantine-color-dimmed": "var(--s-soft)",
    "--mantine-color-placeholder": "var(--s-soft)",
    "--mantine-color-default": "var(--s-card)",
    "--mantine-color-default-hover": "var(--s-theirs)",
    "--mantine-color-default-color": "var(--s-ink)",
    "--mantine-color-default-border": "var(--s-line)",
    "--mantine-color-error": "var(--s-warn)",
  };
  return { variables: {}, light: shared, dark: shared };
};

const SYSTEM_DARK = matchMedia("(prefers-color-scheme: dark)");

export function Themed({ nonce, children }: { nonce: string; children: ReactNode }) {
  useChanges(preferences);
  const [systemDark, setSystemDark] = useState(SYSTEM_DARK.matches);
  useEffect(() => {
    const hear = () => setSystemDark(SYSTEM_DARK.matches);
    SYSTEM_DARK.addEventListener("change", hear);
    return () => SYSTEM_DARK.removeEventListener("change", hear);
  }, []);
  const { theme: wanted } = preferences.liked;
  const scheme = wanted === "auto" ? (systemDark ? "dark" : "light") : wanted;
  useEffect(() => {
    document.documentElement.dataset["theme"] = scheme;
  }, [scheme]);
  return (
    <MantineProvider
      theme={theme}
      forceColorScheme={scheme}
      cssVariablesResolver={variables}
      getStyleNonce={() => nonce}
    >
      {children}
    </MantineProvider>
  );
}
