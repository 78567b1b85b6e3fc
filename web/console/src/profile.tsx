// The profile of a customer: each field with who told it, corrected in place.

import { ActionIcon, Button, Group, NativeSelect, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { date } from "@samtal/shared/time";
import { useEffect, useRef, useState, type FormEvent, type KeyboardEvent } from "react";

import { ask, Refusal } from "./api";
import type { Card, Field, Push, Told as TellsField } from "./customer";
import { momentTo, problemWords } from "./describe";
import { Icon } from "./icons";
import { perhaps, useWords, type Words } from "./words";

// What agents may fill in, in the order in which they are asked for.
const FIELDS = ["name", "email", "phone", "language", "tier", "birthday", "street", "postal_code", "city", "country", "company", "organisation_number"];

/** The fields that are known, as pairs of a list. */
export function Profile({ card }: { card: Card }) {
  return card.profile.map((field) => (
    <OneField key={field.key} field={field} push={card.pushes.find((one) => one.field === field.key)} card={card} />
  ));
}

function OneField({ field, push, card }: { field: Field; push: Push | undefined; card: Card }) {
  const words = useWords();
  const { t } = words;
  const { key, best } = field;
  const [isEdited, setEdited] = useState(false);
  const opener = useFocusBack(isEdited);
  const name = perhaps(words, "profile", key);
  return (
    <div className="pair">
      <dt>{name}</dt>
      <dd>
        {isEdited ? (
          <ValueForm card={card} field={key} name={name} before={best.told.value} onClose={() => setEdited(false)} />
        ) : (
          <span className="copied">
            <bdi className="value">{valueOf(key, best.told.value, words)}</bdi>
            {!best.told.verified && (
              <ActionIcon
                ref={opener}
                variant="subtle"
                color="gray"
                size={24}
                className="quiet"
                aria-label={t("field.edit", { field: name })}
                title={t("field.edit", { field: name })}
                onClick={() => setEdited(true)}
              >
                <Icon name="pencil" size={14} />
              </ActionIcon>
            )}
          </span>
        )}
        <Told source={best.told.source} by={best.told.by} at={best.told.at} verified={best.told.verified} />
        {push && <PushLine push={push} />}
        {best.others.map((other) => (
          <Other key={`${other.source} ${other.value}`} field={key} other={other} />
        ))}
      </dd>
    </div>
  );
}

/** What opens a form has the focus again when the form is closed, however late it is drawn. */
function useFocusBack(isOpen: boolean) {
  const opener = useRef<HTMLButtonElement>(null);
  const wasOpen = useRef(false);
  useEffect(() => {
    if (wasOpen.current && !isOpen) opener.current?.focus();
    wasOpen.current = isOpen;
  }, [isOpen]);
  return opener;
}

function Other({ field, other }: { field: string; other: TellsField }) {
  const words = useWords();
  const said = { value: valueOf(field, other.value, words), source: sourceOf(other.source, words) };
  return (
    <span className="conflict">
      <Icon name="warn" size={13} />
      {words.t(other.overruled ? "card.overruled" : "card.conflict", said)}
    </span>
  );
}

function PushLine({ push }: { push: Push }) {
  const words = useWords();
  if (push.status === "waiting") return <span className="proof">{words.t("push.waiting", { crm: push.crm })}</span>;
  return (
    <span className="conflict">
      <Icon name="warn" size={13} />
      <bdi>{words.t("push.failed", { crm: push.crm, reason: push.reason })}</bdi>
    </span>
  );
}

/** A way to fill in a field that nobody told of yet. */
export function FillIn({ card }: { card: Card }) {
  const words = useWords();
  const { t } = words;
  const missing = FIELDS.filter((key) => !card.profile.some((field) => field.key === key));
  const [field, setField] = useState<string | null>(null);
  const opener = useFocusBack(field !== null);
  if (!missing.length) return null;
  if (field === null || !missing.includes(field)) {
    return (
      <Button ref={opener} size="compact-xs" variant="default" onClick={() => setField(missing[0] ?? null)}>
        {t("field.fill")}
      </Button>
    );
  }
  return (
    <div className="fill-in">
      <NativeSelect
        size="xs"
        label={t("field.which")}
        data={missing.map((key) => ({ value: key, label: perhaps(words, "profile", key) }))}
        value={field}
        onChange={(event) => setField(event.currentTarget.value)}
      />
      <ValueForm card={card} field={field} name={perhaps(words, "profile", field)} before="" onClose={() => setField(null)} />
    </div>
  );
}

interface ValueFormProps {
  card: Card;
  field: string;
  name: string;
  before: string;
  onClose: () => void;
}

// Enter saves, Escape leaves it as it was; what a colleague wrote meanwhile is said, and the text stays.
function ValueForm({ card, field, name, before, onClose }: ValueFormProps) {
  const words = useWords();
  const { t } = words;
  const client = useQueryClient();
  const input = useRef<HTMLInputElement>(null);
  const [value, setValue] = useState(before);
  const [seen, setSeen] = useState(before);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => input.current?.select(), []);

  async function save(event: FormEvent): Promise<void> {
    event.preventDefault();
    if (busy) return;
    if (!value.trim()) return setProblem(t("field.empty"));
    setBusy(true);
    setProblem(null);
    const body = { value: value.trim(), seen, client_id: crypto.randomUUID() };
    try {
      await ask("PUT", `/customers/${card.thread}/fields/${field}`, { body });
      await client.invalidateQueries({ queryKey: ["customer"] });
      onClose();
    } catch (error) {
      const present = error instanceof Refusal ? error.problem.present : null;
      if (typeof present === "string") setSeen(present);
      setProblem(fieldProblem(error, name, words));
      setBusy(false);
      input.current?.focus();
    }
  }

  function leave(event: KeyboardEvent): void {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    onClose();
  }

  return (
    <form className="field-form" onSubmit={(event) => void save(event)} onKeyDown={leave} noValidate>
      <TextInput
        ref={input}
        size="xs"
        aria-label={name}
        value={value}
        maxLength={200}
        error={problem}
        onChange={(event) => setValue(event.currentTarget.value)}
      />
      <Group gap={6}>
        <Button type="submit" size="compact-xs" loading={busy}>
          {t("field.save")}
        </Button>
        <Button size="compact-xs" variant="default" onClick={onClose}>
          {t("cancel")}
        </Button>
      </Group>
    </form>
  );
}

