// Mantine in the colours that all apps share, light or dark.

import { createTheme, MantineProvider, type CSSVariablesResolver, type MantineColorsTuple } from "@mantine/core";
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

const theme = createTheme({
  colors: { forest: FOREST },
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

const DARK = matchMedia("(prefers-color-scheme: dark)");

export function Themed({ nonce, children }: { nonce: string; children: ReactNode }) {
  useChanges(preferences);
  const [systemDark, setSystemDark] = useState(DARK.matches);
  useEffect(() => {
    const hear = () => setSystemDark(DARK.matches);
    DARK.addEventListener("change", hear);
    return () => DARK.removeEventListener("change", hear);
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
