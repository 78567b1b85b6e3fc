// The chat of a site: `<script src="https://hub/widget.js" defer></script>` on any page.

import tokens from "@samtal/shared/tokens.css?inline";
import { render } from "preact";

import { embedding, languageOf, type Embed } from "./embed";
import type { Signed } from "./identity";
import identityCss from "./identity.css?inline";
import { Memory } from "./memory";
import { Shell } from "./shell";
import { Talk } from "./talk";
import { Visits } from "./visits";
import { Widget } from "./widget";
import css from "./widget.css?inline";

/** What the page that carries the widget may call. */
interface Handle {
  open(): void;
  close(): void;
  language(code: string): void;
  /** Somebody is logged in at the site: its token, a JWT. */
  signIn(token: string): Promise<Signed>;
  /** They logged out: nothing of theirs stays here. */
  signOut(): Promise<void>;
  /** Tell the hub of pages that are seen from now on, or no longer: for the site's consent dialog. */
  visits(on: boolean): void;
}

declare global {
  interface Window {
    samtal?: Handle;
  }
}

const CODE = /^(?=.*\d)[2-9A-HJ-NP-Z]{4}-?[2-9A-HJ-NP-Z]{4}$/; // a code that continues a conversation here

function start(embed: Embed): Handle {
  const memory = new Memory(embed.account);
  const shell = new Shell(embed, memory);
  const talk = new Talk(embed, memory, () => shell.language);
  if (embed.identityToken !== null) void talk.identity.signIn(embed.identityToken);
  const code = codeInAddress();
  const host = document.createElement("samtal-chat");
  host.dataset.position = embed.position;
  follow(host, embed);
  const root = host.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = [css, identityCss, tokens].map(sheet);
  document.body.append(host);
  render(<Widget embed={embed} memory={memory} talk={talk} shell={shell} draft={code ?? memory.get("draft") ?? ""} />, root);
  document.addEventListener("click", (event) => {
    const opener = event.target instanceof Element ? event.target.closest("[data-open-chat]") : null;
    if (!opener) return;
    event.preventDefault();
    shell.show(true);
  });
  if (code !== null) shell.show(true);
  const visits = new Visits(talk);
  if (embed.visits) visits.turn(true);
  return {
    open: () => shell.show(true),
    close: () => shell.show(false),
    language: (code) => {
      const language = languageOf(code);
      if (language !== null) shell.speak(language);
    },
    signIn: (token) => talk.identity.signIn(token),
    signOut: () => talk.signOut(),
    visits: (on) => visits.turn(on),
  };
}

function codeInAddress(): string | null {
  const code = location.hash.slice(1).toUpperCase();
  return CODE.test(code) && !document.getElementById(location.hash.slice(1)) ? code : null;
}

// Colours: what the script element says, else what the page says of itself, else the browser.
function follow(host: HTMLElement, { theme }: Embed): void {
  const page = document.documentElement;
  const paint = () => {
    const wanted = theme ?? page.dataset.theme;
    if (wanted === "light" || wanted === "dark") host.dataset.theme = wanted;
    else delete host.dataset.theme;
  };
  paint();
  new MutationObserver(paint).observe(page, { attributeFilter: ["data-theme"] });
}

function sheet(text: string): CSSStyleSheet {
  const made = new CSSStyleSheet();
  made.replaceSync(text);
  return made;
}

const script = document.currentScript;
if (script instanceof HTMLScriptElement && typeof window.samtal?.language !== "function") {
  const embed = embedding(script);
  const begin = () => (window.samtal = start(embed));
  if (document.body) begin();
  else addEventListener("DOMContentLoaded", begin);
}
