import { channelName, type Language } from "@samtal/shared/text";
import { whole } from "@samtal/shared/time";
import { useEffect, useRef, useState } from "preact/hooks";

import type { Identity } from "./identity";
import type { IdentityWord, Say } from "./identity-words";
import type { FormerChannel, LinkedChannel } from "./shapes";
import { useWatched } from "./watched";

interface Props {
  identity: Identity;
  site: string;
  language: Language;
  say: Say;
  words: { cancel: string; done: string };
  /** Link a phone number; undefined where no code can be sent. */
  add: (() => void) | undefined;
  close(): void;
}

/** The customer's linked channels: how sure each is, since when, and a way to part with it. */
export function Channels({ identity, site, language, say, words, add, close }: Props) {
  useWatched(identity);
  const panel = useRef<HTMLElement>(null);
  const [failed, setFailed] = useState(false);
  const [asked, setAsked] = useState<LinkedChannel | null>(null);
  const [news, setNews] = useState("");
  const load = () => {
    setFailed(false);
    void identity.look(true).then((there) => setFailed(!there));
  };
  useEffect(() => {
    load();
    return () => void identity.look(false);
  }, []);
  useEffect(() => panel.current?.focus(), [asked]);
  const { channels, former } = identity;
  const name = (one: LinkedChannel | FormerChannel) => [channelName(one.channel, language), one.label.replaceAll(" ", "\u00a0")].filter(Boolean).join(" ");
  const unlink = async (one: LinkedChannel) => {
    const done = await identity.unlink(one);
    setAsked(null);
    setNews(done ? say("unlinked", { channel: name(one) }) : say("unlinkFailed"));
  };
  if (asked !== null) {
    return (
      <Ask
        title={say("unlinkTitle", { channel: name(asked) })}
        text={say("unlinkText")}
        yes={say("unlink")}
        no={words.cancel}
        act={() => void unlink(asked)}
        close={() => setAsked(null)}
      />
    );
  }
  return (
    <section id="channels" class="panel" ref={panel} tabIndex={-1} aria-labelledby="channels-title">
      <h3 id="channels-title">{say("channels")}</h3>
      <p>{say(channels?.length === 0 ? "channelsNone" : "channelsText")}</p>
      <p class="how" id="channels-news" role="status">
        {news || (failed ? say("channelsFailed") : channels === null ? say("channelsLoading") : "")}
      </p>
      {channels !== null && channels.length > 0 && (
        <ul class="channels">
          {channels.map((one) => (
            <li key={one.identity}>
              <div>
                <p class="name">
                  {name(one)}
                  {one.here && <span class="mark">{say("here")}</span>}
                </p>
                <p class="how">
                  {say(wordFor(one), { site, channel: channelName(one.channel, language) })}
                  {", "}
                  <time dateTime={one.since}>{say("since", { when: whole(one.since, language) })}</time>
                </p>
                {one.weak && !one.here && <p class="how">{say("weak")}</p>}
              </div>
              {one.linked && !one.here && (
                <button type="button" aria-label={say("unlinkOne", { channel: name(one) })} onClick={() => { setNews(""); setAsked(one); }}>
                  {say("unlink")}
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
      {channels !== null && former.length > 0 && (
        <details class="former">
          <summary>{say("former", { count: former.length })}</summary>
          <ul class="channels">
            {former.map((one) => (
              <li key={one.ended_at + one.label}>
                <div>
                  <p class="name">{name(one)}</p>
                  <p class="how">
                    <time dateTime={one.ended_at}>{say(ENDED[one.by], { when: whole(one.ended_at, language) })}</time>
                  </p>
                </div>
              </li>
            ))}
          </ul>
        </details>
      )}
      <div class="acts">
        {failed && <button type="button" onClick={load}>{say("retry")}</button>}
        {add && <button type="button" onClick={add}>{say("addNumber")}</button>}
        <button type="button" onClick={close}>{words.done}</button>
      </div>
    </section>
  );
}

interface Question {
  title: string;
  text: string;
  yes: string;
  no: string;
  act(): void;
  close(): void;
}

function Ask({ title, text, yes, no, act, close }: Question) {
  const panel = useRef<HTMLElement>(null);
  useEffect(() => panel.current?.focus(), []);
  return (
    <section id="unlink" class="panel" ref={panel} tabIndex={-1} role="group" aria-labelledby="unlink-title" aria-describedby="unlink-text">
      <h3 id="unlink-title">{title}</h3>
      <p id="unlink-text">{text}</p>
      <div class="acts">
        <button type="button" class="primary" onClick={act}>{yes}</button>
        <button type="button" onClick={close}>{no}</button>
      </div>
    </section>
  );
}

const ENDED = { customer: "endedByCustomer", agent: "endedByAgent", system: "endedBySystem" } as const;

/** Why we know that it is the customer's. */
function wordFor({ channel, level, proof }: LinkedChannel): IdentityWord {
  if (channel === "login") return "login";
  return proof ?? (level === "L0" ? "device" : "attested");
}