function fieldProblem(error: unknown, name: string, words: Words): string {
  const { t } = words;
  if (!(error instanceof Refusal)) return problemWords(error, words);
  const { status, detail = "", present } = error.problem;
  if (status === 422) return t("field.wrong", { field: name });
  if (status === 409 && detail.startsWith("the field holds something else")) {
    return present ? t("field.changed", { value: present }) : t("field.emptied");
  }
  return problemWords(error, words);
}

/** Who told, when, and whether they made sure. */
export function Told({ source, by = null, at, verified = false }: { source: string; by?: string | null; at: string; verified?: boolean }) {
  const words = useWords();
  return (
    <span className={verified ? "proof good" : "proof"}>
      {verified && <Icon name="check" size={13} />}
      {verified && `${words.t("card.verified")} · `}
      {source === "agent" && by ? by : sourceOf(source, words)} · {momentTo(at, words)}
    </span>
  );
}

/** A field's value as people write it: codes by their names, days as dates. */
export function valueOf(key: string, value: string, { language }: Words): string {
  switch (key) {
    case "birthday":
      return date(value, language);
    case "country":
      return new Intl.DisplayNames(language, { type: "region" }).of(value) ?? value;
    case "language": {
      const name = new Intl.DisplayNames(language, { type: "language" }).of(value) ?? value;
      return name.charAt(0).toLocaleUpperCase(language) + name.slice(1);
    }
    default:
      return value;
  }
}

export function sourceOf(source: string, words: Words): string {
  return perhaps(words, "source", source);
}
