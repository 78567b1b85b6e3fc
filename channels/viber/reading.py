"""From one Viber callback to its event.

Source: https://developers.viber.com/docs/api/rest-bot-api/#callbacks. Tokens of messages are 64
bits wide and are kept as they are written.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bot.kit import consent
from bot.model.channel import (
    ChannelEvent,
    Ignored,
    Inbound,
    OptIn,
    OptOut,
    Press,
    PressKind,
    Receipt,
    ReceiptStatus,
    Sender,
    Started,
    Unreadable,
    UnreadableReason,
    Unsupported,
)
from channels.viber.attachments import KINDS, attachment_of
from channels.viber.tracking import payload_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.kit.payload import Node

# Ids of subscribers are base64 of Viber's own.
_USER = re.compile(r"[A-Za-z0-9+/=_-]{1,100}")
_RECEIPTS = {
    "delivered": ReceiptStatus.DELIVERED,
    "seen": ReceiptStatus.READ,
    "failed": ReceiptStatus.FAILED,
}
# Viber asks whether the address works; an app comes online or leaves.
_NOT_SAID = frozenset({"webhook", "client_status", "action"})


def read(callback: Node) -> ChannelEvent:
    """The event that a callback is; always exactly one."""
    name = callback["event"].words[:50]
    if name in _RECEIPTS:
        return _receipt(callback, _RECEIPTS[name])
    if name in _NOT_SAID:
        return Ignored(reason=f"event_ignored: {name}")
    reading = _READINGS.get(name)
    if reading is None:
        said = f"an event of the kind {name!r}"
        return Unreadable(reason=UnreadableReason.UNKNOWN_EVENT, detail=said)
    sender = _sender(callback)
    if sender is None:
        said = f"a {name} event does not say who it is from"
        return Unreadable(reason=UnreadableReason.INVALID_SENDER, detail=said)
    return reading(callback, sender)


def _sender(callback: Node) -> Sender | None:
    person = callback["sender"] or callback["user"]
    user = person["id"].words or callback["user_id"].words
    if not _USER.fullmatch(user):
        return None
    return Sender(
        user=user,
        name=person["name"].words or None,
        language=person["language"].words or None,
    )


def _key(callback: Node, sender: Sender) -> str:
    made = f"{sender.user}:{callback['timestamp'].words}:{callback['event'].words}"
    return callback["message_token"].words or made


# --- messages --------------------------------------------------------------------------------


def _message(callback: Node, sender: Sender) -> ChannelEvent:
    message, at = callback["message"], callback["timestamp"].moment
    key, kind = _key(callback, sender), message["type"].words[:50]
    external_id = callback["message_token"].words or None
    if kind not in KINDS:
        return Unsupported(
            sender=sender, dedupe_key=key, external_id=external_id, what=kind or "message", at=at
        )
    carried = attachment_of(message)
    text = message["media"].words if kind == "url" else message["text"].words
    if carried is None and (kind not in {"text", "url"} or not text):
        said = f"a message of the kind {kind} lacks its content"
        return Unreadable(reason=UnreadableReason.MALFORMED, detail=said)
    payload = payload_of(message["tracking_data"].text, text) if kind == "text" else None
    if kind == "text" and payload is None:
        asked = consent.asked(text, sender=sender, key=key, at=at)
        if asked is not None:
            return asked
    return Inbound(
        sender=sender,
        dedupe_key=key,
        external_id=external_id,
        text=text,
        attachments=() if carried is None else (carried,),
        at=at,
        press=None if payload is None else Press(kind=PressKind.BUTTON, payload=payload),
    )


# --- people who come and go ------------------------------------------------------------------


def _started(callback: Node, sender: Sender) -> ChannelEvent:
    return Started(
        sender=sender,
        dedupe_key=_key(callback, sender),
        ref=callback["context"].words or None,
        at=callback["timestamp"].moment,
    )


def _subscribed(callback: Node, sender: Sender) -> ChannelEvent:
    return OptIn(
        sender=sender,
        dedupe_key=_key(callback, sender),
        source="subscribed",
        at=callback["timestamp"].moment,
    )


def _unsubscribed(callback: Node, sender: Sender) -> ChannelEvent:
    return OptOut(
        sender=sender,
        dedupe_key=_key(callback, sender),
        source="unsubscribed",
        at=callback["timestamp"].moment,
    )


# --- receipts --------------------------------------------------------------------------------


def _receipt(callback: Node, status: ReceiptStatus) -> ChannelEvent:
    token = callback["message_token"].words
    if not token:
        said = f"a receipt ({status}) does not say of which message"
        return Unreadable(reason=UnreadableReason.MALFORMED, detail=said)
    return Receipt(
        external_id=token,
        status=status,
        at=callback["timestamp"].moment,
        error_title=callback["desc"].words or None,
    )


_READINGS: dict[str, Callable[[Node, Sender], ChannelEvent]] = {
    "message": _message,
    "conversation_started": _started,
    "subscribed": _subscribed,
    "unsubscribed": _unsubscribed,
}
