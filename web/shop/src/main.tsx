// A shop that carries the chat: what `make run` shows first.

import "@samtal/shared/tokens.css";
import "./shop.css";

import { preferredLanguage, rememberLanguage, translator, type Language } from "@samtal/shared/text";
import { store, stored } from "@samtal/shared/storage";
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";

import { Mountains, Picture, type Thing } from "./pictures";
import { words, type Word } from "./words";

const THEME = "samtal.theme";
const SITE = document.querySelector<HTMLMetaElement>('meta[name="application-name"]')?.content ?? document.title;

const GOODS: { thing: Thing; price: number }[] = [
  { thing: "tent", price: 6490 },
  { thing: "pack", price: 2890 },
  { thing: "shell", price: 4290 },
  { thing: "bag", price: 3790 },
  { thing: "stove", price: 895 },
  { thing: "boot", price: 2990 },
];

const HELP: { title: Word; text: Word; ask: Word }[] = [
  { title: "deliveryTitle", text: "delivery", ask: "askDelivery" },
  { title: "returnTitle", text: "returns", ask: "askReturn" },
  { title: "companyTitle", text: "company", ask: "askCompany" },
];

type T = ReturnType<typeof translator<Word>>;

function Shop() {
  const [language, setLanguage] = useLanguage();
  const [dark, setDark] = useDark();
  const t = translator(words, language);
  const number = new Intl.NumberFormat(language === "sv" ? "sv-SE" : "en-GB");
  return (
    <>
      <a class="skip" href="#content">
        {t("skip")}
      </a>
      <header class="top">
        <a class="brand" href="/">
          <img src="/static/icon.svg" alt="" width="32" height="32" /> {SITE}
        </a>
        <nav aria-label={SITE}>
          <a href="#goods">{t("goods")}</a>
          <a href="#help">{t("service")}</a>
        </nav>
        <div class="switches">
          <button type="button" lang={other(language)} onClick={() => setLanguage(other(language))}>
            {t("language")}
          </button>
          <button type="button" onClick={() => setDark(!dark)}>
            {t(dark ? "light" : "dark")}
          </button>
        </div>
      </header>
      <main id="content" tabIndex={-1}>
        <section class="hero">
          <Mountains />
          <div class="words">
            <h1>{t("tagline")}</h1>
            <p>{t("intro")}</p>
            <p class="acts">
              <button type="button" class="primary" data-open-chat>
                {t("open")}
              </button>
              <a class="button" href="#goods">
                {t("see")}
              </a>
            </p>
          </div>
        </section>
        <Goods t={t} price={(kronor) => t("from", { price: number.format(kronor) })} />
        <section class="help" id="help">
          <h2>{t("helpTitle")}</h2>
          <div class="grid">
            {HELP.map(({ title, text, ask }) => (
              <article key={title}>
                <h3>{t(title)}</h3>
                <p>{t(text)}</p>
                <button type="button" class="ask" data-open-chat>
                  {t(ask)}
                </button>
              </article>
            ))}
          </div>
        </section>
      </main>
      <footer>
        <p>{t("demo")}</p>
        <nav aria-label={t("forTrying")}>
          <a href="/desk">{t("desk")}</a>
          <a href="/sandbox">{t("sandbox")}</a>
        </nav>
      </footer>
    </>
  );
}

function Goods({ t, price }: { t: T; price(kronor: number): string }) {
  return (
    <section class="goods" id="goods">
      <h2>{t("popular")}</h2>
      <div class="grid">
        {GOODS.map(({ thing, price: kronor }) => (
          <article key={thing}>
            <Picture of={thing} />
            <div class="about">
              <h3>{t(`${thing}Name`)}</h3>
              <p class="price">{price(kronor)}</p>
              <p>{t(thing)}</p>
              <button type="button" class="ask" data-open-chat>
                {t("ask", { name: t(`${thing}Name`) })}
              </button>
            </div>
          </article>
        ))}
      </div>
    </section>
  );
}

function other(language: Language): Language {
  return language === "sv" ? "en" : "sv";
}

/** The language of the page and of the chat on it: whichever is switched, the other follows. */
function useLanguage(): [Language, (language: Language) => void] {
  const [language, setLanguage] = useState(preferredLanguage);
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  useEffect(() => {
    const follow = (event: Event) => {
      if (event instanceof CustomEvent) setLanguage(event.detail === "en" ? "en" : "sv");
    };
    addEventListener("samtal-language", follow);
    return () => removeEventListener("samtal-language", follow);
  }, []);
  const change = (chosen: Language) => {
    rememberLanguage(chosen);
    setLanguage(chosen);
    chat()?.language(chosen);
  };
  return [language, change];
}

function chat(): { language(code: string): void } | undefined {
  return (window as { samtal?: { language(code: string): void } }).samtal;
}

function useDark(): [boolean, (dark: boolean) => void] {
  const [dark, setDark] = useState(() => {
    const chosen = stored(THEME);
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
    return chosen === null ? matchMedia("(prefers-color-scheme: dark)").matches : chosen === "dark";
  });
  const change = (wanted: boolean) => {
    document.documentElement.dataset.theme = wanted ? "dark" : "light";
    store(THEME, wanted ? "dark" : "light");
    setDark(wanted);
  };
  return [dark, change];
}

const app = document.getElementById("app");
if (app) render(<Shop />, app);
