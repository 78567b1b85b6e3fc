// The console of one agent: list, thread, customer card, and what lies over them.

import { notifications } from "@mantine/notifications";
import { Button, Group } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from "react";
import { useLocation, useRoute } from "wouter";

import { Boundary } from "./boundary";
import { commands, hearKeys } from "./commands";
import { forgetCustomers } from "./customer";
import { Desk, DeskProvider, useDesk } from "./desk";
import { nameOf } from "./describe";
import { keymapOf } from "./keys";
import { LoginDialog } from "./login";
import type { Me, Row } from "./model";
import { useChanges } from "./observable";
import { preferences } from "./preferences";
import { Screen } from "./screen";
import { ThreadList } from "./thread-list";
import { ThreadPane } from "./thread-pane";
import { TopBar } from "./top-bar";
import { useWords, type Words } from "./words";

const Over = lazy(() => import("./over"));
const PersonasPage = lazy(() => import("./personas"));
const ChannelsPage = lazy(() => import("./channels"));

export function Console({ me }: { me: Me }) {
  const [desk] = useState(() => new Desk(me));
  return (
    <DeskProvider value={desk}>
      <Panes />
    </DeskProvider>
  );
}

function Panes() {
  const desk = useDesk();
  const [screen] = useState(() => new Screen());
  const [, go] = useLocation();
  const [, found] = useRoute("/desk/t/:thread");
  const thread = found?.thread ?? null;
  const [isOnPersonas, ofPersonas] = useRoute("/desk/personas/:key?");
  const [isOnChannels] = useRoute("/desk/channels");
  const words = useWords();
  useChanges(desk);
  useChanges(desk.rows);
  useChanges(screen);
  useChanges(preferences);
  const row = thread ? desk.rows.get(thread) : undefined;
  const { keys } = preferences.liked;
  const all = useMemo(
    () => commands({ desk, screen, row, words, keymap: keymapOf(keys), go }),
    [desk, screen, row, words, keys, go],
  );

  const latest = useRef({ commands: all, busy: false });
  latest.current = { commands: all, busy: screen.dialog !== null || desk.connection === "expired" };
  useEffect(() => hearKeys(() => latest.current, () => goBack(screen, go)), [screen, go]);
  useEffect(() => desk.onMoved((from, to) => thread === from && go(`/desk/t/${to}`, { replace: true })), [desk, thread, go]);
  const client = useQueryClient();
  useEffect(() => desk.onParted(() => forgetCustomers(client)), [desk, client]);
  useConflicts(desk, (row) => go(`/desk/t/${row.state.thread}`));
  useWaiting(desk, (waiting) => go(`/desk/t/${waiting.state.thread}`));
  useTitle(desk, row);

  function enter(again: Me): void {
    if (again.id === desk.me.id) desk.resume(again);
    else location.reload();
  }

  return (
    <div className="console" data-thread={thread ? "open" : "none"} data-card={preferences.liked.card ? "open" : "closed"}>
      <a className="skip" href="#thread">
        {words.t("skip")}
      </a>
      <TopBar screen={screen} />
      {desk.connection === "down" && (
        <p className="offline" role="alert">
          {words.t("offline.banner")}
        </p>
      )}
      {isOnChannels && desk.me.role === "admin" ? (
        <Boundary>
          <Suspense fallback={<main className="channels" id="thread" tabIndex={-1} aria-busy="true" />}>
            <ChannelsPage />
          </Suspense>
        </Boundary>
      ) : isOnPersonas ? (
        <Boundary>
          <Suspense fallback={<main className="personas" id="thread" tabIndex={-1} aria-busy="true" />}>
            <PersonasPage wanted={ofPersonas?.key ?? null} />
          </Suspense>
        </Boundary>
      ) : (
        <>
          <ThreadList screen={screen} current={thread} />
          <Boundary key={thread}>
            <ThreadPane thread={thread} screen={screen} />
          </Boundary>
        </>
      )}
      {screen.dialog && (
        <Suspense fallback={null}>
          <Over dialog={screen.dialog} screen={screen} commands={all} row={row} />
        </Suspense>
      )}
      {desk.connection === "expired" && <LoginDialog onIn={enter} />}
    </div>
  );
}

// From the composer to the log, from there to the list.
function goBack(screen: Screen, go: (path: string) => void): void {
  const focused = document.activeElement;
  if (focused?.closest(".composer")) return screen.read();
  if (focused?.closest(".list")) return;
  go("/desk");
  screen.step(0);
}

// A notice that opens its thread; gives what does that.
function notice(id: string, message: string, words: Words, open: () => void): () => void {
  const take = () => {
    notifications.hide(id);
    open();
  };
  notifications.show({
    id,
    autoClose: 10_000,
    closeButtonProps: { "aria-label": words.t("close") },
    message: (
      <Group justify="space-between" wrap="nowrap">
        <span dir="auto">{message}</span>
        <Button size="compact-sm" variant="default" onClick={take}>
          {words.t("notice.open")}
        </Button>
      </Group>
    ),
  });
  return take;
}

function useConflicts(desk: Desk, open: (row: Row) => void): void {
  const words = useWords();
  useEffect(
    () =>
      desk.onConflict((row) => {
        const message = words.t("notice.conflict", { name: nameOf(row, words) });
        notice(`conflict ${row.state.thread}`, message, words, () => open(row));
      }),
    [desk, words, open],
  );
}

function useWaiting(desk: Desk, open: (row: Row) => void): void {
  const words = useWords();
  useEffect(
    () =>
      desk.onWaiting((row) => {
        const message = words.t("notice.waiting", { name: nameOf(row, words) });
        const id = `waiting ${row.state.thread}`;
        const take = notice(id, message, words, () => open(row));
        if (preferences.liked.sound) ring();
        if (preferences.liked.desktop && document.hidden && "Notification" in window) {
          new Notification(message, { tag: id }).onclick = () => {
            window.focus();
            take();
          };
        }
      }),
    [desk, words, open],
  );
}

function useTitle(desk: Desk, row: Row | undefined): void {
  const words = useWords();
  const mine = desk.rows.all().filter((one) => one.state.owner.kind === "agent" && desk.seen.isUnread(one)).length;
  const count = (desk.counts?.waiting ?? 0) + mine;
  const title = row ? `${nameOf(row, words)} · ${words.t("brand")}` : words.t("brand");
  useEffect(() => {
    document.title = count ? `(${count}) ${title}` : title;
  }, [count, title]);
}

function ring(): void {
  const context = new AudioContext();
  const tone = context.createOscillator();
  const volume = context.createGain();
  volume.gain.setValueAtTime(0.08, context.currentTime);
  volume.gain.exponentialRampToValueAtTime(0.001, context.currentTime + 0.4);
  tone.frequency.value = 660;
  tone.connect(volume).connect(context.destination);
  tone.start();
  tone.stop(context.currentTime + 0.4);
  tone.onended = () => void context.close();
}
