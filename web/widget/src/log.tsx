import { sameDay, day } from "@samtal/shared/time";
import type { Language } from "@samtal/shared/text";
import { Fragment } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

import { Icon } from "./icons";
import { LineView, type Acts } from "./line";
import { continues, type Line } from "./timeline";
import type { Translate } from "./words";

const PAGE = 100; // lines drawn at first, and more at each wish
const NEAR_END = 60; // pixels

interface Props {
  lines: readonly Line[];
  unread: number;
  /** Something else is shown in its place. */
  hidden: boolean;
  /** The bot waits for an answer to its question. */
  asking: boolean;
  /** Something else lies over it. */
  covered: boolean;
  language: Language;
  t: Translate;
  base: string;
  acts: Acts;
  /** The end is in view. */
  saw(): void;
}

/** The messages; stays at the end when it is there, and else where it is. */
export function Log({ lines, unread, hidden, asking, covered, language, t, base, acts, saw }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLOListElement>(null);
  const anchor = useRef<Place | null>(null);
  const [atEnd, setAtEnd] = useState(true);
  const [pages, setPages] = useState(1);
  const newest = lines.at(-1);
  const newestOwn = useMemo(() => lines.findLast((line) => line.way === "sent" || isOurs(line))?.key, [lines]);
  const first = Math.max(0, lines.length - pages * PAGE);

  const scrolled = () => {
    const it = box.current;
    if (!it || it.clientHeight === 0) return;
    const end = it.scrollHeight - it.scrollTop - it.clientHeight < NEAR_END;
    anchor.current = end ? null : firstVisible(it, list.current);
    setAtEnd(end);
  };
  const settle = () => {
    const it = box.current;
    if (!it) return;
    const kept = anchor.current && list.current?.querySelector<HTMLElement>(`[data-key="${CSS.escape(anchor.current.key)}"]`);
    it.scrollTop = kept && anchor.current ? bottom(kept) - anchor.current.bottom : it.scrollHeight;
  };
  const toEnd = () => {
    anchor.current = null;
    setAtEnd(true);
    settle();
  };

  useLayoutEffect(() => {
    if (newest?.way === "sending") toEnd();
  }, [newest?.key]);
  useLayoutEffect(() => {
    if (!hidden) toEnd();
  }, [hidden]);
  useLayoutEffect(settle, [lines, first, language]);
  useEffect(() => {
    const watcher = new ResizeObserver(settle); // pictures arrive, the window changes
    for (const it of [box.current, list.current]) if (it) watcher.observe(it);
    return () => watcher.disconnect();
  }, []);
  useEffect(() => {
    const look = () => !hidden && atEnd && !document.hidden && saw();
    look();
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, [hidden, atEnd, lines]);

  const older = () => {
    anchor.current = firstVisible(box.current, list.current);
    setPages(pages + 1);
    box.current?.focus();
  };

  return (
    <div class="log-place" hidden={hidden} inert={covered}>
      {/* The role without the speaking: `News` says what is new, and a replay or older lines are not. */}
      <div id="log" class="log" ref={box} role="log" aria-live="off" aria-label={t("chat")} tabIndex={0} onScroll={scrolled}>
        {first > 0 && (
          <button type="button" class="older" onClick={older}>
            {t("older")}
          </button>
        )}
        <ol ref={list}>
          {lines.length === 0 && (
            <li class="message bot head" id="hello">
              <p class="text">{t("hello")}</p>
              <p class="status">{t("privacy")}</p>
            </li>
          )}
          {lines.slice(first).map((line, at) => {
            const before = lines[first + at - 1]?.message;
            const newDay = at === 0 || !before || !sameDay(before.at, line.message.at);
            return (
              <Fragment key={line.key}>
                {newDay && (
                  <li class="day">
                    <span>{day(line.message.at, language)}</span>
                  </li>
                )}
                <LineView
                  line={line}
                  head={newDay || !continues(line.message, before)}
                  newest={line === newest}
                  asking={asking}
                  newestOwn={line.key === newestOwn}
                  language={language}
                  t={t}
                  base={base}
                  acts={acts}
                />
              </Fragment>
            );
          })}
        </ol>
      </div>
      {!atEnd && unread > 0 && (
        <button type="button" class="news" onClick={toEnd}>
          <Icon of="down" /> {unread === 1 ? t("newOne") : t("newMany", { count: unread })}
        </button>
      )}
    </div>
  );
}

function isOurs({ message }: Line): boolean {
  return message.author === "customer" && (message.channel ?? "webchat") === "webchat";
}

/** A line and where its end is in view: who wrote it stands above, and comes and goes. */
interface Place {
  key: string;
  bottom: number;
}

function bottom(item: HTMLElement): number {
  return item.offsetTop + item.offsetHeight;
}

function firstVisible(box: HTMLElement | null, list: HTMLElement | null): Place | null {
  if (!box || !list) return null;
  for (const item of list.children as HTMLCollectionOf<HTMLElement>) {
    const { key } = item.dataset;
    if (key !== undefined && bottom(item) > box.scrollTop) return { key, bottom: bottom(item) - box.scrollTop };
  }
  return null;
}
