"""From MessageBird's parameters to what a customer did, or what became of ours.

Source: https://developers.messagebird.com/api/sms-messaging#receive-a-message (numbers and short
codes name things differently), https://developers.messagebird.com/api/mms-messaging and
https://developers.messagebird.com/api/sms-messaging#handle-a-status-report
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.kit import forms, media, payload, telephone, times
from bot.kit.callbacks import malformed, unreadable
from bot.kit.text import clean
from bot.model.channel import (
    Attachment,
    Inbound,
    OptOut,
    Receipt,
    ReceiptStatus,
    UnreadableReason,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bot.kit.callbacks import Events
    from bot.model.channel import Request

_STATUSES = {
    "scheduled": ReceiptStatus.QUEUED,
    "buffered": ReceiptStatus.SENT,
    "sent": ReceiptStatus.SENT,
    "delivered": ReceiptStatus.DELIVERED,
    "expired": ReceiptStatus.FAILED,
    "delivery_failed": ReceiptStatus.FAILED,
}
_OPTED_OUT = "103"
# What only a message has. An originator alone tells nothing: in a report it is our own number.
_OF_A_MESSAGE = ("body", "message", "subject", "shortcode")
_MEDIA = re.compile(r"mediaurls?(\[\d*\])?")
_NEXT_URL = re.compile(r",\s*(?=https?://)")
_DIGITS_OF_A_TIME = re.compile(r"\d{14}")


class Fields:
    """Parameters by their names in small letters; of a repeated one the last counts."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self.pairs = tuple((name.lower(), value) for name, value in pairs)
        self._last = dict(self.pairs)

    def text(self, *names: str) -> str:
        """The first of these names that has a value, fit to be stored."""
        return next((found for name in names if (found := clean(self._last.get(name, "")))), "")

    def line(self, *names: str) -> str:
        """The same without space around it."""
        return next((found for name in names if (found := self.text(name).strip())), "")

    def __contains__(self, name: str) -> bool:
        return name in self._last

    def __bool__(self) -> bool:
        return bool(self._last)


def read(request: Request) -> Events:
    """What a proven request says: a status report, or a message."""
    fields = Fields(_pairs(request))
    is_message = any(name in fields for name in _OF_A_MESSAGE) or any(_attachments(fields))
    to_report = request.path.endswith("/status") and "originator" not in fields
    if not is_message and ("status" in fields or to_report):
        return _report(fields)
    return _message(fields)


def _report(fields: Fields) -> Events:
    external_id, word = fields.line("id", "message_id"), fields.line("status")
    if not external_id or not word:
        return malformed("no id or no status")
    status = _STATUSES.get(word.lower())
    if status is None:
        return unreadable(UnreadableReason.UNKNOWN_STATUS, word[:100])
    code = fields.line("statuserrorcode")
    receipt = Receipt(
        external_id=external_id,
        status=status,
        at=times.iso(fields.line("statusdatetime")),
        error_code=code if code not in {"", "0"} else None,
        error_title=fields.line("statusreason") or None,
        client_ref=fields.line("reference") or None,
    )
    recipient = telephone.caller(fields.line("recipient"))
    if code != _OPTED_OUT or recipient is None:
        return (receipt,)
    key = f"{external_id}:{_OPTED_OUT}"
    return (receipt, OptOut(sender=recipient, dedupe_key=key, source=f"messagebird:{code}"))


def _message(fields: Fields) -> Events:
    by_short_code = "shortcode" in fields
    ids = ("mid", "id") if by_short_code else ("id", "message_id", "mid")
    external_id, number = fields.line(*ids), fields.line("originator")
    if not external_id or not number:
        return malformed("no id or no originator")
    who = telephone.caller(number)
    if who is None:
        return unreadable(UnreadableReason.INVALID_SENDER, "originator is no number")
    attachments = tuple(_attachments(fields))
    said = ["message", "body"] if by_short_code else ["body", "subject"]
    if not attachments:
        said.append("message")
    message = Inbound(
        sender=who,
        dedupe_key=external_id,
        external_id=external_id,
        to=fields.line("shortcode", "recipient", "receiver") or None,
        text=fields.text(*said),
        attachments=attachments,
        at=_at(fields),
    )
    return telephone.said(message)


def _attachments(fields: Fields) -> Iterator[Attachment]:
    for name, value in fields.pairs:
        if not _MEDIA.fullmatch(name):
            continue
        for part in _NEXT_URL.split(clean(value)):
            url = part.strip()
            if url:
                mime = media.mime_of(url)
                yield Attachment(type=media.attachment_type(mime, name=url), url=url, mime=mime)


def _at(fields: Fields) -> datetime | None:
    packed = fields.line("receive_datetime")
    if _DIGITS_OF_A_TIME.fullmatch(packed):
        return times.iso(f"{packed[:8]}T{packed[8:]}")
    told = times.iso(fields.line("createddatetime"))
    return told or _unix(fields.line("date_utc"))


def _unix(seconds: str) -> datetime | None:
    number = payload.Node(seconds).number
    try:
        return None if number is None else datetime.fromtimestamp(number, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _pairs(request: Request) -> Iterator[tuple[str, str]]:
    """The parameters of a request: in its URL, or in its body as a form or JSON."""
    body = request.body.strip()
    if not body:
        yield from request.query
        return
    told = (request.header("content-type") or "").lower()
    if "json" in told or body.startswith(b"{"):
        yield from _of_document(payload.read(request.body) or payload.Node())
        return
    for name, value in forms.read(request.body).pairs:
        yield name.decode("utf-8", "replace"), value.decode("utf-8", "replace")


def _of_document(document: payload.Node) -> Iterator[tuple[str, str]]:
    for name in document.keys:
        for node in document[name] if document[name].is_list else (document[name],):
            yield name, node.text
