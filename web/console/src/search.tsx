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
  identity: string;
  /** Without one, it is the customer that was found. */
  seq?: number | null;
  at?: string | null;
  snippet: string;
  marks: Mark[];
}

/** From `start` to before `end`, in UTF-16 units. */
interface Mark {
  start: number;
  end: number;
}

interface Page {
  hits: Hit[];
  next: string | null;
  /** Nothing has the words as they were typed; these have words like them. */
  loose: boolean;
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
  const loose = found.data?.pages[0]?.loose ?? false;
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
        {done && !hits.length && t("search.none")}
        {done && hits.length > 0 && t(loose ? "search.loose" : "search.hits", { n: `${hits.length}${found.hasNextPage ? "+" : ""}` })}
      </p>
      {found.isError && (
        <p className="bad" role="alert">
          {t("search.failed")}
        </p>
      )}
      <ul className="hits">
        {hits.map((hit) => (
          <li key={`${hit.identity} ${hit.seq ?? ""}`}>
            <Link href={`/desk/t/${hit.thread}${query({ at: hit.seq })}`} onClick={onClose}>
              <span className="row-head">
                <strong dir="auto">{nameOf(hit.row, words)}</strong>
                {hit.at && <time dateTime={hit.at}>{moment(hit.at, language)}</time>}
              </span>
              <span dir="auto">
                <Marked text={hit.snippet} marks={hit.marks} />
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

function Marked({ text, marks }: { text: string; marks: Mark[] }) {
  return (
    <>
      {marks.map(({ start, end }, index) => (
        <span key={start}>
          {text.slice(marks[index - 1]?.end ?? 0, start)}
          <mark>{text.slice(start, end)}</mark>
        </span>
      ))}
      {text.slice(marks.at(-1)?.end ?? 0)}
    </>
  );
}
