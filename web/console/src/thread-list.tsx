// The list: views with their counts, filters, and a row for each thread.

import { Button, NativeSelect, Skeleton } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { channelName } from "@samtal/shared/text";
import { moment, whole } from "@samtal/shared/time";
import { defaultRangeExtractor, useVirtualizer, type Range } from "@tanstack/react-virtual";
import { memo, useCallback, useEffect, useRef, useState, type KeyboardEvent, type PointerEvent } from "react";
import { Link } from "wouter";

import { ask } from "./api";
import { useDesk, type Desk } from "./desk";
import { activeOf, momentTo, nameOf, ownerOf, span } from "./describe";
import { ChannelIcon, Icon } from "./icons";
import { LevelBadge } from "./level";
import type { ChannelInfo, Row } from "./model";
import { useChanges } from "./observable";
import { preferences } from "./preferences";
import { VIEWS, type ViewName } from "./rows";
import type { Screen } from "./screen";
import { useNow } from "./now";
import { useWords, type Words } from "./words";

const ROW = 78;
const NARROWEST = 260;
const WIDEST = 560;

export function useChannels(): ChannelInfo[] {
  const { data } = useQuery({
    queryKey: ["channels"],
    queryFn: () => ask<{ channels: ChannelInfo[] }>("GET", "/channels"),
    staleTime: 600_000,
  });
  return data?.channels ?? [];
}

export function ThreadList({ screen, current }: { screen: Screen; current: string | null }) {
  const desk = useDesk();
  useChanges(desk);
  useChanges(desk.rows);
  useChanges(screen);
  const words = useWords();
  const { wanted } = screen;
  const { status, next } = desk.rows.status(wanted);
  const rows = desk.rows.list(wanted);
  const up = desk.connection === "up";
  const version = desk.rows.snapshot();

  useEffect(() => {
    if (up) void desk.rows.open(wanted);
  }, [desk, wanted, up, version]);

  const more = useCallback(() => void desk.rows.more(wanted), [desk, wanted]);
  return (
    <nav className="list" aria-label={words.t("desk")}>
      <Resizer />
      <Views screen={screen} desk={desk} />
      <Filters screen={screen} />
      {rows.length === 0 && status === "loading" && <Loading />}
      {status === "failed" && (
        <div className="empty" role="alert">
          <p>{words.t("list.failed")}</p>
          <Button size="compact-sm" variant="default" onClick={() => void desk.rows.open(wanted)}>
            {words.t("again")}
          </Button>
        </div>
      )}
      {rows.length === 0 && status === "ready" && (
        <p className="empty">
          {words.t(wanted.channel || wanted.language ? "list.empty.filtered" : `list.empty.${wanted.view}`)}
        </p>
      )}
      {rows.length > 0 && (
        <Rows screen={screen} rows={rows} current={current} more={next && status === "ready" ? more : null} />
      )}
    </nav>
  );
}

function Views({ screen, desk }: { screen: Screen; desk: Desk }) {
  const { t } = useWords();
  const { counts } = desk;

  function shownCount(view: ViewName): string {
    if (!counts?.[view]) return "";
    const open = view === "snoozed" || view === "bot" || view === "all";
    return open && counts[view] >= counts.most ? `${counts.most - 1}+` : String(counts[view]);
  }

  return (
    <div className="views" role="group" aria-label={t("views")}>
      {VIEWS.map((view) => (
        <button
          key={view}
          type="button"
          aria-pressed={view === screen.wanted.view}
          data-urgent={view === "waiting" && !!counts?.waiting}
          onClick={() => screen.want({ view })}
        >
          {t(`view.${view}`)}{" "}
          {shownCount(view) && <span className="count">{shownCount(view)}</span>}
        </button>
      ))}
    </div>
  );
}

function Filters({ screen }: { screen: Screen }) {
  const { t, language } = useWords();
  const channels = [...new Set(useChannels().map((one) => one.channel))];
  return (
    <div className="filters">
      <NativeSelect
        size="xs"
        aria-label={t("filter.channel")}
        value={screen.wanted.channel ?? ""}
        onChange={(event) => screen.want({ channel: event.currentTarget.value || null })}
        data={[
          { value: "", label: t("filter.any.channel") },
          ...channels.map((channel) => ({ value: channel, label: channelName(channel, language) })),
        ]}
      />
      <NativeSelect
        size="xs"
        aria-label={t("filter.language")}
        value={screen.wanted.language ?? ""}
        onChange={(event) => screen.want({ language: event.currentTarget.value || null })}
        data={[
          { value: "", label: t("filter.any.language") },
          { value: "sv", label: t("language.sv") },
          { value: "en", label: t("language.en") },
        ]}
      />
    </div>
  );
}

interface RowsProps {
  screen: Screen;
  rows: Row[];
  current: string | null;
  more: (() => void) | null;
}

