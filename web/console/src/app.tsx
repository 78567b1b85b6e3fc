// Who is here: nobody yet, somebody to log in, or an agent at the desk.

import { Button } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { useCallback, useEffect, useState } from "react";

import { ask, Refusal } from "./api";
import { Console } from "./console";
import { LoginPage } from "./login";
import type { Me } from "./model";
import { useWords } from "./words";

export function App() {
  const [who, setWho] = useState<Me | "nobody" | "unknown" | "unreached">("unknown");
  const { t, language } = useWords();
  const look = useCallback(() => {
    setWho("unknown");
    ask<Me>("GET", "/session").then(setWho, (error: unknown) =>
      setWho(error instanceof Refusal && error.status === 401 ? "nobody" : "unreached"),
    );
  }, []);
  useEffect(look, [look]);
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  if (who === "unknown") return null;
  if (who === "unreached") {
    return (
      <main className="whole-page">
        <p role="alert">{t("login.unreached")}</p>
        <Button onClick={look}>{t("again")}</Button>
      </main>
    );
  }
  return (
    <>
      <Notifications position="top-right" limit={4} containerWidth={360} />
      {who === "nobody" || who.role === "author" ? (
        <LoginPage wrongRole={who !== "nobody"} onIn={setWho} />
      ) : (
        <Console me={who} />
      )}
    </>
  );
}
