// All phones, side by side or one at a time, and what goes over the wire.

import { channelName, type Language, preferredLanguage, rememberLanguage, translator } from "@samtal/shared/text";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import { type Filling, filling } from "./links";
import { preferredTheme, setTheme, type Theme, THEMES, useNarrow } from "./look";
import { Phone } from "./phone";
import { type Account, accounts, type Exchange, exchanges, keyOf, merged, Trouble, useLooking } from "./server";
import { type Say, TEXTS } from "./texts";
import { Wire } from "./wire";

const KEPT = 200;

export function App({ site }: { site: string }) {
  const [language, setLanguage] = useState(preferredLanguage);
  const [theme, choose] = useState(preferredTheme);
  const say = translator(TEXTS, language);
  useEffect(() => {
    document.documentElement.lang = language;
    document.title = `${say("title")} · ${site}`;
    rememberLanguage(language);
  }, [language]);
  useLayoutEffect(() => setTheme(theme), [theme]); // at once: the page may be left
  return (
    <>
      <header class="top">
        <a class="brand" href="/">
          <img src="/static/icon.svg" alt="" width="28" height="28" /> {site}
        </a>
        <nav aria-label={say("places")}>
          <a href="/">{say("shop")}</a>
          <a href="/desk">{say("desk")}</a>
        </nav>
        <Settings say={say} language={language} theme={theme} onLanguage={setLanguage} onTheme={choose} />
      </header>
      <main>
        <h1>{say("title")}</h1>
        <p class="intro">{say("intro")}</p>
        <Sandbox site={site} say={say} language={language} />
      </main>
    </>
  );
}

interface SettingsProps {
  say: Say;
  language: Language;
  theme: Theme;
  onLanguage(language: Language): void;
  onTheme(theme: Theme): void;
}

function Settings({ say, language, theme, onLanguage, onTheme }: SettingsProps) {
  return (
    <div class="settings">
      <select
        aria-label={say("language")}
        value={language}
        onChange={(event) => onLanguage(event.currentTarget.value === "sv" ? "sv" : "en")}
      >
        <option value="sv" lang="sv">
          Svenska
        </option>
        <option value="en" lang="en">
          English
        </option>
      </select>
      <select
        aria-label={say("theme")}
        value={theme}
        onChange={(event) => onTheme(THEMES.find((one) => one === event.currentTarget.value) ?? "system")}
      >
        {THEMES.map((one) => (
          <option key={one} value={one}>
            {say(`theme_${one}`)}
          </option>
        ))}
      </select>
    </div>
  );
}

interface SandboxProps {
  site: string;
  say: Say;
  language: Language;
}

function Sandbox({ site, say, language }: SandboxProps) {
  const { played, log, trouble } = useSandbox();
  const narrow = useNarrow();
  const [filled, setFilled] = useFilling();
  const [picked, setPicked] = useState<string | null>(null);
  const target = played && filled ? played.find((one) => isFor(one, filled)) : undefined;
  useEffect(() => {
    if (target) setPicked(keyOf(target));
  }, [target && keyOf(target), filled]);
  const shown = played?.find((one) => keyOf(one) === picked) ?? played?.[0];
  const visible = narrow && shown ? [shown] : (played ?? []);
  return (
    <>
      <p class="trouble" role="status">
        {trouble && (trouble.detail ?? say("away"))}
      </p>
      {played === null && !trouble && <p class="quiet">{say("loading")}</p>}
      {played?.length === 0 && (
        <div class="quiet">
          <p>
            <strong>{say("none")}</strong>
          </p>
          <p>{say("none_how")}</p>
        </div>
      )}
      {narrow && played && played.length > 1 && (
        <div class="switcher" role="group" aria-label={say("phones")}>
          {played.map((one) => (
            <button
              key={keyOf(one)}
              type="button"
              aria-pressed={one === shown}
              onClick={() => setPicked(keyOf(one))}
            >
              {nameOf(one, played, language)}
            </button>
          ))}
        </div>
      )}
      <div class="phones">
        {visible.map((account) => {
          const name = nameOf(account, played ?? [], language);
          return (
            <section key={keyOf(account)} class="column" aria-label={name}>
              <Phone
                account={account}
                name={name}
                site={site}
                say={say}
                language={language}
                filled={target === account && filled ? filled.text : null}
                onFilled={() => setFilled(null)}
              />
              <Wire
                exchanges={log.filter((one) => keyOf(one) === keyOf(account))}
                name={name}
                say={say}
                language={language}
              />
            </section>
          );
        })}
      </div>
    </>
  );
}

/** The accounts, what went over the wire, and whether the server is there. */
function useSandbox() {
  const [played, setPlayed] = useState<Account[] | null>(null);
  const [log, setLog] = useState<Exchange[]>([]);
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const last = useRef(0);
  const stale = useRef(true);
  useLooking(async (signal) => {
    try {
      if (stale.current) setPlayed(await accounts(signal));
      const fresh = await exchanges(last.current, signal);
      stale.current = false;
      last.current = fresh.at(-1)?.n ?? last.current;
      setLog((old) => merged(old, fresh).slice(-KEPT));
      setTrouble(null);
    } catch (error) {
      if (signal.aborted) return;
      stale.current = true; // another server may come, with other accounts
      setTrouble(error instanceof Trouble ? error : new Trouble(String(error)));
      throw error;
    }
  }, "");
  return { played, log, trouble };
}

/** What the page's link wants in a phone's field; taken out of the address, so that it comes once. */
function useFilling() {
  const [wanted, setWanted] = useState<Filling | null>(null);
  useEffect(() => {
    const look = () => {
      const found = filling(location.hash);
      if (!found) return;
      history.replaceState(null, "", location.pathname + location.search);
      setWanted(found);
    };
    look();
    addEventListener("hashchange", look);
    return () => removeEventListener("hashchange", look);
  }, []);
  return [wanted, setWanted] as const;
}

function isFor(account: Account, wanted: Filling): boolean {
  return account.channel === wanted.channel && (wanted.account ?? account.account) === account.account;
}

function nameOf(account: Account, all: Account[], language: Language): string {
  const name = channelName(account.channel, language);
  const several = all.filter((one) => one.channel === account.channel).length > 1;
  return several ? `${name} · ${account.account}` : name;
}
