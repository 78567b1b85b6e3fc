// One message of the log: of the customer, the assistant, a colleague, or a note; and replies on their way.

import { Button } from "@mantine/core";
import { channelName } from "@samtal/shared/text";
import { clock, whole } from "@samtal/shared/time";
import { memo } from "react";

import { useDesk } from "./desk";
import { deliveryOf, deliveryWords, percent, problemWords, sizeWords, type Delivery } from "./describe";
import { ChannelIcon, Icon, type IconName } from "./icons";
import type { Later } from "./lines";
import type { Attachment, EntryView, Owner, SendState, Understanding } from "./model";
import { newId, type Held, type Reply } from "./outbox";
import type { Screen } from "./screen";
import type { Words } from "./words";

const FRUSTRATED = 0.5;

interface MessageProps {
  view: EntryView;
  goesOn: boolean;
  later: Later;
  thread: string;
  owner: Owner;
  screen: Screen;
  words: Words;
}

export const Message = memo(function Message({ view, goesOn, later, thread, owner, screen, words }: MessageProps) {
  const { t, language } = words;
  const { entry, address, send } = view;
  const { body } = entry;
  if (body.kind !== "message_in" && body.kind !== "message_out" && body.kind !== "echo_out" && body.kind !== "note") {
    return null;
  }
  const side = body.kind === "message_in" ? "theirs" : body.kind === "note" ? "note" : "ours";
  const who = authorOf(view, words);
  const attachments = body.kind === "note" ? [] : body.attachments;
  const pressed = body.kind === "message_in" ? body.press : null;
  const text = body.text || (pressed ? t("message.pressed", { what: pressed.payload }) : "");
  const spoken = body.kind === "message_out" ? body.language : body.kind === "message_in" ? body.understanding?.language : null;
  return (
    <article className={`message ${side}`} data-goes-on={goesOn} data-by={entry.by.kind} aria-label={`${who} ${clock(entry.at, language)}`}>
      <p className="message-head">
        {body.kind === "note" && <Icon name="lock" size={14} />}
        {body.kind === "note" && <strong className="internal">{t("internal")}</strong>}
        <strong dir="auto">{who}</strong>
        {body.kind !== "note" && (
          <span className="mark">
            <ChannelIcon channel={address.channel} size={13} />
            {channelName(address.channel, language)}
          </span>
        )}
        <time dateTime={entry.at} title={whole(entry.at, language)}>
          {clock(entry.at, language)}
        </time>
      </p>
      <div className="bubble">
        {later.deleted || entry.gone ? (
          <p className="gone">{t(entry.gone ? "message.gone" : "message.deleted")}</p>
        ) : (
          (text || attachments.length === 0) && (
            <p className="text" dir="auto" lang={spoken ?? undefined}>
              {text || t("message.empty")}
            </p>
          )
        )}
        {!later.deleted &&
          attachments.map((attachment, index) => (
            <AttachmentLine
              key={index}
              attachment={attachment}
              href={hrefOf(attachment, body.kind === "message_out" ? null : `/api/v1/threads/${thread}/entries/${entry.seq}/attachments/${index}`)}
              words={words}
            />
          ))}
        {body.kind === "message_out" &&
          body.cards?.map((card, index) => (
            <p key={index} className="choices" dir="auto" lang={spoken ?? undefined}>
              {t("message.card", { card: [card.title, card.text, ...card.buttons.map((one) => one.title)].filter(Boolean).join(" · ") })}
            </p>
          ))}
        {body.kind === "message_out" && body.choices.length > 0 && (
          <p className="choices" dir="auto">
            {t("message.choices", { choices: body.choices.map((choice) => choice.title).join(" · ") })}
          </p>
        )}
      </div>
      <p className="message-foot">
        {later.edited && !later.deleted && <span>{t("message.edited")}</span>}
        {later.reaction && (
          <span className="reaction">
            <span className="visually-hidden">{t("message.reactions", { emoji: later.reaction })}</span>
            <span aria-hidden="true">{later.reaction}</span>
          </span>
        )}
        {body.kind === "message_in" && body.incomplete && <span className="bad">{t("message.incomplete")}</span>}
        {body.kind === "message_in" && body.understanding && (
          <button type="button" className="why" title={t("read.title")} onClick={() => screen.show({ name: "read", entry: entry.id })}>
            <Summary read={body.understanding} words={words} />
          </button>
        )}
        {body.kind === "message_out" && body.gap && <span className="bad">{t("message.gap")}</span>}
        {body.kind === "message_out" && body.decision && (
          <button type="button" className="why" onClick={() => screen.show({ name: "trace", entry: entry.id })}>
            {t("message.why")}
          </button>
        )}
        {send && <SendLine send={send} words={words} />}
        {send && body.kind === "message_out" && body.text && deliveryOf(send) === "failed" && (
          <SendAgain view={view} text={body.text} thread={thread} owner={owner} words={words} />
        )}
      </p>
    </article>
  );
});

function authorOf({ entry: { by, body } }: EntryView, { t }: Words): string {
  if (body.kind === "echo_out") return t("who.native");
  return by.kind === "agent" ? by.name : t(`who.${by.kind}`);
}

