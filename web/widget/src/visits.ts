// The pages that a visitor sees, told to the hub: never unless the site has turned it on.

import { newId, type Talk } from "./talk";

export interface PageSeen {
  id: string;
  url: string;
  title: string;
  referrer: string;
  time_zone?: string;
}

const SETTLED_MS = 500; // an app sets the title after the address
const NAMED = ["utm_source", "utm_medium", "utm_campaign"];
const CLICKS = ["gclid", "gbraid", "wbraid", "dclid", "msclkid", "ttclid", "fbclid"]; // that one was there, and not which

export class Visits {
  private on = false;
  private listens = false;
  private last = "";
  private before = document.referrer;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly talk: Talk) {}

  turn(on: boolean): void {
    this.on = on;
    if (!on) return;
    this.talk.remember();
    this.listen();
    this.soon();
  }

  private listen(): void {
    if (this.listens) return;
    this.listens = true;
    addEventListener("popstate", () => this.soon());
    addEventListener("pageshow", ({ persisted }) => {
      if (!persisted) return;
      this.last = ""; // the same page, once more
      this.soon();
    });
    for (const name of ["pushState", "replaceState"] as const) {
      const go = history[name];
      history[name] = (...to: Parameters<History["pushState"]>) => {
        go.apply(history, to);
        this.soon();
      };
    }
  }

  private soon(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.see(), SETTLED_MS);
  }

  private see(): void {
    const page = location.origin + location.pathname;
    if (!this.on || page === this.last) return;
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    this.talk.visit({
      id: newId(),
      url: page + campaign(location.search),
      title: document.title.slice(0, 200),
      referrer: plain(this.before),
      ...(zone ? { time_zone: zone } : {}),
    });
    this.last = this.before = page;
  }
}

/** What a query says of where somebody came from, and nothing else of it. */
export function campaign(query: string): string {
  const asked = new URLSearchParams(query);
  const told = new URLSearchParams();
  for (const name of NAMED) {
    const value = asked.get(name);
    if (value) told.set(name, value.slice(0, 100));
  }
  for (const name of CLICKS) if (asked.get(name)) told.set(name, "1");
  const text = told.toString();
  return text && `?${text}`;
}

/** An address without query and fragment: they may say what was searched for. */
export function plain(address: string): string {
  return address.replace(/[?#].*$/s, "").slice(0, 2000);
}
