// Managing canned replies.

import { Button, CloseButton, Textarea, TextInput } from "@mantine/core";
import { useState, type FormEvent } from "react";

import { useChanges } from "./observable";
import { snippets } from "./snippets";
import { useWords } from "./words";

export function SnippetsForm() {
  useChanges(snippets);
  const { t } = useWords();
  const [wrong, setWrong] = useState(false);

  function add(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    const form = event.currentTarget;
    const data = new FormData(form);
    const name = String(data.get("name")).trim().replaceAll(/[\s/]+/g, "-");
    const text = String(data.get("text")).trim();
    setWrong(!name || !text);
    if (!name || !text) return;
    snippets.put({ name, text });
    form.reset();
    form.querySelector("input")?.focus();
  }

  return (
    <>
      <p className="soft">{t("snippets.why", { name: "{name}" })}</p>
      {snippets.all.length === 0 && <p>{t("snippets.none")}</p>}
      <ul className="snippet-list">
        {snippets.all.map(({ name, text }) => (
          <li key={name}>
            <p dir="auto">
              <strong>/{name}</strong> {text}
            </p>
            <CloseButton aria-label={t("snippets.remove", { name })} onClick={() => snippets.drop(name)} />
          </li>
        ))}
      </ul>
      <form className="form" onSubmit={add} noValidate>
        <TextInput name="name" label={t("snippets.shortcut")} maxLength={40} error={wrong && t("snippets.needed")} data-autofocus />
        <Textarea name="text" label={t("snippets.text")} autosize minRows={2} maxLength={5_000} />
        <Button type="submit">{t("snippets.add")}</Button>
      </form>
    </>
  );
}