function Rows({ screen, rows, current, more }: RowsProps) {
  const desk = useDesk();
  const words = useWords();
  const now = useNow();
  const holder = useRef<HTMLDivElement>(null);
  const [focused, setFocused] = useState<string | null>(null);
  const focusedAt = rows.findIndex((row) => row.state.thread === focused);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => holder.current,
    estimateSize: () => ROW,
    getItemKey: (index) => rows[index]?.state.thread ?? index,
    overscan: 8,
    // The row that has the keyboard stays, wherever the list is scrolled to.
    rangeExtractor: (range: Range) => [
      ...new Set([...(focusedAt < 0 ? [] : [focusedAt]), ...defaultRangeExtractor(range)]),
    ].sort((one, other) => one - other),
  });
  const shown = virtual.getVirtualItems();
  const last = shown.at(-1)?.index ?? 0;

  useEffect(() => {
    if (more && last >= rows.length - 20) more();
  }, [more, last, rows.length]);

  const focusWanted = useRef<string | null>(null);
  useEffect(() => {
    screen.step = (by) => {
      const threads = rows.map((row) => row.state.thread);
      const held = document.activeElement?.closest<HTMLElement>("[data-thread-row]")?.dataset["threadRow"];
      const from = threads.indexOf(held ?? current ?? "");
      const to = from < 0 ? 0 : Math.min(Math.max(from + by, 0), threads.length - 1);
      focusWanted.current = threads[to] ?? null;
      virtual.scrollToIndex(to);
      setFocused(focusWanted.current);
    };
    return () => {
      screen.step = () => {};
    };
  });
  useEffect(() => {
    const thread = focusWanted.current;
    if (!thread) return;
    const link = holder.current?.querySelector<HTMLElement>(`[data-thread-row="${CSS.escape(thread)}"]`);
    if (!link) return;
    focusWanted.current = null;
    link.focus({ preventScroll: true });
  });

  return (
    <div ref={holder} className="rows">
      <div role="list" aria-label={words.t("list.name")} style={{ height: virtual.getTotalSize() }}>
        {shown.map(({ index, key, start }) => {
          const row = rows[index];
          return (
            row && (
              <div
                key={key}
                role="listitem"
                aria-setsize={rows.length}
                aria-posinset={index + 1}
                style={{ transform: `translateY(${start}px)`, height: ROW }}
              >
                <OneRow
                  row={row}
                  me={desk.me.id}
                  isCurrent={row.state.thread === current}
                  isUnread={desk.seen.isUnread(row)}
                  words={words}
                  now={row.state.owner.kind === "offered" ? now : 0}
                  onFocus={setFocused}
                />
              </div>
            )
          );
        })}
      </div>
    </div>
  );
}

interface OneRowProps {
  row: Row;
  me: string;
  isCurrent: boolean;
  isUnread: boolean;
  words: Words;
  now: number;
  onFocus: (thread: string | null) => void;
}

const OneRow = memo(function OneRow({ row, me, isCurrent, isUnread, words, now, onFocus }: OneRowProps) {
  const { t, language } = words;
  const { owner, last_at, last_text, thread, episode } = row.state;
  const channel = activeOf(row)?.address.channel;
  return (
    <Link
      href={`/desk/t/${thread}`}
      className="row"
      data-thread-row={thread}
      data-unread={isUnread}
      aria-current={isCurrent ? "page" : undefined}
      onFocus={() => onFocus(thread)}
      onBlur={() => onFocus(null)}
    >
      <span className="row-head">
        {isUnread && (
          <span className="unread">
            <span className="visually-hidden">{t("row.unread")}</span>
          </span>
        )}
        <strong dir="auto">{nameOf(row, words)}</strong>
        {last_at && (
          <time dateTime={last_at} title={whole(last_at, language)}>
            {moment(last_at, language)}
          </time>
        )}
      </span>
      <span className="row-text" dir="auto">
        {last_text || t("row.silent")}
      </span>
      <span className="row-foot">
        {channel && (
          <span className="mark">
            <ChannelIcon channel={channel} size={14} />
            {channelName(channel, language)}
          </span>
        )}
        {row.level && <LevelBadge level={row.level} short />}
        <span className="row-owner">{ownerOf(owner, me, words)}</span>
        {owner.kind === "offered" && (
          <span className="waits">{t("row.waits", { time: span(now - Date.parse(owner.since), words) })}</span>
        )}
        {episode?.phase === "snoozed" && episode.until && (
          <span className="snoozed">
            <Icon name="moon" size={13} />
            {t("row.snoozed", { time: momentTo(episode.until, words) })}
          </span>
        )}
      </span>
    </Link>
  );
});

function Loading() {
  return (
    <div className="loading" aria-hidden="true">
      {[1, 2, 3, 4, 5, 6].map((number) => (
        <Skeleton key={number} height={58} radius="md" />
      ))}
    </div>
  );
}

// The line between list and thread; by mouse, finger or arrow keys.
function Resizer() {
  useChanges(preferences);
  const { t } = useWords();
  const { listWidth } = preferences.liked;
  useEffect(() => {
    document.documentElement.style.setProperty("--list-width", `${listWidth}px`);
  }, [listWidth]);

  function widen(width: number): void {
    preferences.set({ listWidth: Math.round(Math.min(Math.max(width, NARROWEST), WIDEST)) });
  }

  function drag(event: PointerEvent<HTMLDivElement>): void {
    if (event.currentTarget.hasPointerCapture(event.pointerId)) widen(event.clientX);
  }

  function press(event: KeyboardEvent<HTMLDivElement>): void {
    const by = { ArrowLeft: -20, ArrowRight: 20 }[event.key];
    if (!by) return;
    event.preventDefault();
    widen(listWidth + by);
  }

  return (
    <div
      className="resizer"
      role="separator"
      tabIndex={0}
      aria-orientation="vertical"
      aria-label={t("list.width")}
      aria-valuenow={listWidth}
      aria-valuemin={NARROWEST}
      aria-valuemax={WIDEST}
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={drag}
      onKeyDown={press}
    />
  );
}
