// One phone: whose it is, what it shows, and what is written on it.

import type { Language } from "@samtal/shared/text";
import { clock, day, sameDay, whole } from "@samtal/shared/time";
import { type ComponentChildren, Fragment } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import { Composer } from "./composer";
import { hue } from "./look";
import { Owner } from "./owner";
import { chosen, people, type Person } from "./people";
import { type Account, type Choice, keyOf, merged, type OnPhone, screen, Trouble, useLooking, write, type Writing } from "./server";
import type { Say } from "./texts";

interface Props {
  account: Account;
  name: string;
  site: string;
  say: Say;
  language: Language;
  /** A text that a link wants in the field. */
  filled: string | null;
  onFilled(): void;
}

export function Phone(props: Props) {
  const { account, name, site, say } = props;
  const [known, setKnown] = useState(() => people(keyOf(account), account.channel));
  const field = useRef<HTMLTextAreaElement>(null);
  const [choices, setChoices] = useState(0);
  const person = known[0];
  useEffect(() => {
    if (choices > 0) field.current?.focus();
  }, [choices]);
  if (!person) return null; // there is always one
  const choose = (one: Person) => {
    setKnown(chosen(keyOf(account), known, one));
    setChoices(choices + 1);
  };
  return (
    <>
      <Owner account={account} known={known} say={say} onChoose={choose} />
      <div class="phone" data-channel={account.channel} style={{ "--hue": hue(account.channel) }}>
        <div class="contact">
          <span class="face" aria-hidden="true">
            {site.charAt(0)}
          </span>
          <div>
            <h2>{name}</h2>
            <p>{site}</p>
          </div>
        </div>
        <Talk key={person.user} {...props} person={person} field={field} />
      </div>
    </>
  );
}

interface TalkProps extends Props {
  person: Person;
  field: { current: HTMLTextAreaElement | null };
}

function Talk({ account, name, site, say, language, filled, onFilled, person, field }: TalkProps) {
  const [messages, setMessages] = useState<OnPhone[] | null>(null);
  const [fault, setFault] = useState("");
  const last = useRef(0);
  const look = async (signal?: AbortSignal) => {
    const fresh = await screen(account, person.user, last.current, signal);
    last.current = Math.max(last.current, fresh.at(-1)?.n ?? 0);
    setMessages((old) => merged(old ?? [], fresh));
  };
  useLooking(look, person.user);

  /** Gives whether it came to the hub, or at least to the provider. */
  const send = async (writing: Writing): Promise<boolean> => {
    try {
      const status = await write(account, person.user, person.name ? { ...writing, name: person.name } : writing);
      setFault(status < 400 ? "" : say("refused", { status }));
    } catch (error) {
      const why = error instanceof Trouble ? error.detail : String(error);
      setFault(say("not_sent", { why: why ?? say("no_answer") }));
      return false;
    }
    await look().catch(() => undefined); // the next look comes soon
    return true;
  };
  const press = (choice: Choice) =>
    send({ text: choice.title, ...(choice.payload === null ? {} : { payload: choice.payload }) });
  return (
    <>
      <Log messages={messages} name={name} site={site} say={say} language={language} onPress={press} />
      <Composer
        account={account}
        name={name}
        person={person}
        say={say}
        fault={fault}
        filled={filled}
        onFilled={onFilled}
        onSend={send}
        field={field}
      />
    </>
  );
}

interface LogProps {
  messages: OnPhone[] | null;
  name: string;
  site: string;
  say: Say;
  language: Language;
  onPress(choice: Choice): void;
}

const NEAR_THE_END = 80; // pixels

function Log({ messages, name, site, say, language, onPress }: LogProps) {
  const place = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useLayoutEffect(() => {
    if (atEnd.current && place.current) place.current.scrollTop = place.current.scrollHeight;
  }, [messages]);
  const look = () => {
    const { scrollHeight = 0, scrollTop = 0, clientHeight = 0 } = place.current ?? {};
    atEnd.current = scrollHeight - scrollTop - clientHeight < NEAR_THE_END;
  };
  return (
    <div
      ref={place}
      class="log"
      role="log"
      aria-label={`${say("messages")}, ${name}`}
      aria-live={messages === null ? "off" : "polite"} // what was there before is not read out
      tabIndex={0}
      onScroll={look}
    >
      {messages?.length === 0 && <p class="quiet">{say("empty", { site })}</p>}
      {messages?.map((message, index) => {
        const before = messages[index - 1];
        return (
          <Fragment key={message.n}>
            {!(before && sameDay(before.at, message.at)) && <p class="day">{day(message.at, language)}</p>}
            <Bubble message={message} say={say} language={language} onPress={onPress} />
          </Fragment>
        );
      })}
    </div>
  );
}

interface BubbleProps {
  message: OnPhone;
  say: Say;
  language: Language;
  onPress(choice: Choice): void;
}

function Bubble({ message, say, language, onPress }: BubbleProps) {
  return (
    <div class="bubble" data-side={message.side}>
      <span class="unseen">{say(message.side)}: </span>
      {message.text && <p class="text">{message.text}</p>}
      {message.attachments.map((attachment) => (
        <p key={attachment} class="attachment">
          <Out address={attachment}>{say("attachment", { name: attachment.split("/").at(-1) || attachment })}</Out>
        </p>
      ))}
      <time dateTime={message.at} title={whole(message.at, language)}>
        {clock(message.at, language)}
      </time>
      {message.choices.length > 0 && (
        <div class="choices">
          {message.choices.map((choice) =>
            choice.url ? (
              <Out key={choice.title} address={choice.url}>
                {choice.title}
              </Out>
            ) : (
              <button key={choice.title} type="button" onClick={() => onPress(choice)}>
                {choice.title}
              </button>
            ),
          )}
        </div>
      )}
    </div>
  );
}

/** A link to a web address; nothing else may be opened. */
function Out({ address, children }: { address: string; children: ComponentChildren }) {
  if (!/^https?:\/\//i.test(address)) return <span>{children}</span>;
  return (
    <a href={address} target="_blank" rel="noopener noreferrer">
      {children}
    </a>
  );
}
