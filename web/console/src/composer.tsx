// Where agents write: replies, which can be taken back for some seconds, and notes, which are never sent.

import { ActionIcon, Button, Group, NativeSelect, SegmentedControl, Textarea } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { lengthOf } from "@samtal/shared/length";
import { channelName } from "@samtal/shared/text";
import { useEffect, useId, useRef, useState, type ChangeEvent, type DragEvent, type KeyboardEvent } from "react";

import { tell } from "./acts";
import { ask } from "./api";
import { AttachButton, Attachments, forgetPreviews, kindOf, useUploads } from "./attaching";
import { useCanned } from "./canned";
import { useDesk } from "./desk";
import { activeOf, problemWords, span } from "./describe";
import type { Draft } from "./drafts";
import { Icon } from "./icons";
import { strokeOf } from "./keys";
import { windowOf } from "./limits";
import { takeUp } from "./message";
import type { Identity, Row } from "./model";
import { useNow } from "./now";
import { useChanges } from "./observable";
import type { Opened } from "./opened";
import { newId, UNDO_MS, type Reply, type SentFile } from "./outbox";
import { preferences } from "./preferences";
import type { Screen } from "./screen";
import { useChannels } from "./thread-list";
import { useWords } from "./words";

interface ComposerProps {
  opened: Opened;
  row: Row;
  screen: Screen;
}

export function Composer({ opened, row, screen }: ComposerProps) {
  const desk = useDesk();
  useChanges(desk.drafts);
  useChanges(preferences);
  const words = useWords();
  const { t } = words;
  const thread = opened.thread;
  const draft = desk.drafts.get(thread);
  const field = useRef<HTMLTextAreaElement>(null);
  const hints = useId();
  const [saving, setSaving] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const isNote = draft.mode === "note";
  const text = isNote ? draft.note : draft.reply;
  const { owner } = row.state;
  const other = owner.kind === "agent" && owner.agent !== desk.me.id ? owner.name : null;
  const uploads = useUploads((file) => change({ files: [...desk.drafts.get(thread).files, file] }));
  const empty = !text.trim() && (isNote || draft.files.length === 0);
  const canSend = !empty && !saving && (isNote || (!other && uploads.loading.length === 0));

  function change(changed: Partial<Draft>): void {
    desk.drafts.set(thread, { ...desk.drafts.get(thread), ...changed });
  }

  useEffect(() => {
    screen.write = (mode) => {
      desk.drafts.set(thread, { ...desk.drafts.get(thread), mode });
      field.current?.focus();
    };
    return () => {
      screen.write = () => {};
    };
  }, [desk, screen, thread]);

  function send(): void {
    if (!canSend) return;
    if (isNote) return void saveNote();
    const reply = desk.outbox.add({
      id: newId(),
      thread,
      text: draft.reply.trim(),
      identity: draft.identity,
      files: draft.files,
      seen: opened.shownTo,
    });
    forgetPreviews(draft.files);
    change({ reply: "", files: [], identity: null, canned: null });
    offerUndo(reply);
    field.current?.focus();
  }

  function offerUndo(reply: Reply): void {
    const undo = () => {
      notifications.hide(reply.id);
      const back = desk.outbox.undo(reply.id);
      if (!back) return tell(t("undo.late"), words);
      takeUp(desk, back);
      field.current?.focus();
    };
    notifications.show({
      id: reply.id,
      autoClose: UNDO_MS,
      withCloseButton: false,
      message: (
        <Group justify="space-between" wrap="nowrap">
          <span>{t("undo.said")}</span>
          <Button size="compact-sm" variant="default" onClick={undo}>
            {t("undo.do")}
          </Button>
        </Group>
      ),
    });
  }

  async function saveNote(): Promise<void> {
    const noteId = draft.noteId ?? newId();
    setSaving(true);
    setProblem(null);
    change({ noteId });
    try {
      await ask("POST", `/threads/${thread}/note`, { body: { text: draft.note.trim(), client_id: noteId } });
      change({ note: "", noteId: null });
      await opened.watch();
    } catch (error) {
      setProblem(t("compose.note.failed", { why: problemWords(error, words) }));
    } finally {
      setSaving(false);
      field.current?.focus();
    }
  }

  const menu = useCanned({
    row,
    draft,
    onPick: (reply, canned) => change({ reply, canned }),
    onManage: () => screen.show({ name: "snippets" }),
  });

  function press(event: KeyboardEvent<HTMLTextAreaElement>): void {
    if (event.nativeEvent.isComposing || menu.press(event)) return;
    const enterSends = preferences.liked.enterSends && event.key === "Enter" && !event.shiftKey;
    if (!enterSends && strokeOf(event) !== preferences.keymap.send) return;
    event.preventDefault();
    send();
  }

  function write(event: ChangeEvent<HTMLTextAreaElement>): void {
    const written = event.currentTarget.value;
    if (isNote) return change({ note: written, noteId: null });
    change({ reply: written, canned: written ? draft.canned : null });
    desk.typing(thread);
  }

  function takeOut(file: SentFile): void {
    forgetPreviews([file]);
    change({ files: draft.files.filter((one) => one.id !== file.id) });
  }

  function openMenu(): void {
    menu.turn();
    field.current?.focus();
  }

  function drop(event: DragEvent): void {
    event.preventDefault();
    if (!isNote) uploads.add(event.dataTransfer.files, draft.files.length);
  }

  const colleague = opened.typing.find((one) => one.who === "agent");
  return (
    <form
      className="composer"
      aria-label={t("compose.name")}
      data-mode={draft.mode}
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
      onDragOver={(event) => event.preventDefault()}
      onDrop={drop}
    >
      {colleague && (
        <p className="collision" role="alert">
          <Icon name="warn" size={16} />
          {t("thread.collision", { name: colleague.name })}
        </p>
      )}
      <div className="composer-top">
        <SegmentedControl
          size="xs"
          aria-label={t("compose.mode")}
          value={draft.mode}
          onChange={(mode) => change({ mode: mode === "note" ? "note" : "reply" })}
          data={[
            { value: "reply", label: t("compose.reply") },
            { value: "note", label: t("compose.note") },
          ]}
        />
        {!isNote && <ChannelPicker row={row} draft={draft} onPick={(identity) => change({ identity })} />}
      </div>
      {menu.list}
      <Textarea
        ref={field}
        autosize
        minRows={2}
        maxRows={10}
        aria-label={t(isNote ? "compose.note.label" : "compose.reply.label")}
        aria-describedby={hints}
        aria-autocomplete={isNote ? "none" : "list"}
        {...menu.described}
        placeholder={t(isNote ? "compose.note.hint" : "compose.reply.hint")}
        dir="auto"
        value={text}
        maxLength={10_000}
        onChange={write}
        onKeyDown={press}
        onPaste={(event) => {
          if (!isNote && event.clipboardData.files.length) uploads.add(event.clipboardData.files, draft.files.length);
        }}
      />
      {!isNote && <Attachments files={draft.files} uploads={uploads} onRemove={takeOut} onEmpty={() => field.current?.focus()} />}
      <div className="composer-foot">
        <div className="hints" id={hints}>
          {isNote ? (
            <p className="internal">
              <Icon name="lock" size={14} /> {t("compose.note.why")}
            </p>
          ) : other ? (
            <p>{t("compose.owned", { name: other })}</p>
          ) : (
            owner.kind !== "agent" && draft.reply && <p>{t("compose.takes")}</p>
          )}
          {!isNote && draft.canned && (
            <p className="from-content">
              <Icon name="bolt" size={14} />
              <span>{t("canned.from", { title: draft.canned.title })}</span>
              <code>{draft.canned.slot}</code>
            </p>
          )}
          {!isNote && <Limits row={row} draft={draft} />}
          {problem && (
            <p className="bad" role="alert">
              {problem}
            </p>
          )}
        </div>
        {!isNote && uploads.offered && <AttachButton uploads={uploads} already={draft.files.length} />}
        {!isNote && (
          <ActionIcon variant="subtle" color="gray" size={36} className="quiet" aria-label={t("compose.snippets")} title={`${t("compose.snippets")} (/)`} onClick={openMenu}>
            <Icon name="bolt" />
          </ActionIcon>
        )}
        <Button type="submit" size="sm" disabled={!canSend} loading={saving} {...(isNote ? { color: "yellow.4" } : {})}>
          {t(isNote ? "compose.note.send" : "compose.send")}
        </Button>
      </div>
    </form>
  );
}

