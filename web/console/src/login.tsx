// Logging in: as a page, and over the page when a session has ended.

import { Button, PasswordInput, Text, TextInput } from "@mantine/core";
import { useState, type FormEvent } from "react";

import { ask, carry, Refusal } from "./api";
import type { Me } from "./model";
import { Sheet } from "./sheet";
import type { Key } from "./texts";
import { LanguageButton, ThemeMenu } from "./top-bar";
import { useWords } from "./words";

export function LoginPage({ wrongRole, onIn }: { wrongRole: boolean; onIn: (me: Me) => void }) {
  const { t } = useWords();
  return (
    <div className="login-page">
      <header className="login-top">
        <LanguageButton />
        <ThemeMenu />
      </header>
      <main className="login-card">
        <p className="brand">{t("brand")}</p>
        <h1>{t("login.title")}</h1>
        <LoginForm said={wrongRole ? "login.role" : null} onIn={onIn} />
      </main>
    </div>
  );
}

export function LoginDialog({ onIn }: { onIn: (me: Me) => void }) {
  const { t } = useWords();
  return (
    <Sheet title={t("login.again")}>
      <Text size="sm" mb="md">
        {t("login.again.why")}
      </Text>
      <LoginForm said={null} onIn={onIn} />
    </Sheet>
  );
}

function LoginForm({ said, onIn }: { said: Key | null; onIn: (me: Me) => void }) {
  const { t } = useWords();
  const [wrong, setWrong] = useState<Key | null>(said);
  const [busy, setBusy] = useState(false);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    setWrong(null);
    try {
      const body = { email: form.get("email"), password: form.get("password") };
      const me = await ask<Me>("POST", "/session", { body });
      if (me.role !== "author") return onIn(me);
      carry(me.csrf);
      await ask("DELETE", "/session");
      setWrong("login.role");
    } catch (problem) {
      setWrong(keyOf(problem));
    } finally {
      setBusy(false);
    }
  }

  return (
    <form onSubmit={submit} className="form">
      <TextInput
        name="email"
        label={t("login.email")}
        type="email"
        autoComplete="username"
        required
        withAsterisk={false}
        data-autofocus
        autoFocus
        error={!!wrong}
      />
      <PasswordInput
        name="password"
        label={t("login.password")}
        autoComplete="current-password"
        required
        withAsterisk={false}
        visibilityToggleButtonProps={{ "aria-label": t("login.show"), tabIndex: 0, "aria-hidden": false }}
        error={wrong && t(wrong)}
        errorProps={{ role: "alert" }}
      />
      <Button type="submit" loading={busy} fullWidth>
        {t("login.do")}
      </Button>
    </form>
  );
}

function keyOf(problem: unknown): Key {
  if (!(problem instanceof Refusal)) return "login.unreached";
  if (problem.status === 429) return "login.many";
  return problem.status >= 500 ? "login.unreached" : "login.wrong";
}