function Summary({ read, words: { t } }: { read: Understanding; words: Words }) {
  const [guess] = read.guesses;
  const sure = percent(guess?.confidence ?? 0);
  return (
    <span>
      {read.in_scope && guess ? t("message.understood", { intent: guess.intent, sure }) : t("message.unclear", { sure })}
      {read.frustration >= FRUSTRATED && ` · ${t("message.frustrated", { sure: percent(read.frustration) })}`}
    </span>
  );
}

// Only addresses that a browser may open: an attachment is what somebody outside has sent.
function hrefOf(attachment: Attachment, download: string | null): string | null {
  if (["location", "contact"].includes(attachment.type)) return null;
  if (download) return download;
  return attachment.url && /^(https?:\/\/|\/(?!\/))/.test(attachment.url) ? attachment.url : null;
}

function AttachmentLine({ attachment, href, words }: { attachment: Attachment; href: string | null; words: Words }) {
  const { t } = words;
  const { name, size, latitude, longitude, address, phone } = attachment;
  const place = latitude != null && longitude != null ? `${latitude.toFixed(5)}, ${longitude.toFixed(5)}` : null;
  const said = [name, address, place, phone].filter(Boolean).join(" · ") || t(`attachment.${attachment.type}`);
  const inside = (
    <>
      <Icon name="attach" size={15} />
      <span dir="auto">{said}</span>
      <span className="soft">
        {t(`attachment.${attachment.type}`)}
        {size ? ` · ${sizeWords(size, words)}` : ""}
      </span>
    </>
  );
  if (!href) return <p className="attachment">{inside}</p>;
  return (
    <a className="attachment" href={href} download rel="noopener noreferrer" aria-label={t("attachment.get", { name: said })}>
      {inside}
    </a>
  );
}

const TICKS: Record<Delivery, IconName> = {
  queued: "clock",
  sending: "clock",
  sent: "sent",
  delivered: "delivered",
  read: "delivered",
  failed: "warn",
  dropped: "warn",
  unknown: "unknown",
};

function SendLine({ send, words }: { send: SendState; words: Words }) {
  const delivery = deliveryOf(send);
  return (
    <span className="delivery" data-delivery={delivery}>
      <Icon name={TICKS[delivery]} size={14} />
      {deliveryWords(send, words)}
    </span>
  );
}

interface SendAgainProps {
  view: EntryView;
  text: string;
  thread: string;
  owner: Owner;
  words: Words;
}

function SendAgain({ view, text, thread, owner, words }: SendAgainProps) {
  const desk = useDesk();
  if (owner.kind === "agent" && owner.agent !== desk.me.id) return null;
  const again = () => desk.outbox.add({ id: newId(), thread, text, identity: view.entry.identity, files: [], seen: null });
  return (
    <button type="button" className="why" onClick={again}>
      {words.t("delivery.again")}
    </button>
  );
}

interface HeldReplyProps {
  reply: Reply;
  held: Held;
  screen: Screen;
  words: Words;
}

export function HeldReply({ reply, held, screen, words }: HeldReplyProps) {
  const desk = useDesk();
  const { t } = words;

  function edit(): void {
    const back = desk.outbox.undo(reply.id);
    if (!back) return;
    takeUp(desk, back);
    screen.write("reply");
  }

  return (
    <article className="message ours held" data-held={held.why} aria-label={`${desk.me.name} · ${t("delivery.undo")}`}>
      <div className="bubble">
        <p className="text" dir="auto">
          {reply.text}
        </p>
        {reply.files.map((file) => (
          <p key={file.id} className="attachment">
            <Icon name="attach" size={15} />
            <span dir="auto">{file.name}</span>
          </p>
        ))}
      </div>
      {held.why === "stale" || held.why === "refused" ? (
        <div className="held-problem" role="alert">
          <p>{heldWords(held, words)}</p>
          {held.why === "stale" && (
            <Button size="compact-sm" onClick={() => desk.outbox.hurry(reply.id, { anyway: true })}>
              {t("held.anyway")}
            </Button>
          )}
          <Button size="compact-sm" variant="default" onClick={edit}>
            {t("held.edit")}
          </Button>
        </div>
      ) : (
        <p className="message-foot">
          <span className="delivery" data-delivery={held.why}>
            <Icon name="clock" size={14} />
            {t(`delivery.${held.why}`)}
          </span>
          {held.why !== "sending" && (
            <button type="button" className="why" onClick={edit}>
              {t("undo.do")}
            </button>
          )}
          {held.why === "undo" && (
            <button type="button" className="why" onClick={() => desk.outbox.hurry(reply.id)}>
              {t("undo.now")}
            </button>
          )}
        </p>
      )}
    </article>
  );
}

function heldWords(held: Extract<Held, { why: "stale" | "refused" }>, words: Words): string {
  const { t } = words;
  if (held.why === "stale") return held.winner ? t("held.stale", { name: held.winner }) : t("held.stale.many");
  return t("held.refused", { why: problemWords(held.problem, words) });
}

/** What was taken back becomes the draft again, before anything begun meanwhile. */
export function takeUp(desk: ReturnType<typeof useDesk>, reply: Reply): void {
  const draft = desk.drafts.get(reply.thread);
  desk.drafts.set(reply.thread, {
    ...draft,
    mode: "reply",
    reply: [reply.text, draft.reply].filter(Boolean).join("\n"),
    identity: reply.identity,
    files: [...reply.files, ...draft.files],
  });
}
