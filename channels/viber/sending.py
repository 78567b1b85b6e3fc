"""From one message out to calls of Viber's API, and from its answers to how it ended.

Source: https://developers.viber.com/docs/api/rest-bot-api/#message-types and #error-codes. Viber
answers 200 to what it refuses, with a status of its own in the body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pydantic import JsonValue

from bot.kit import failures, payload, plain
from bot.kit.split import measure, split
from bot.model.channel import Attachment, AttachmentType, TextUnit
from bot.model.sending import (
    CallResult,
    Delivery,
    Failure,
    FailureKind,
    Outbound,
    PartSent,
    Reply,
    Unreachable,
)
from channels.viber.keyboards import keyboard

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_TEXT = 7000
LONGEST_CAPTION = 512

_LONGEST_NAME = 28
_LONGEST_PHONE = 18
_LONGEST_URL = 2000
_LONGEST_FILE_NAME = 256

_TAKEN = "0"
_NOT_SUBSCRIBED = "6"
_TOO_MANY = "12"
# The token, the bot, its webhook, its balance: nothing that this message could do anything about.
_CONFIG = frozenset({"1", "2", "7", "8", "9", "10", "13", "14", "15", "17", "22", "23", "24"})
# Not on Viber, on no device that can show it, or in a country without it.
_NOBODY_THERE = frozenset({"5", "11", "21"})

Json = dict[str, JsonValue]


class Plan(NamedTuple):
    """A message's parts, always the same for the same message, and what they lack."""

    parts: tuple[Json, ...]
    warnings: tuple[str, ...]


def plan(message: Outbound, *, longest: int, longest_caption: int) -> Plan:
    """Take a message apart: what goes with the text first, then the text; buttons on the last.

    A few words go under a single picture instead.
    """
    warnings = ["Viber has no such templates: only the text was sent"] * bool(message.template)
    parts = [part for one in message.attachments if (part := _carried(one, warnings))]
    pictures = [part for part in parts if part["type"] == "picture"]
    text = message.text if message.text.strip() else ""
    if text and len(pictures) == 1 and measure(text, TextUnit.UTF16) <= longest_caption:
        pictures[0]["text"] = text
    else:
        pieces = split(text, limit=longest, unit=TextUnit.UTF16)
        parts += [{"type": "text", "text": piece} for piece in pieces]
    if not parts:
        return Plan((), (*warnings, "there is nothing in it that Viber carries"))
    made = keyboard(message.choices, language=message.language)
    parts[-1] = {**parts[-1], **made.fields}
    return Plan(tuple(parts), (*warnings, *made.warnings))


def sender(name: str | None) -> Json:
    """Under which name a message comes."""
    return {"sender": {"name": plain.shortened(name, limit=_LONGEST_NAME)}} if name else {}


def judge(result: CallResult, *, unnamed: str, ever_wrote: bool) -> PartSent | Delivery:
    """What Viber's answer to one part says; `unnamed` is the part's id where Viber gives none."""
    body = payload.read(result.body) if isinstance(result, Reply) else None
    answer = body or payload.Node()
    status, why = answer["status"].text, answer["status_message"].words
    if not failures.succeeded(result) or not status:
        return failures.failed(result, code=status if why else None, message=why)
    if status == _TAKEN:
        return PartSent(external_id=answer["message_token"].text or unnamed)
    if status == _TOO_MANY:
        after = failures.retry_after(result) if isinstance(result, Reply) else None
        return failures.rate_limited(code=status, message=why, after=after)
    if status == _NOT_SUBSCRIBED and ever_wrote:
        return failures.opted_out(code=status, message=why)
    kind = FailureKind.REJECTED if why else FailureKind.PROVIDER_ERROR
    if status in _NOBODY_THERE or status == _NOT_SUBSCRIBED:
        return Unreachable(failure=Failure(kind=kind, code=status, message=why))
    return failures.refused(
        FailureKind.CONFIG if status in _CONFIG else kind, code=status, message=why
    )


# --- what goes with the text -----------------------------------------------------------------


def _carried(attachment: Attachment, warnings: list[str]) -> Json | None:
    make = _MAKERS.get(attachment.type, _nothing)
    part = make(attachment) or _link(attachment) or _words(attachment)
    if part is None:
        warnings.append(f"an attachment ({attachment.type}) was left out: Viber cannot show it")
    return part


def _nothing(_: Attachment) -> Json | None:
    return None


def _picture(attachment: Attachment) -> Json | None:
    if not plain.is_web(attachment.url):
        return None
    return {"type": "picture", "text": "", "media": attachment.url}


def _video(attachment: Attachment) -> Json | None:
    # Viber refuses a video or a file without its size.
    if not attachment.size or not plain.is_web(attachment.url):
        return None
    return {"type": "video", "media": attachment.url, "size": attachment.size}


def _file(attachment: Attachment) -> Json | None:
    if not attachment.size or not attachment.name or not plain.is_web(attachment.url):
        return None
    name = attachment.name[-_LONGEST_FILE_NAME:]
    return {"type": "file", "media": attachment.url, "size": attachment.size, "file_name": name}


def _sticker(attachment: Attachment) -> Json | None:
    sticker = attachment.sticker_id or ""
    # Stickers of other channels have a package; theirs are other pictures than Viber's.
    if attachment.package_id or not (sticker.isascii() and sticker.isdecimal()):
        return _picture(attachment)
    return {"type": "sticker", "sticker_id": int(sticker[:18])}


def _place(attachment: Attachment) -> Json | None:
    if attachment.latitude is None or attachment.longitude is None:
        return None
    point: Json = {"lat": attachment.latitude, "lon": attachment.longitude}
    return {"type": "location", "location": point}


def _contact(attachment: Attachment) -> Json | None:
    phone = attachment.phone or ""
    if not 0 < len(phone) <= _LONGEST_PHONE:
        return None
    name = plain.shortened(attachment.name or phone, limit=_LONGEST_NAME)
    return {"type": "contact", "contact": {"name": name, "phone_number": phone}}


def _link(attachment: Attachment) -> Json | None:
    if not plain.is_web(attachment.url) or len(attachment.url or "") > _LONGEST_URL:
        return None
    return {"type": "url", "media": attachment.url}


def _words(attachment: Attachment) -> Json | None:
    line = plain.line(attachment)
    return {"type": "text", "text": plain.shortened(line, limit=LONGEST_TEXT)} if line else None


_MAKERS: dict[AttachmentType, Callable[[Attachment], Json | None]] = {
    AttachmentType.IMAGE: _picture,
    AttachmentType.VIDEO: _video,
    AttachmentType.AUDIO: _file,
    AttachmentType.FILE: _file,
    AttachmentType.STICKER: _sticker,
    AttachmentType.LOCATION: _place,
    AttachmentType.CONTACT: _contact,
}
