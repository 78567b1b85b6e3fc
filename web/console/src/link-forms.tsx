// The dialogs in which agents say who is who: link, dismiss a suggestion, end a link.

import { Button, Group, Radio, Textarea, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { channelName } from "@samtal/shared/text";
import { useState, type FormEvent, type ReactNode } from "react";

import { tell } from "./acts";
import { ask, query } from "./api";
import { useCard, type Card, type HeldLink } from "./customer";
import { momentTo, nameOf, problemWords } from "./describe";
import type { Identity, Row } from "./model";
import { perhaps, useWords, type Words } from "./words";

interface FormProps {
  row: Row;
  onClose: () => void;
}

interface Choice {
  identity: string;
  own: string | null;
  label: string;
  hint: string;
}

/** Who somebody is, by channel and what is known of them there. */
export function identityWords({ address, name, phone, username }: Identity, { language }: Words): string {
  const known = name || phone || username;
  return known ? `${known} · ${channelName(address.channel, language)}` : `${channelName(address.channel, language)} · ${address.user}`;
}

export function LinkForm({ row, other, onClose }: FormProps & { other: string | null }) {
  const words = useWords();
  const { t } = words;
  const { card } = useCard(row);
  const saying = useSaying(row, onClose);
  const [wanted, setWanted] = useState(other);
  const [text, setText] = useState("");
  const found = useFound(text, row, words);
  const suggested = suggestedIn(card, words);
  const choices = [...suggested, ...found.filter((one) => !suggested.some((known) => known.identity === one.identity))];
  const chosen = choices.find((one) => one.identity === wanted);

  async function link(): Promise<void> {
    if (!chosen) return saying.setWrong("who");
    const body = { identity: chosen.identity, ...(chosen.own ? { own: chosen.own } : {}) };
    const answer = await saying.say<{ status: string }>("POST", "/links", body);
    if (answer) tell(t(answer.status === "proposed" ? "link.proposed" : "link.done"), words);
  }

  return (
    <SayingForm saying={saying} label={t("link.do")} onSubmit={() => void link()} onClose={onClose}>
      <p className="soft">{t("link.what", { name: nameOf(row, words) })}</p>
      {card?.vip && <p className="said-warn">{t("link.vip")}</p>}
      <TextInput label={t("link.find")} description={t("link.find.hint")} value={text} onChange={(event) => setText(event.currentTarget.value)} data-autofocus={!other || undefined} />
      <Radio.Group label={t("link.who")} value={chosen ? wanted : null} onChange={setWanted} error={saying.wrong === "who" && t("link.who.needed")}>
        <div className="choices">
          {choices.map((one) => (
            <Radio key={one.identity} value={one.identity} label={<bdi>{one.label}</bdi>} description={one.hint} />
          ))}
          {choices.length === 0 && <p className="soft">{t("link.nobody")}</p>}
        </div>
      </Radio.Group>
    </SayingForm>
  );
}

export function DismissForm({ row, other, onClose }: FormProps & { other: string }) {
  const words = useWords();
  const { t } = words;
  const { card } = useCard(row);
  const saying = useSaying(row, onClose);
  const suggestion = card?.suggestions.find((one) => one.other === other);
  const who = suggestion?.identities.find((one) => one.id === other);

  async function dismiss(): Promise<void> {
    const body = { identity: other, ...(suggestion ? { own: suggestion.one } : {}) };
    if (await saying.say("POST", "/dismissals", body)) tell(t("dismiss.done"), words);
  }

  return (
    <SayingForm saying={saying} label={t("dismiss.do")} onSubmit={() => void dismiss()} onClose={onClose}>
      <p className="soft">{t("dismiss.what", { name: nameOf(row, words), other: who ? identityWords(who, words) : "" })}</p>
    </SayingForm>
  );
}

export function UnlinkForm({ row, link, onClose }: FormProps & { link: string | null }) {
  const words = useWords();
  const { t } = words;
  const { card } = useCard(row);
  const saying = useSaying(row, onClose);
  const links = card?.links ?? [];
  const [wanted, setWanted] = useState(link);
  const chosen = links.find((one) => one.link.id === wanted) ?? (links.length === 1 ? links[0] : undefined);

  async function unlink(): Promise<void> {
    if (!chosen) return saying.setWrong("who");
    if (await saying.say("DELETE", `/links/${chosen.link.id}`, null)) tell(t("unlink.done"), words);
  }

  return (
    <SayingForm saying={saying} label={t("unlink.do")} onSubmit={() => void unlink()} onClose={onClose}>
      <p className="soft">{t("unlink.what")}</p>
      <Radio.Group label={t("unlink.which")} value={chosen?.link.id ?? null} onChange={setWanted} error={saying.wrong === "who" && t("unlink.needed")}>
        <div className="choices">
          {links.map((one) => (
            <Radio key={one.link.id} value={one.link.id} label={<bdi>{endsOf(one, row, words)}</bdi>} description={linkWords(one, words)} />
          ))}
          {links.length === 0 && <p className="soft">{t("unlink.none")}</p>}
        </div>
      </Radio.Group>
    </SayingForm>
  );
}

/** The two ends of a link. */
function endsOf({ link }: HeldLink, row: Row, words: Words): string {
  const ends = [link.one, link.other].map((id) => row.identities.find((one) => one.id === id));
  return ends.map((end) => (end ? identityWords(end, words) : "…")).join(" – ");
}

/** By what, since when and whose word. */
export function linkWords({ link }: HeldLink, words: Words): string {
  const by = link.by.kind === "agent" ? `, ${link.by.name}` : "";
  const reason = link.reason ? `: ${link.reason}` : "";
  return `${perhaps(words, "proof", link.proof)} · ${momentTo(link.at, words)}${by}${reason}`;
}

function suggestedIn(card: Card | null, words: Words): Choice[] {
  return (card?.suggestions ?? []).flatMap((suggestion) => {
    const who = suggestion.identities.find((one) => one.id === suggestion.other);
    const hint = suggestion.conflict
      ? words.t("suggestion.conflict")
      : suggestion.evidence.map((one) => `${words.t(`claim.${one.what}`)} ${one.value}`).join(", ");
    return who ? [{ identity: who.id, own: suggestion.one, label: identityWords(who, words), hint }] : [];
  });
}

/** Customers found by what is typed. */
function useFound(text: string, row: Row, words: Words): Choice[] {
  const [wanted] = useDebouncedValue(text.trim(), 250);
  const found = useQuery({
    queryKey: ["search", "customers", wanted],
    queryFn: ({ signal }) => ask<{ hits: { row: Row; identity: string; seq?: number | null }[] }>("GET", `/search${query({ q: wanted, limit: 10 })}`, { signal }),
    enabled: wanted.length >= 2,
  });
  const customers = (found.data?.hits ?? []).filter((hit) => !hit.seq && hit.row.state.thread !== row.state.thread);
  return customers.flatMap((hit) => {
    const who = hit.row.identities.find((one) => one.id === hit.identity);
    return who ? [{ identity: who.id, own: null, label: identityWords(who, words), hint: nameOf(hit.row, words) }] : [];
  });
}

type Wrong = "who" | "reason" | null;

interface Saying {
  reason: string;
  setReason: (reason: string) => void;
  busy: boolean;
  problem: string | null;
  wrong: Wrong;
  setWrong: (wrong: Wrong) => void;
  say: <Answer>(method: "POST" | "DELETE", path: string, body: object | null) => Promise<Answer | null>;
}

// One word of an agent: the same id however often it is sent.
function useSaying(row: Row, onClose: () => void): Saying {
  const words = useWords();
  const client = useQueryClient();
  const [id] = useState(() => crypto.randomUUID());
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const [wrong, setWrong] = useState<Wrong>(null);

  async function say<Answer>(method: "POST" | "DELETE", path: string, body: object | null): Promise<Answer | null> {
    setProblem(null);
    setWrong(reason.trim() ? null : "reason");
    if (!reason.trim()) return null;
    setBusy(true);
    const said = { reason: reason.trim(), client_id: id };
    const whole = `/customers/${row.state.thread}${path}`;
    try {
      const answer = await (body ? ask<Answer>(method, whole, { body: { ...body, ...said } }) : ask<Answer>(method, whole + query(said)));
      void client.invalidateQueries({ queryKey: ["customer"] });
      onClose();
      return answer;
    } catch (error) {
      setProblem(problemWords(error, words));
      return null;
    } finally {
      setBusy(false);
    }
  }

  return { reason, setReason, busy, problem, wrong, setWrong, say };
}

interface SayingFormProps {
  saying: Saying;
  label: string;
  onSubmit: () => void;
  onClose: () => void;
  children: ReactNode;
}

function SayingForm({ saying, label, onSubmit, onClose, children }: SayingFormProps) {
  const { t } = useWords();
  function submit(event: FormEvent): void {
    event.preventDefault();
    onSubmit();
  }
  return (
    <form className="form" onSubmit={submit} noValidate>
      {children}
      <Textarea
        label={t("link.reason")}
        description={t("link.reason.hint")}
        autosize
        minRows={2}
        maxLength={500}
        value={saying.reason}
        onChange={(event) => saying.setReason(event.currentTarget.value)}
        error={saying.wrong === "reason" && t("link.reason.needed")}
      />
      {saying.problem && (
        <p className="bad" role="alert">
          {saying.problem}
        </p>
      )}
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}>
          {t("cancel")}
        </Button>
        <Button type="submit" loading={saying.busy}>
          {label}
        </Button>
      </Group>
    </form>
  );
}
