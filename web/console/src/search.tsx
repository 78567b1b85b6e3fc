// Searching all conversations; a hit opens its thread at the entry.

import { Button, TextInput } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useDebouncedValue } from "@mantine/hooks";
import { moment } from "@samtal/shared/time";
import { useState } from "react";
import { Link } from "wouter";

import { ask, query } from "./api";
import { nameOf } from "./describe";
import { Icon } from "./icons";
import type { Row } from "./model";
import { useWords } from "./words";

interface Hit {
  thread: string;
  row: Row;
  seq?: number | null;
  at?: string | null;
  snippet: string;
  ranges: [number, number][];
}

interface Page {
  hits: Hit[];
  next: string | null;
}

const SHORTEST = 2;
let last = ""; // what was looked for before stands there again

export function Search({ onClose }: { onClose: () => void }) {
  const words = useWords();
  const { t, language } = words;
  const [text, setText] = useState(last);
  const [wanted] = useDebouncedValue(text.trim(), 250);
  last = text;
  const found = useInfiniteQuery({
    queryKey: ["search", wanted],
    queryFn: ({ pageParam, signal }) => ask<Page>("GET", `/search${query({ q: wanted, limit: 20, cursor: pageParam })}`, { signal }),
    initialPageParam: "",
    getNextPageParam: (page) => page.next,
    enabled: wanted.length >= SHORTEST,
  });
  const hits = found.data?.pages.flatMap((page) => page.hits) ?? [];
  const done = found.isSuccess && wanted.length >= SHORTEST;
  return (
    <div className="search" role="search">
      <TextInput
        type="search"
        label={t("search.label")}
        placeholder={t("search.hint")}
        leftSection={<Icon name="search" size={16} />}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        data-autofocus
      />
      <p className="soft" role="status">
        {wanted.length < SHORTEST && t("search.start")}
        {done && (hits.length ? t("search.hits", { n: found.hasNextPage ? `${hits.length}+` : hits.length }) : t("search.none"))}
      </p>
      {found.isError && (
        <p className="bad" role="alert">
          {t("search.failed")}
        </p>
      )}
      <ul className="hits">
        {hits.map((hit) => (
          <li key={`${hit.thread} ${hit.seq ?? ""}`}>
            <Link href={`/desk/t/${hit.thread}${query({ at: hit.seq })}`} onClick={onClose}>
              <span className="row-head">
                <strong dir="auto">{nameOf(hit.row, words)}</strong>
                {hit.at && <time dateTime={hit.at}>{moment(hit.at, language)}</time>}
              </span>
              <span dir="auto">
                <Marked text={hit.snippet} ranges={hit.ranges} />
              </span>
            </Link>
          </li>
        ))}
      </ul>
      {found.hasNextPage && (
        <Button variant="default" loading={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
          {t("search.more")}
        </Button>
      )}
    </div>
  );
}

function Marked({ text, ranges }: { text: string; ranges: [number, number][] }) {
  const characters = [...text]; // the server counts characters, not UTF-16 units
  const parts = ranges.map(([start, end], index) => ({
    before: characters.slice(ranges[index - 1]?.[1] ?? 0, start).join(""),
    hit: characters.slice(start, end).join(""),
    start,
  }));
  return (
    <>
      {parts.map(({ before, hit, start }) => (
        <span key={start}>
          {before}
          <mark>{hit}</mark>
        </span>
      ))}
      {characters.slice(ranges.at(-1)?.[1] ?? 0).join("")}
    </>
  );
}
