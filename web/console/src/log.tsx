// The log of a thread: only what is near the screen is in the page, whatever its length.

import { Button } from "@mantine/core";
import { channelName } from "@samtal/shared/text";
import { clock, day, whole } from "@samtal/shared/time";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState, type RefObject } from "react";
import { useSearch } from "wouter";

import { usePersonas, type Persona } from "./customer";
import { useDesk } from "./desk";
import { lineOf, nameOf } from "./describe";
import { ChannelIcon, Icon } from "./icons";
import { lines, type Line } from "./lines";
import { HeldReply, Message } from "./message";
import type { EntryView, Row } from "./model";
import { useChanges } from "./observable";
import type { Opened } from "./opened";
import type { Held, Reply } from "./outbox";
import { preferences } from "./preferences";
import type { Screen } from "./screen";
import { useWords, type Words } from "./words";

const NEAR_END = 120;
const NEAR_START = 400;

const TOP = 44; // the height of what stands above the first line

type Drawn = Line | { kind: "held"; key: string; reply: Reply; held: Held };

interface LogProps {
  opened: Opened;
  row: Row;
  screen: Screen;
  lookedAt: string | null;
}

export function Log({ opened, row, screen, lookedAt }: LogProps) {
  const desk = useDesk();
  useChanges(desk.outbox);
  const words = useWords();
  const personas = usePersonas();
  const { details } = preferences.liked;
  const holder = useRef<HTMLDivElement>(null);
  const waiting = desk.outbox.of(opened.thread);
  const whole = opened.older === "none";
  const said = useMemo(
    () => lines(opened.views, { lookedAt, details, whole }),
    [opened.views, lookedAt, details, whole],
  );
  const shown: Drawn[] = [
    ...said,
    ...waiting.map(({ reply, held }) => ({ kind: "held" as const, key: reply.id, reply, held })),
  ];
  const virtual = useVirtualizer({
    count: shown.length,
    getScrollElement: () => holder.current,
    estimateSize: (index) => (shown[index]?.kind === "message" ? 84 : 36),
    getItemKey: (index) => shown[index]?.key ?? index,
    anchorTo: "end",
    followOnAppend: true,
    scrollEndThreshold: NEAR_END,
    scrollMargin: TOP,
    overscan: 8,
  });

  const target = Number(new URLSearchParams(useSearch()).get("at")) || null;
  const [reached, setReached] = useState<number | null>(null);
  const { onScroll, goToEnd } = useStayingAtEnd(holder);
  const newest = waiting.at(-1)?.reply.id;
  useEffect(() => {
    // Who has written something wants to see it leave.
    if (newest) goToEnd();
  }, [newest, goToEnd]);
  useEffect(() => {
    if (target) void opened.reach(target).then(() => setReached(target));
  }, [opened, target]);
  const targetAt = reached ? shown.findIndex((line) => "view" in line && line.view.entry.seq >= reached) : -1;
  const hasTarget = targetAt >= 0;
  useEffect(() => {
    // Once, when it has been reached; later it may move as others come.
    if (hasTarget) virtual.scrollToIndex(targetAt, { align: "center" });
  }, [virtual, hasTarget, reached]);

  useEffect(() => {
    screen.read = () => holder.current?.focus();
    return () => {
      screen.read = () => {};
    };
  }, [screen]);

  const items = virtual.getVirtualItems();
  const newAt = shown.findIndex((line) => line.kind === "new");
  const awayFromEnd = virtual.getTotalSize() > 0 && !virtual.isAtEnd(NEAR_END);
  const newIsAbove = newAt >= 0 && newAt < (items.find((item) => item.end > (virtual.scrollOffset ?? 0))?.index ?? 0);
  return (
    <div className="log-frame">
      <div
        ref={holder}
        className="log"
        role="log"
        aria-live="off"
        aria-label={words.t("thread.log", { name: nameOf(row, words) })}
        tabIndex={0}
        onScroll={(event) => {
          onScroll();
          if (event.currentTarget.scrollTop < NEAR_START && opened.older === "some") void opened.readOlder();
        }}
      >
        <div className="log-top" style={{ height: TOP }}>
          <Top opened={opened} words={words} />
        </div>
        <div className="log-all" style={{ height: virtual.getTotalSize() }}>
          {items.map(({ index, key, start }) => {
            const line = shown[index];
            return (
              line && (
                <div
                  key={key}
                  ref={virtual.measureElement}
                  data-index={index}
                  className="line"
                  data-found={index === targetAt}
                  style={{ transform: `translateY(${start - TOP}px)` }}
                >
                  <OneLine line={line} opened={opened} row={row} screen={screen} words={words} personas={personas} />
                </div>
              )
            );
          })}
        </div>
      </div>
      <div className="jumps">
        {newIsAbove && (
          <Button size="compact-sm" variant="default" onClick={() => virtual.scrollToIndex(newAt, { align: "start" })}>
            {words.t("thread.unread")}
          </Button>
        )}
        {awayFromEnd && (
          <Button size="compact-sm" variant="default" leftSection={<Icon name="down" size={14} />} onClick={() => virtual.scrollToEnd()}>
            {words.t("thread.newest")}
          </Button>
        )}
      </div>
      <Announcer views={opened.views} words={words} />
      <p className="typing" aria-live="polite">
        {opened.typing.map((one) => (
          <span key={`${one.who} ${one.name}`}>
            {one.who === "customer" ? words.t("thread.typing.customer") : words.t("thread.typing.agent", { name: one.name })}
          </span>
        ))}
      </p>
    </div>
  );
}

