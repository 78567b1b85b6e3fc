// The bar on top: where one is, whether the line is up, and what concerns all of the console.

import { ActionIcon, Menu } from "@mantine/core";
import { Link } from "wouter";

import { ask } from "./api";
import { useDesk } from "./desk";
import { initialsOf } from "./describe";
import { Icon } from "./icons";
import { printed } from "./keys";
import { useChanges } from "./observable";
import { preferences, type Theme } from "./preferences";
import type { Screen } from "./screen";
import { useWords } from "./words";

const THEMES: Theme[] = ["auto", "light", "dark"];

export function TopBar({ screen }: { screen: Screen }) {
  const desk = useDesk();
  useChanges(desk);
  useChanges(preferences);
  const { t } = useWords();
  return (
    <header className="top">
      <Link href="/desk" className="brand">
        {t("brand")}
      </Link>
      <span className="connection" data-state={desk.connection} role="status">
        <span className="dot" aria-hidden="true" />
        <span className="connection-words">{t(`connection.${desk.connection}`)}</span>
      </span>
      <button type="button" className="search-button" aria-label={t("search.title")} onClick={() => screen.show({ name: "search" })}>
        <Icon name="search" size={16} />
        <span>{t("search.title")}</span>
        {preferences.liked.letters && (
          <span className="keys" aria-hidden="true">
            {printed(preferences.keymap.search).map((key) => (
              <kbd key={key}>{key}</kbd>
            ))}
          </span>
        )}
      </button>
      <span className="spring" />
      <LanguageButton />
      <ThemeMenu />
      <ActionIcon
        variant="subtle"
        color="gray"
        size="lg"
        className="quiet"
        aria-label={t("top.help")}
        title={`${t("top.help")}${preferences.hint("help")}`}
        onClick={() => screen.show({ name: "help" })}
      >
        <Icon name="help" />
      </ActionIcon>
      <AgentMenu screen={screen} />
    </header>
  );
}

function AgentMenu({ screen }: { screen: Screen }) {
  const desk = useDesk();
  const { t } = useWords();
  const { name } = desk.me;
  return (
    <Menu position="bottom-end" withinPortal={false} withInitialFocusPlaceholder={false} width={240}>
      <Menu.Target>
        <button type="button" className="avatar me" aria-label={t("top.me", { name })} title={name}>
          {initialsOf(name)}
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{name}</Menu.Label>
        <Menu.Item leftSection={<Icon name="settings" />} onClick={() => screen.show({ name: "preferences" })}>
          {t("top.preferences")}
        </Menu.Item>
        <Menu.Item leftSection={<Icon name="bolt" />} onClick={() => screen.show({ name: "snippets" })}>
          {t("snippets.title")}
        </Menu.Item>
        <Menu.Item component={Link} href="/desk/personas" leftSection={<Icon name="person" />}>
          {t("personas.title")}
        </Menu.Item>
        {desk.me.role === "admin" && (
          <Menu.Item component={Link} href="/desk/channels" leftSection={<Icon name="link" />}>
            {t("channels.title")}
          </Menu.Item>
        )}
        <Menu.Divider />
        <Menu.Item leftSection={<Icon name="back" />} onClick={() => void logOut()}>
          {t("login.out")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

export async function logOut(): Promise<void> {
  await ask("DELETE", "/session").catch(() => {});
  location.assign("/desk");
}

export function LanguageButton() {
  const { t, language } = useWords();
  const other = language === "sv" ? "en" : "sv";
  return (
    <button
      type="button"
      className="language"
      lang={other}
      aria-label={`${other.toUpperCase()}: ${t("top.language")}`}
      title={t("top.language")}
      onClick={() => preferences.speak(other)}
    >
      {other.toUpperCase()}
    </button>
  );
}

export function ThemeMenu() {
  useChanges(preferences);
  const { t } = useWords();
  const { theme } = preferences.liked;
  return (
    <Menu position="bottom-end" withinPortal={false} withInitialFocusPlaceholder={false} width={200}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" className="quiet" aria-label={t("top.theme")} title={t("top.theme")}>
          <Icon name={theme === "dark" ? "moon" : "sun"} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {THEMES.map((one) => (
          <Menu.RadioItem key={one} closeMenuOnClick value={one} checked={one === theme} onChange={() => preferences.set({ theme: one })}>
            {t(`theme.${one}`)}
          </Menu.RadioItem>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
