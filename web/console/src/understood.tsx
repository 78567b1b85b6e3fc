// What was read in a message, and which of its words show it.

import { Button, NativeSelect } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState, type FormEvent, type ReactNode } from "react";

import { ask } from "./api";
import { useDesk } from "./desk";
import { percent, problemWords } from "./describe";
import type { Quote, Understanding } from "./model";
import { Sheet } from "./sheet";
import { perhaps, useWords } from "./words";

export function Understood({ entry, onClose }: { entry: string; onClose: () => void }) {
  const desk = useDesk();
  const { t } = useWords();
  const body = desk.opened?.views.find((view) => view.entry.id === entry)?.entry.body;
  const heard = body?.kind === "message_in" ? body : null;
  const read = heard?.understanding;
  return (
    <Sheet side title={t("read.title")} onClose={onClose}>
      {heard && (
        <blockquote className="quoted" dir="auto" lang={read?.language ?? undefined}>
          {marked(heard.text, read?.quotes ?? [])}
        </blockquote>
      )}
      {read ? <Read read={read} /> : <p>{t("read.none")}</p>}
      {heard?.text && <Correct entry={entry} guess={read?.in_scope ? (read.guesses[0]?.intent ?? null) : null} />}
    </Sheet>
  );
}

function Read({ read }: { read: Understanding }) {
  const words = useWords();
  const { t } = words;
  const { quotes = [], sentiment = 0, urgency = 0 } = read;
  return (
    <>
      {!read.in_scope && <p className="bad">{t("read.unclear")}</p>}
      {read.guesses.length > 0 && (
        <section>
          <h3>{t("read.guesses")}</h3>
          <ol className="plain">
            {read.guesses.map(({ intent, confidence }) => (
              <li key={intent}>
                <code>{intent}</code> <span className="soft">{percent(confidence)} %</span>
              </li>
            ))}
          </ol>
        </section>
      )}
      <dl>
        {read.need && <Pair name={t("read.need")}>{perhaps(words, "need", read.need)}</Pair>}
        {Math.abs(sentiment) >= 0.1 && <Pair name={t("read.sentiment")}>{t(sentiment < 0 ? "read.negative" : "read.positive", { n: percent(Math.abs(sentiment)) })}</Pair>}
        {urgency > 0 && <Pair name={t("read.urgency")}>{percent(urgency)} %</Pair>}
      </dl>
      {quotes.length > 0 && (
        <section>
          <h3>{t("read.quotes")}</h3>
          <ul className="plain">
            {quotes.map((quote) => (
              <li key={`${quote.kind} ${quote.start} ${quote.end}`}>
                {perhaps(words, "quote", quote.kind)}: {perhaps(words, "quoted", quote.value)} <q dir="auto">{quote.text}</q>
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  );
}

// Whoever knows better says so: the thread stays as it is, the next model learns from it.
function Correct({ entry, guess }: { entry: string; guess: string | null }) {
  const words = useWords();
  const { t } = words;
  const [label, setLabel] = useState("");
  const [state, setState] = useState<"open" | "sending" | "kept">("open");
  const [problem, setProblem] = useState<string | null>(null);
  const { data, isPending, isError } = useQuery({
    queryKey: ["labels"],
    queryFn: () => ask<{ labels: string[] }>("GET", "/nlu/labels"),
  });
  if (isPending) return null;
  if (isError) return <p className="bad">{t("read.labels.failed")}</p>;

  async function send(event: FormEvent): Promise<void> {
    event.preventDefault();
    if (!label) return setProblem(t("read.correct.needed"));
    setState("sending");
    setProblem(null);
    try {
      await ask("POST", "/nlu/corrections", { body: { entry, label } });
      setState("kept");
    } catch (error) {
      setProblem(problemWords(error, words));
      setState("open");
    }
  }

  if (state === "kept") return <p role="status">{t("read.corrected", { intent: named(label) })}</p>;
  return (
    <form className="correct" onSubmit={(event) => void send(event)} noValidate>
      <NativeSelect
        label={t("read.correct")}
        description={t("read.correct.why")}
        value={label}
        error={problem}
        onChange={(event) => setLabel(event.currentTarget.value)}
        data={[{ value: "", label: t("read.correct.choose") }, ...data.labels.filter((one) => one !== guess).map((one) => ({ value: one, label: named(one) }))]}
      />
      <Button type="submit" loading={state === "sending"} variant="default">
        {t("read.correct.send")}
      </Button>
    </form>
  );

  function named(intent: string): string {
    return intent === "oos" ? t("read.correct.none") : intent;
  }
}

function Pair({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="pair">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** The text with its quotes marked; places count characters, not the halves that JavaScript counts. */
export function marked(text: string, quotes: Quote[]): ReactNode[] {
  const characters = [...text];
  const parts: ReactNode[] = [];
  let at = 0;
  for (const { start, end } of [...quotes].sort((one, other) => one.start - other.start)) {
    if (end <= at) continue;
    const from = Math.max(start, at);
    parts.push(characters.slice(at, from).join(""), <mark key={from}>{characters.slice(from, end).join("")}</mark>);
    at = end;
  }
  return [...parts, characters.slice(at).join("")];
}