// Lines are measured when they are shown, and the composer grows: whoever reads the end goes on to.
function useStayingAtEnd(holder: RefObject<HTMLDivElement | null>): { onScroll: () => void; goToEnd: () => void } {
  const atEnd = useRef(true);
  const before = useRef(0);

  useLayoutEffect(() => {
    const element = holder.current;
    const all = element?.lastElementChild;
    if (!element || !all) return;
    const stay = () => {
      if (atEnd.current) element.scrollTop = element.scrollHeight;
    };
    stay();
    const sizes = new ResizeObserver(stay);
    sizes.observe(element);
    sizes.observe(all);
    return () => sizes.disconnect();
  }, [holder]);

  const onScroll = useCallback(() => {
    const element = holder.current;
    if (!element) return;
    const { scrollTop, scrollHeight, clientHeight } = element;
    const near = scrollHeight - scrollTop - clientHeight < NEAR_END;
    // What grows below moves nothing; only a person goes up.
    if (near) atEnd.current = true;
    else if (scrollTop < before.current) atEnd.current = false;
    before.current = scrollTop;
  }, [holder]);

  const goToEnd = useCallback(() => {
    atEnd.current = true;
    if (holder.current) holder.current.scrollTop = holder.current.scrollHeight;
  }, [holder]);

  return { onScroll, goToEnd };
}

interface OneLineProps {
  line: Drawn;
  opened: Opened;
  row: Row;
  screen: Screen;
  words: Words;
  personas: Persona[];
}

function OneLine({ line, opened, row, screen, words, personas }: OneLineProps) {
  const { t, language } = words;
  switch (line.kind) {
    case "day":
      return <p className="divider">{day(line.at, language)}</p>;
    case "new":
      return <p className="divider new">{t("thread.new")}</p>;
    case "channel":
      return (
        <p className="divider">
          <ChannelIcon channel={line.channel} size={14} />
          {t("channel.switch", { channel: channelName(line.channel, language) })}
        </p>
      );
    case "fact":
      return (
        <p className="fact" data-quiet={line.quiet} data-warns={line.view.entry.body.kind === "link_refused"}>
          {line.view.entry.body.kind === "link_refused" && <Icon name="warn" size={14} />}
          <bdi>{lineOf(line.view, words, personas)}</bdi>{" "}
          <time dateTime={line.view.entry.at} title={whole(line.view.entry.at, language)}>
            {clock(line.view.entry.at, language)}
          </time>
        </p>
      );
    case "held":
      return <HeldReply reply={line.reply} held={line.held} screen={screen} words={words} />;
    case "message":
      return (
        <Message
          view={line.view}
          goesOn={line.goesOn}
          later={line.later}
          thread={opened.thread}
          owner={row.state.owner}
          screen={screen}
          words={words}
        />
      );
  }
}

function Top({ opened, words: { t, language } }: { opened: Opened; words: Words }) {
  const first = opened.views[0];
  if (opened.older === "none") return <p className="divider">{t("thread.start")}</p>;
  if (opened.older === "loading") return <p className="divider">{t("thread.older.loading")}</p>;
  const failed = opened.older === "failed";
  return (
    <p className="divider" role={failed ? "alert" : undefined}>
      {failed ? t("thread.older.failed") : first && day(first.entry.at, language)}
      <Button size="compact-sm" variant="default" onClick={() => void opened.readOlder()}>
        {t(failed ? "again" : "thread.older")}
      </Button>
    </p>
  );
}

// What a screen reader is told: what the customer writes from now on, once, and nothing of the history.
function Announcer({ views, words }: { views: EntryView[]; words: Words }) {
  const from = useRef(views.at(-1)?.entry.seq ?? 0);
  const last = views.findLast(({ entry }) => entry.body.kind === "message_in" && entry.seq > from.current);
  const body = last?.entry.body;
  return (
    <p className="visually-hidden" aria-live="polite">
      {body?.kind === "message_in" && `${words.t("who.customer")}: ${body.text || words.t("attachment")}`}
    </p>
  );
}
