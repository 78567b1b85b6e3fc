"""Webhooks of Vonage's Messages API, for accounts whose numbers are set to it.

Source: https://developer.vonage.com/api/messages#inbound-message
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.kit import media, telephone, times
from bot.kit.callbacks import ignored, malformed, unreadable
from bot.kit.text import clean
from bot.model.channel import Attachment, Inbound, Receipt, ReceiptStatus, UnreadableReason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.kit.callbacks import Events
    from bot.kit.payload import Node

_STATUSES = {
    "submitted": ReceiptStatus.SENT,
    "delivered": ReceiptStatus.DELIVERED,
    "read": ReceiptStatus.READ,
    "rejected": ReceiptStatus.FAILED,
    "undeliverable": ReceiptStatus.FAILED,
}
_OURS = frozenset({"", "sms", "mms"})
_FILES = ("image", "video", "audio", "file", "vcard")


def read(webhook: Node) -> Events:
    """What one webhook says: a status where it has one, else a message."""
    external_id = _line(webhook["message_uuid"])
    channel = _line(webhook["channel"]) or _line(webhook["from"]["type"])
    if channel.lower() not in _OURS:
        return ignored(f"other account: a message by {channel[:32]}")
    if not external_id:
        return malformed("message_uuid is no text")
    if "status" in webhook:
        return _receipt(webhook, external_id)
    return _message(webhook, external_id)


def _receipt(webhook: Node, external_id: str) -> Events:
    word = _line(webhook["status"])
    status = _STATUSES.get(word.lower())
    if status is None:
        return unreadable(UnreadableReason.UNKNOWN_STATUS, word[:100])
    error = webhook["error"]
    receipt = Receipt(
        external_id=external_id,
        status=status,
        at=times.iso(webhook["timestamp"].text),
        error_code=_line(error["title"]) or _line(error["code"]) or None,
        error_title=_line(error["detail"]) or _line(error["reason"]) or None,
        client_ref=_line(webhook["client_ref"]) or None,
    )
    return (receipt,)


def _message(webhook: Node, external_id: str) -> Events:
    number = _line(webhook["from"]) or _line(webhook["from"]["number"])
    if not number:
        return malformed("the message does not say who it is from")
    who = telephone.caller(number)
    if who is None:
        return unreadable(UnreadableReason.INVALID_SENDER, "from is no number")
    # Until 2022 everything was one level deeper.
    content = webhook["message"]["content"] or webhook
    message = Inbound(
        sender=who,
        dedupe_key=external_id,
        external_id=external_id,
        to=_line(webhook["to"]) or _line(webhook["to"]["number"]) or None,
        text=clean(content["text"].text or _caption(content)),
        attachments=tuple(_attachments(content)),
        at=times.iso(webhook["timestamp"].text),
    )
    kind = _line(content["message_type"]) or _line(content["type"])
    if kind not in {"", "text"} and not message.attachments:
        return (telephone.unsupported(message, f"{kind[:50]} message"),)
    return telephone.said(message)


def _caption(content: Node) -> str:
    return next((found for name in _FILES if (found := content[name]["caption"].text)), "")


def _attachments(content: Node) -> Iterator[Attachment]:
    for name in _FILES:
        url = _line(content[name]["url"])
        if url:
            called = _line(content[name]["name"])
            yield Attachment(
                type=media.attachment_type(media.mime_of(called or url), name=url),
                url=url,
                name=called or None,
            )


def _line(node: Node) -> str:
    return clean(node.text).strip()
