// One thread: its head with what can be done, the log, and the composer.

import { ActionIcon, Button, Menu, Skeleton } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { useLocation } from "wouter";

import { act } from "./acts";
import { Composer } from "./composer";
import { CustomerCard } from "./customer-card";
import { useDesk } from "./desk";
import { initialsOf, nameOf, ownerOf } from "./describe";
import { Icon } from "./icons";
import { printed } from "./keys";
import { Log } from "./log";
import type { Row } from "./model";
import { useChanges } from "./observable";
import type { Opened } from "./opened";
import { preferences } from "./preferences";
import type { Screen } from "./screen";
import { useWords } from "./words";

export const NARROW = matchMedia("(max-width: 899px)");

export function ThreadPane({ thread, screen }: { thread: string | null; screen: Screen }) {
  const desk = useDesk();
  const [opened, setOpened] = useState<Opened | null>(null);
  useEffect(() => {
    if (!thread) return;
    setOpened(desk.open(thread));
    return () => {
      if (desk.opened?.thread === thread) desk.close();
    };
  }, [desk, thread]);
  if (!thread) return <NoThread />;
  return opened && <OpenThread opened={opened} screen={screen} />;
}

function NoThread() {
  useChanges(preferences);
  const { t } = useWords();
  const { next, previous } = preferences.keymap;
  return (
    <main className="thread nothing" id="thread" tabIndex={-1}>
      <h1>{t("thread.none")}</h1>
      <p>{preferences.liked.letters ? t("thread.none.keys", { next: printed(next).join(" "), previous: printed(previous).join(" ") }) : t("thread.none.why")}</p>
    </main>
  );
}

function OpenThread({ opened, screen }: { opened: Opened; screen: Screen }) {
  const desk = useDesk();
  useChanges(opened);
  useChanges(desk.rows);
  useChanges(preferences);
  const words = useWords();
  const [, go] = useLocation();
  const row = desk.rows.get(opened.thread);
  const [lookedAt] = useState(() => desk.seen.before(opened.thread));

  useEffect(() => {
    // The thread of the link went up in another one.
    if (!location.pathname.endsWith(opened.thread)) go(`/desk/t/${opened.thread}${location.search}`, { replace: true });
  }, [opened.thread, go]);
  useEffect(() => {
    if (row && opened.status === "ready" && !document.hidden) desk.look(row);
  });

  if (opened.status === "missing" || opened.status === "failed") {
    return (
      <main className="thread nothing" id="thread" tabIndex={-1}>
        <h1>{words.t(`thread.${opened.status}`)}</h1>
        {opened.status === "missing" && <p>{words.t("thread.missing.why")}</p>}
        {opened.status === "failed" && <Button onClick={() => void opened.watch()}>{words.t("again")}</Button>}
        <BackButton />
      </main>
    );
  }
  if (!row || opened.status === "loading") return <LoadingThread />;
  return (
    <>
      <main className="thread" id="thread" tabIndex={-1}>
        <Head row={row} opened={opened} screen={screen} />
        {opened.parted && <Parted opened={opened} />}
        <Log opened={opened} row={row} screen={screen} lookedAt={lookedAt} />
        <Composer opened={opened} row={row} screen={screen} />
      </main>
      {preferences.liked.card && <CustomerCard row={row} screen={screen} />}
    </>
  );
}

// The other customer's messages are gone from the screen; say so before anybody wonders.
function Parted({ opened }: { opened: Opened }) {
  const { t } = useWords();
  return (
    <p className="parted" role="alert">
      <span>{t("thread.parted")}</span>
      <Button size="compact-sm" variant="default" onClick={() => opened.sawParting()}>
        {t("thread.parted.seen")}
      </Button>
    </p>
  );
}

function LoadingThread() {
  return (
    <main className="thread" id="thread" tabIndex={-1} aria-busy="true">
      <h1 className="visually-hidden">…</h1>
      <div className="loading" aria-hidden="true">
        <Skeleton height={40} />
        <Skeleton height={64} width="60%" />
        <Skeleton height={64} width="50%" ml="auto" />
        <Skeleton height={64} width="70%" />
      </div>
    </main>
  );
}

