// The dialogs of what agents do with a thread.

import { Button, Group, NativeSelect, Skeleton, Textarea, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState, type FormEvent, type ReactNode } from "react";

import { attempt, tell, type Act } from "./acts";
import { ask } from "./api";
import { personaName, usePersonas } from "./customer";
import { useDesk } from "./desk";
import { momentTo } from "./describe";
import type { Queue, Row } from "./model";
import { laterToday, nextWeek, tomorrow } from "./moments";
import { useWords } from "./words";

interface FormProps {
  row: Row;
  onClose: () => void;
}

const QUEUE = /^[A-Za-z0-9_.-]{1,64}$/;
const OTHER = ""; // what no queue is called
const ENDINGS = ["solved", "unanswered", "duplicate", "spam"] as const;

export function TransferForm({ row, onClose }: FormProps) {
  const { t } = useWords();
  const { problem, submit, busy, setProblem } = useAct(row, "transfer", onClose);
  const [queue, setQueue] = useState<string | null>(null);
  const [other, setOther] = useState("");
  const [note, setNote] = useState("");
  const [wrong, setWrong] = useState<"queue" | "note" | null>(null);
  const { data, isPending, isError } = useQuery({
    queryKey: ["queues"],
    queryFn: () => ask<{ queues: Queue[] }>("GET", "/queues"),
  });
  const known = data?.queues ?? [];
  const chosen = queue ?? known[0]?.queue ?? OTHER;

  function check(): void {
    setProblem(null);
    const wanted = chosen === OTHER ? other.trim() : chosen;
    const found = !QUEUE.test(wanted) ? "queue" : !note.trim() ? "note" : null;
    setWrong(found);
    if (!found) void submit({ queue: wanted, note: note.trim() }, t("done.transfer", { queue: wanted }));
  }

  if (isPending) return <Skeleton height={220} />;

  return (
    <Form label={t("action.transfer")} problem={problem} busy={busy} onSubmit={check} onClose={onClose}>
      <NativeSelect
        label={t("transfer.queue")}
        value={chosen}
        onChange={(event) => setQueue(event.currentTarget.value)}
        data={[
          ...known.map((one) => ({ value: one.queue, label: t("transfer.queue.waiting", { queue: one.queue, n: one.waiting }) })),
          { value: OTHER, label: t("transfer.queue.other") },
        ]}
        description={isError ? t("transfer.queue.failed") : undefined}
        autoFocus
        data-autofocus
      />
      {chosen === OTHER && (
        <TextInput
          label={t("transfer.queue.name")}
          value={other}
          onChange={(event) => setOther(event.currentTarget.value)}
          error={wrong === "queue" && t("transfer.queue.wrong")}
        />
      )}
      <Textarea
        label={t("transfer.note")}
        autosize
        minRows={3}
        maxLength={2_000}
        value={note}
        onChange={(event) => setNote(event.currentTarget.value)}
        error={wrong === "note" && t("transfer.needed")}
      />
    </Form>
  );
}

export function HandBackForm({ row, onClose }: FormProps) {
  const { t } = useWords();
  const { problem, submit, busy } = useAct(row, "hand-back", onClose);
  const [note, setNote] = useState("");
  return (
    <Form
      label={t("action.hand_back")}
      problem={problem}
      busy={busy}
      onSubmit={() => void submit({ note: note.trim() }, t("done.hand_back"))}
      onClose={onClose}
    >
      <Textarea
        label={t("hand_back.note")}
        autosize
        minRows={2}
        maxLength={2_000}
        value={note}
        onChange={(event) => setNote(event.currentTarget.value)}
        data-autofocus
      />
    </Form>
  );
}

