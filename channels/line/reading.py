"""From one LINE webhook to its events.

Source: https://developers.line.biz/en/reference/messaging-api/#webhook-event-objects. Every event
is read on its own: one that cannot be read costs none of the others. Only the few fields needed are
read, so that shapes from before `mode` and `webhookEventId` pass.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bot.kit import consent
from bot.kit.batch import distinct
from bot.kit.text import clean
from bot.model.channel import (
    ChannelEvent,
    Deleted,
    Edited,
    Ignored,
    Inbound,
    OptIn,
    OptOut,
    Press,
    PressKind,
    Sender,
    Unreadable,
    UnreadableReason,
    Unsupported,
)
from channels.line.attachments import attachment_of, lacks_its_file
from channels.line.presses import unpacked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.kit.payload import Node

_USER = re.compile(r"[A-Za-z0-9_-]{1,64}")
_GROUPS = frozenset({"group", "room"})
# Said in the chat: in a group not to us, on standby not ours to answer.
_SAID = frozenset({"message", "messageEdited", "postback"})
# Whom LINE's console let two messages come from to verify an address, before it sent no events.
_NOBODY = "Udeadbeefdeadbeefdeadbeefdeadbeef"
_OTHER_ACCOUNT = Ignored(reason="other_account_ignored: meant for another account's bot")


def read(webhook: Node, *, bot_user_id: str | None) -> tuple[ChannelEvent, ...]:
    """All events of a webhook, in order, repeats within it left out."""
    destination = webhook["destination"].words
    if bot_user_id and destination and destination != bot_user_id:
        return (_OTHER_ACCOUNT,)
    found = distinct(_all(webhook))
    # LINE's console verifies an address with a webhook that has no events.
    return found or (Ignored(reason="webhook_ignored: it has no events"),)


def _all(webhook: Node) -> Iterator[ChannelEvent]:
    for item in webhook["events"]:
        if item.is_object:
            yield _event(item)
        else:
            yield Unreadable(reason=UnreadableReason.MALFORMED, detail="an event is no object")


def _event(item: Node) -> ChannelEvent:
    kind = item["type"].words[:50]
    reading = _READINGS.get(kind)
    if reading is None:
        return _not_said(item, kind)
    if kind in _SAID:
        if item["source"]["type"].text in _GROUPS:
            return Ignored(reason=f"group_message_ignored: {kind}")
        if item["mode"].text == "standby":
            return Ignored(reason=f"standby_ignored: another module answers this {kind}")
    user = item["source"]["userId"].words
    if not _USER.fullmatch(user):
        said = f"a {kind} event does not say who it is from"
        return Unreadable(reason=UnreadableReason.INVALID_SENDER, detail=said)
    if user == _NOBODY:
        return Ignored(reason=f"webhook_ignored: LINE verifies the address by a {kind}")
    return reading(item, Sender(user=user))


def _not_said(item: Node, kind: str) -> Ignored:
    """Known to happen, and nothing that a customer said to us."""
    if kind == "accountLink":
        result = item["link"]["result"].words[:20]
        return Ignored(reason=f"account_link_ignored: accountLink {result}".rstrip())
    if kind == "botSuspended":
        return Ignored(reason="channel_error: botSuspended, LINE has suspended the account")
    return Ignored(reason=f"event_ignored: {kind or 'nothing'}")


def _key(item: Node, sender: Sender, otherwise: str) -> str:
    """What repeats are known by; a redelivery has the same `webhookEventId`."""
    made = f"{sender.user}:{item['timestamp'].words}:{item['type'].words}"
    return item["webhookEventId"].words or otherwise or made


# --- messages and presses --------------------------------------------------------------------


def _message(item: Node, sender: Sender) -> ChannelEvent:
    message, at = item["message"], item["timestamp"].moment
    external_id = message["id"].words
    key = _key(item, sender, external_id)
    kind, text = message["type"].words[:50], message["text"].words
    if kind == "text":
        asked = consent.asked(text, sender=sender, key=key, at=at)
        if asked is not None:
            return asked
    carried = attachment_of(message)
    if carried is None and (kind != "text" or not text):
        what = kind if kind != "text" else ""
        return Unsupported(
            sender=sender,
            dedupe_key=key,
            external_id=external_id or None,
            what=what or "empty message",
            at=at,
        )
    return Inbound(
        sender=sender,
        dedupe_key=key,
        external_id=external_id or None,
        text=text if carried is None else "",
        attachments=() if carried is None else (carried,),
        at=at,
        reply_to=message["quotedMessageId"].words or None,
        reply_token=item["replyToken"].words or None,
        incomplete=carried is not None and lacks_its_file(carried),
    )


def _postback(item: Node, sender: Sender) -> ChannelEvent:
    data, title = unpacked(item["postback"]["data"].text)
    params = item["postback"]["params"]
    # A picker says what was chosen; a rich menu's switch says which menu it switched to.
    chosen = next((params[name].words for name in ("date", "time", "datetime") if params[name]), "")
    return Inbound(
        sender=sender,
        dedupe_key=_key(item, sender, ""),
        text=clean(title) or chosen,
        at=item["timestamp"].moment,
        press=Press(kind=PressKind.POSTBACK, payload=clean(data)),
        reply_token=item["replyToken"].words or None,
    )


def _edited(item: Node, sender: Sender) -> ChannelEvent:
    message = item["message"]
    external_id = message["id"].words
    if not external_id:
        return Unreadable(reason=UnreadableReason.MALFORMED, detail="an edit lacks its message")
    return Edited(
        sender=sender,
        dedupe_key=_key(item, sender, ""),
        external_id=external_id,
        text=message["text"].words,
        at=item["timestamp"].moment,
    )


def _unsend(item: Node, sender: Sender) -> ChannelEvent:
    """What somebody takes back is taken back wherever it was said, in groups too."""
    external_id = item["unsend"]["messageId"].words
    if not external_id:
        return Unreadable(reason=UnreadableReason.MALFORMED, detail="an unsend lacks its message")
    return Deleted(
        sender=sender,
        dedupe_key=_key(item, sender, f"{external_id}:unsend"),
        external_id=external_id,
        at=item["timestamp"].moment,
    )


# --- friends ---------------------------------------------------------------------------------


def _follow(item: Node, sender: Sender) -> ChannelEvent:
    unblocked = item["follow"]["isUnblocked"].is_true
    return OptIn(
        sender=sender,
        dedupe_key=_key(item, sender, ""),
        source="unblocked" if unblocked else "followed",
        at=item["timestamp"].moment,
    )


def _unfollow(item: Node, sender: Sender) -> ChannelEvent:
    return OptOut(
        sender=sender,
        dedupe_key=_key(item, sender, ""),
        source="blocked",
        at=item["timestamp"].moment,
    )


_READINGS: dict[str, Callable[[Node, Sender], ChannelEvent]] = {
    "message": _message,
    "messageEdited": _edited,
    "postback": _postback,
    "unsend": _unsend,
    "follow": _follow,
    "unfollow": _unfollow,
}