interface ChannelPickerProps {
  row: Row;
  draft: Draft;
  onPick: (identity: string | null) => void;
}

function ChannelPicker({ row, draft, onPick }: ChannelPickerProps) {
  const words = useWords();
  const active = activeOf(row);
  return (
    <NativeSelect
      size="xs"
      className="channel-picker"
      aria-label={words.t("compose.channel")}
      value={draft.identity ?? active?.id ?? ""}
      onChange={(event) => onPick(event.currentTarget.value === active?.id ? null : event.currentTarget.value)}
      data={row.identities.map((one) => ({ value: one.id, label: placeWords(one) }))}
    />
  );

  function placeWords(identity: Identity): string {
    const channel = channelName(identity.address.channel, words.language);
    const named = identity.phone ? `${channel} ${identity.phone}` : channel;
    return identity.id === active?.id && row.identities.length > 1 ? words.t("compose.channel.active", { channel: named }) : named;
  }
}

// What the chosen channel makes of the text.
function Limits({ row, draft }: { row: Row; draft: Draft }) {
  const words = useWords();
  const { t } = words;
  const now = useNow();
  const channels = useChannels();
  const identity = row.identities.find((one) => one.id === draft.identity) ?? activeOf(row);
  const { channel, account } = identity?.address ?? {};
  const info = channels.find((one) => one.channel === channel && one.account === account);
  if (!identity || !info) return null;
  const { used, limit, sms } = lengthOf(draft.reply, info.capabilities);
  const window = windowOf(row, identity, info, now);
  const refused = draft.files.filter((file) => !info.capabilities.attachments.includes(kindOf(file.media_type)));
  return (
    <>
      {refused.length > 0 && (
        <p className="bad">
          {t("compose.attach.refused", { channel: channelName(info.channel, words.language), names: refused.map((file) => file.name).join(", ") })}
        </p>
      )}
      {window.state === "closed" && (
        <p className="bad">
          {window.ago === null ? t("compose.window.never") : t("compose.window", { time: span(window.ago, words) })}
        </p>
      )}
      {window.state === "soon" && <p>{t("compose.window.soon", { time: span(window.left, words) })}</p>}
      {sms && used > 0 && (
        <p className="counter">
          {t("compose.sms", { units: sms.units, segments: sms.segments, encoding: sms.encoding })}
          {sms.segments > 1 && sms.culprits.length > 0 && (
            <> {t("compose.sms.why", { culprits: sms.culprits.slice(0, 5).join(" ") })}</>
          )}
        </p>
      )}
      {!sms && used > limit * 0.6 && (
        <p className="counter" data-over={used > limit}>
          {t(used > limit ? "compose.over" : "compose.count", { n: used, limit })}
        </p>
      )}
    </>
  );
}