export function ResolveForm({ row, onClose }: FormProps) {
  const { t } = useWords();
  const { problem, submit, busy } = useAct(row, "resolve", onClose);
  const [reason, setReason] = useState<string>("solved");
  return (
    <Form
      label={t("action.resolve")}
      problem={problem}
      busy={busy}
      onSubmit={() => void submit({ reason }, t("done.resolve"))}
      onClose={onClose}
    >
      <NativeSelect
        label={t("resolve.reason")}
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
        data={ENDINGS.map((value) => ({ value, label: t(`resolve.${value}`) }))}
        data-autofocus
      />
    </Form>
  );
}

export function FacetForm({ row, onClose }: FormProps) {
  const { t, language } = useWords();
  const { problem, submit, busy } = useAct(row, "facet", onClose);
  const personas = usePersonas();
  const { facet = "", episode } = row.state;
  const [wanted, setWanted] = useState(facet);
  return (
    <Form
      label={t("keys.save")}
      problem={problem}
      busy={busy}
      onSubmit={() => void submit({ facet: wanted, ...(episode ? { episode: episode.id } : {}) }, t("done.facet", { facet: personaName(wanted, personas, language) }))}
      onClose={onClose}
    >
      <NativeSelect
        label={t("facet.role")}
        description={t("facet.why")}
        value={wanted}
        onChange={(event) => setWanted(event.currentTarget.value)}
        data={personas.map((one) => ({ value: one.key, label: one.names[language] }))}
        data-autofocus
      />
    </Form>
  );
}

export function SnoozeForm({ row, onClose }: FormProps) {
  const words = useWords();
  const { t } = words;
  const { problem, submit, busy, setProblem } = useAct(row, "snooze", onClose);
  const [now] = useState(() => new Date());
  const [own, setOwn] = useState("");
  const offers = [
    ["snooze.later", laterToday(now)],
    ["snooze.tomorrow", tomorrow(now)],
    ["snooze.week", nextWeek(now)],
  ] as const;

  function until(at: Date): void {
    const moment = at.toISOString();
    void submit({ until: moment }, t("done.snooze", { time: momentTo(moment, words) }));
  }

  function check(): void {
    const at = new Date(own);
    if (at > new Date()) until(at);
    else setProblem(t("snooze.past"));
  }

  return (
    <Form label={t("action.snooze")} problem={problem} busy={busy} onSubmit={check} onClose={onClose}>
      <div className="offers">
        {offers.map(([key, at], index) => (
          <Button
            key={key}
            variant="default"
            justify="space-between"
            rightSection={<span className="soft">{momentTo(at.toISOString(), words)}</span>}
            onClick={() => until(at)}
            data-autofocus={index === 0 || undefined}
          >
            {t(key)}
          </Button>
        ))}
      </div>
      <TextInput
        type="datetime-local"
        label={t("snooze.custom")}
        value={own}
        onChange={(event) => setOwn(event.currentTarget.value)}
      />
    </Form>
  );
}

function useAct(row: Row, act: Act, onClose: () => void) {
  const desk = useDesk();
  const words = useWords();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);

  async function submit(body: object, done: string): Promise<void> {
    setBusy(true);
    const found = await attempt(desk, act, { thread: row.state.thread, body, words });
    setBusy(false);
    setProblem(found);
    if (found) return;
    tell(done, words);
    onClose();
  }

  return { busy, problem, setProblem, submit };
}

interface FrameProps {
  label: string;
  problem: string | null;
  busy: boolean;
  onSubmit: () => void;
  onClose: () => void;
  children: ReactNode;
}

function Form({ label, problem, busy, onSubmit, onClose, children }: FrameProps) {
  const { t } = useWords();
  function submit(event: FormEvent): void {
    event.preventDefault();
    onSubmit();
  }
  return (
    <form className="form" onSubmit={submit} noValidate>
      {children}
      {problem && (
        <p className="bad" role="alert">
          {problem}
        </p>
      )}
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}>
          {t("cancel")}
        </Button>
        <Button type="submit" loading={busy}>
          {label}
        </Button>
      </Group>
    </form>
  );
}