function BackButton() {
  const { t } = useWords();
  const [, go] = useLocation();
  return (
    <ActionIcon variant="subtle" color="gray" size="lg" className="back quiet" aria-label={t("thread.back")} onClick={() => go("/desk")}>
      <Icon name="back" />
    </ActionIcon>
  );
}

function Head({ row, opened, screen }: { row: Row; opened: Opened; screen: Screen }) {
  const desk = useDesk();
  const words = useWords();
  const { t } = words;
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    // The list, which had the keyboard, is not on a narrow screen any more.
    if (NARROW.matches) heading.current?.focus();
  }, []);
  const others = opened.viewers.filter((one) => one.agent !== desk.me.id);
  const names = others.map((one) => one.name).join(", ");
  return (
    <header className="thread-head">
      <BackButton />
      <div className="thread-who">
        <h1 ref={heading} tabIndex={-1} dir="auto">
          {nameOf(row, words)}
        </h1>
        <p className="soft">{ownerOf(row.state.owner, desk.me.id, words)}</p>
      </div>
      {others.length > 0 && (
        <p className="viewers" title={t("thread.also", { names })}>
          <span className="visually-hidden">{t("thread.also", { names })}</span>
          {others.slice(0, 4).map((one) => (
            <span key={one.agent} className="avatar" aria-hidden="true">
              {initialsOf(one.name)}
            </span>
          ))}
        </p>
      )}
      <Actions row={row} screen={screen} />
      <ActionIcon
        variant="subtle"
        color="gray"
        size="lg"
        className="quiet"
        aria-label={t("thread.card")}
        title={`${t("thread.card")}${preferences.hint("card")}`}
        onClick={() => screen.turnCard()}
      >
        <Icon name="card" />
      </ActionIcon>
    </header>
  );
}

function Actions({ row, screen }: { row: Row; screen: Screen }) {
  const desk = useDesk();
  const words = useWords();
  const { t } = words;
  const { owner, thread, episode } = row.state;
  const mine = owner.kind === "agent" && owner.agent === desk.me.id;
  const snoozed = episode?.phase === "snoozed";
  const [busy, setBusy] = useState(false);

  async function take(): Promise<void> {
    setBusy(true);
    await act(desk, owner.kind === "offered" ? "accept" : "takeover", { thread, words });
    setBusy(false);
  }

  return (
    <div className="actions">
      {owner.kind !== "agent" && (
        <Button size="sm" loading={busy} variant={owner.kind === "offered" ? "filled" : "default"} onClick={() => void take()}>
          {t(owner.kind === "offered" ? "action.accept" : "action.takeover")}
        </Button>
      )}
      {mine && (
        <>
          <Button size="sm" onClick={() => screen.show({ name: "resolve" })}>
            {t("action.resolve")}
          </Button>
          <Button size="sm" variant="default" className="wide-only" onClick={() => screen.show({ name: "hand_back" })}>
            {t("action.hand_back")}
          </Button>
        </>
      )}
      <Menu position="bottom-end" withinPortal={false} withInitialFocusPlaceholder={false} width={230}>
        <Menu.Target>
          <ActionIcon variant="default" size={36} aria-label={t("thread.more")} title={t("thread.more")}>
            <Icon name="more" />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {mine && (
            <>
              <Menu.Item className="narrow-only" onClick={() => screen.show({ name: "hand_back" })}>
                {t("action.hand_back")}
              </Menu.Item>
              <Menu.Item onClick={() => screen.show({ name: "transfer" })}>{t("action.transfer")}</Menu.Item>
              {snoozed ? (
                <Menu.Item onClick={() => void act(desk, "unsnooze", { thread, words })}>{t("action.unsnooze")}</Menu.Item>
              ) : (
                <Menu.Item onClick={() => screen.show({ name: "snooze" })}>{t("action.snooze")}</Menu.Item>
              )}
              <Menu.Divider />
            </>
          )}
          <Menu.CheckboxItem closeMenuOnClick checked={preferences.liked.details} onChange={(details) => preferences.set({ details })}>
            {t("thread.details")}
          </Menu.CheckboxItem>
        </Menu.Dropdown>
      </Menu>
    </div>
  );
}
