import { channelName, type Language } from "@samtal/shared/text";
import { clock, whole } from "@samtal/shared/time";
import { Component, type ComponentChild } from "preact";

import { parts, webAddress } from "./links";
import { authorOf, nameOf } from "./naming";
import { Asked } from "./question";
import type { Attachment, Card as CardShape, Choice } from "./shapes";
import type { Line } from "./timeline";
import { reasonOf, type Translate } from "./words";

export interface Acts {
  press(choice: Choice): void;
  /** Answer a question in its own input. */
  answer(text: string): void;
  goesOn(): boolean;
  retry(key: string): void;
  remove(key: string): void;
}

interface Props {
  line: Line;
  /** Begins a group: who wrote it, and when. */
  head: boolean;
  /** The newest of all: its choices can be pressed. */
  newest: boolean;
  /** The bot waits for an answer to the newest. */
  asking: boolean;
  /** The newest that the customer wrote here: says that it was sent. */
  newestOwn: boolean;
  language: Language;
  t: Translate;
  base: string;
  acts: Acts;
}

/** One message; drawn anew only when something of it has changed. */
export class LineView extends Component<Props> {
  override shouldComponentUpdate(next: Props): boolean {
    return (Object.keys(next) as (keyof Props)[]).some((name) => next[name] !== this.props[name]);
  }

  override render({ line, head, newest, asking, t, base, language, acts }: Props) {
    const { message, way } = line;
    const failed = way === "refused" || message.status === "failed";
    return (
      <li class={`message ${message.author}${head ? " head" : ""}${failed ? " failed" : ""}`} data-key={line.key}>
        {head && this.who()}
        {message.text && (
          <p class="text" dir="auto" lang={message.language} title={whole(message.at, language)}>
            {parts(message.text).map((part) => (part.href === undefined ? part.text : <Link href={part.href}>{part.text}</Link>))}
          </p>
        )}
        {message.cards && message.cards.length > 0 && (
          <Cards cards={message.cards} base={base} t={t} lang={message.language} choices={(all) => this.choices(newest ? all : all.filter(isLink))} />
        )}
        {message.attachments?.map((one) => <AttachmentView attachment={one} base={base} t={t} />)}
        {message.question && newest && asking && (
          <Asked key={message.id} question={message.question} lang={message.language} t={t} answer={acts.answer} goesOn={acts.goesOn} />
        )}
        {this.choices(newest ? (message.choices ?? []) : (message.choices ?? []).filter(isLink))}
        {this.status()}
      </li>
    );
  }

  private who() {
    const { line, language, t } = this.props;
    const { message } = line;
    const channel = message.channel ?? "webchat";
    return (
      <p class="who">
        <span class="author">{authorOf(message, t)}</span>{" "}
        <time dateTime={message.at}>{clock(message.at, language)}</time>
        {channel !== "webchat" && <span class="mark">{t("via", { channel: channelName(channel, language) })}</span>}
      </p>
    );
  }

  private choices(choices: Choice[]) {
    if (choices.length === 0) return null;
    return (
      <div class="choices" role="group" aria-label={this.props.t("choices")}>
        {choices.map((choice) => {
          const href = isLink(choice) ? webAddress(choice.url) : null;
          if (href !== null) {
            return <Link class="choice" href={href} label={this.props.t("newTab")}>{choice.title}</Link>;
          }
          return (
            <button type="button" class="choice" dir="auto" onClick={() => this.props.acts.press(choice)}>
              {choice.title}
            </button>
          );
        })}
      </div>
    );
  }

  private status() {
    const { line, newestOwn, t, acts } = this.props;
    const { status } = line.message;
    if (line.way === "refused") {
      return (
        <p class="status">
          {t("notSent", { why: t(reasonOf(line.why)) })}{" "}
          <button type="button" class="quiet" onClick={() => acts.retry(line.key)}>{t("retry")}</button>{" "}
          <button type="button" class="quiet" onClick={() => acts.remove(line.key)}>{t("remove")}</button>
        </p>
      );
    }
    if (line.way === "sending") return <p class="status">{t("sending")}</p>;
    if (status === "failed") return <p class="status">{t("failed")}</p>;
    if (status === "unknown") return <p class="status">{t("unknown")}</p>;
    return newestOwn ? <p class="status">{t("sent")}</p> : null;
  }
}

function isLink(choice: Choice): boolean {
  return choice.kind === "url";
}

function Link({ href, label, class: name, children }: { href: string; label?: string; class?: string; children: preact.ComponentChildren }) {
  return (
    <a class={name} href={href} target="_blank" rel="noopener noreferrer" title={label}>
      {children}
    </a>
  );
}

interface CardsProps {
  cards: CardShape[];
  base: string;
  t: Translate;
  lang: string | undefined;
  choices(all: Choice[]): ComponentChild;
}

/** Cards in a row, which scrolls by arrow keys too when it has the focus. */
function Cards({ cards, base, t, lang, choices }: CardsProps) {
  const several = cards.length > 1;
  // A browser leaves what it can see half of where it is.
  const show = ({ target, currentTarget }: FocusEvent) => {
    if (target !== currentTarget && target instanceof Element) target.scrollIntoView({ block: "nearest", inline: "nearest" });
  };
  return (
    <div
      class={several ? "cards several" : "cards"}
      role="group"
      aria-label={t("cards")}
      {...(several ? { tabIndex: 0, onFocusIn: show } : {})}
    >
      <ul>
        {cards.map((card) => {
          const picture = ofTheHub(webAddress(card.image, base), base);
          return (
            <li class="card" lang={lang} dir="auto">
              {picture !== null && <img src={picture} alt="" loading="lazy" />}
              <p class="card-title">{card.title}</p>
              {card.text && <p class="card-text">{card.text}</p>}
              {choices(card.buttons ?? [])}
            </li>
          );
        })}
      </ul>
    </div>
  );
}

// Pictures come from the hub alone: others would tell a stranger who reads this, and when.
function ofTheHub(href: string | null, base: string): string | null {
  return href !== null && new URL(href).origin === new URL(base).origin ? href : null;
}

function AttachmentView({ attachment, base, t }: { attachment: Attachment; base: string; t: Translate }) {
  const href = attachment.url?.startsWith("blob:") ? attachment.url : webAddress(attachment.url, base);
  const name = nameOf(attachment);
  if (href === null) return <p class="attachment">{t("attachment", { name })}</p>;
  const inline = attachment.type === "image" && ofTheHub(href, base) !== null;
  return (
    <p class={inline ? "attachment picture" : "attachment"}>
      <Link href={href}>
        {inline ? <img src={href} alt={t("image", { name })} loading="lazy" /> : t("attachment", { name })}
      </Link>
    </p>
  );
}
