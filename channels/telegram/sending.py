"""From one message out to calls of Telegram's Bot API, and from its answers to how it ended.

Source: https://core.telegram.org/bots/api#making-requests and #responseparameters. Texts are sent
without `parse_mode`, so nothing in them can be taken for markup.
"""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from bot.kit import failures, payload
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
from channels.telegram.keyboards import markup

LONGEST_TEXT = 4096
_LONGEST_CAPTION = 1024
_LONGEST_WAIT = 86_400

_SENT_BY_URL = {
    AttachmentType.IMAGE: ("sendPhoto", "photo"),
    AttachmentType.VIDEO: ("sendVideo", "video"),
    AttachmentType.AUDIO: ("sendAudio", "audio"),
    AttachmentType.FILE: ("sendDocument", "document"),
    AttachmentType.STICKER: ("sendSticker", "sticker"),
}
_SENT_BY_MIME = {
    "image/gif": ("sendAnimation", "animation"),
    "audio/ogg": ("sendVoice", "voice"),
}
_WITHOUT_CAPTION = frozenset({"sendSticker", "sendLocation", "sendVenue", "sendContact"})
_GONE = ("chat not found", "user not found", "peer_id_invalid", "user is deactivated")
_NEVER_STARTED = "initiate conversation"
_TOO_MANY = "429"
_BAD_TOKEN = frozenset({"401", "404"})

Fields = tuple[tuple[str, str], ...]


class Part(NamedTuple):
    """One call: a method of the Bot API and its parameters."""

    method: str
    fields: Fields


class Plan(NamedTuple):
    """A message's parts, always the same for the same message, and what they lack."""

    parts: tuple[Part, ...]
    warnings: tuple[str, ...]


def plan(message: Outbound, *, longest: int) -> Plan:
    """Take a message apart.

    A text goes as the caption of a single file if it fits, else ahead of the files, in parts of at
    most `longest` UTF-16 units. The last part has the keyboard.
    """
    warnings = ["Telegram has no templates: only the text was sent"] if message.template else []
    carried = [_carried(attachment, warnings) for attachment in message.attachments]
    files = [part for part in carried if part is not None]
    links = [a.url for a in message.attachments if a.type is AttachmentType.SHARE and a.url]
    text = "\n".join(filter(None, [message.text.strip() and message.text, *links]))
    if _is_caption(text, files):
        parts = [Part(files[0].method, (*files[0].fields, ("caption", text)))]
    else:
        parts = [
            Part("sendMessage", (("text", piece),))
            for piece in split(text, limit=longest, unit=TextUnit.UTF16)
        ]
        parts += files
    if not parts:
        return Plan((), (*warnings, "there is nothing in it that Telegram carries"))
    keyboard = markup(message.choices, language=message.language)
    last = Part(parts[-1].method, (*parts[-1].fields, ("reply_markup", keyboard.json)))
    return Plan(
        tuple(
            Part(part.method, (("chat_id", message.to.user), *part.fields))
            for part in [*parts[:-1], last]
        ),
        (*warnings, *keyboard.warnings),
    )


def judge(result: CallResult) -> PartSent | Delivery:
    """What Telegram's answer to one part says."""
    said = payload.read(result.body) if isinstance(result, Reply) else None
    answer = said or payload.Node()
    message_id = answer["result"]["message_id"].text
    if failures.succeeded(result) and answer["ok"].is_true and message_id:
        return PartSent(external_id=message_id)
    code, why = answer["error_code"].text, answer["description"].text
    if code == _TOO_MANY:
        return failures.rate_limited(code=code, message=why, after=_wait(answer))
    return _refusal(code, why) or failures.failed(result, code=code or None, message=why)


def _refusal(code: str, why: str) -> Delivery | None:
    """What Telegram's own code says beyond its status, or None."""
    said = why.lower()
    if any(gone in said for gone in _GONE) or (code == "403" and _NEVER_STARTED in said):
        failure = Failure(kind=FailureKind.UNREACHABLE, code=code or None, message=why)
        return Unreachable(failure=failure)
    if code == "403":
        return failures.opted_out(code=code, message=why)
    if code in _BAD_TOKEN:
        return failures.refused(
            FailureKind.CONFIG, code=code, message=f"{why}: is bot_token right?"
        )
    return (
        failures.refused(FailureKind.REJECTED, code=code, message=why) if code[:1] == "4" else None
    )


def _wait(answer: payload.Node) -> timedelta | None:
    seconds = answer["parameters"]["retry_after"].number
    if seconds is None or seconds < 0:
        return None
    return timedelta(seconds=min(seconds, _LONGEST_WAIT))


def _is_caption(text: str, files: list[Part]) -> bool:
    return (
        len(files) == 1
        and bool(text)
        and files[0].method not in _WITHOUT_CAPTION
        and measure(text, TextUnit.UTF16) <= _LONGEST_CAPTION
    )


def _carried(attachment: Attachment, warnings: list[str]) -> Part | None:
    if attachment.type is AttachmentType.SHARE and attachment.url:
        return None  # its link is part of the text
    part = _place(attachment) or _contact(attachment) or _file(attachment)
    if part is None:
        warnings.append(
            f"an attachment of type {attachment.type} was left out: it lacks its content"
        )
    return part


def _place(attachment: Attachment) -> Part | None:
    if attachment.latitude is None or attachment.longitude is None:
        return None
    point = (("latitude", str(attachment.latitude)), ("longitude", str(attachment.longitude)))
    if attachment.name and attachment.address:
        named = (("title", attachment.name), ("address", attachment.address))
        return Part("sendVenue", (*point, *named))
    return Part("sendLocation", point)


def _contact(attachment: Attachment) -> Part | None:
    if attachment.type is not AttachmentType.CONTACT or not attachment.phone:
        return None
    name = attachment.name or attachment.phone
    return Part("sendContact", (("phone_number", attachment.phone), ("first_name", name)))


def _file(attachment: Attachment) -> Part | None:
    source = attachment.url or attachment.media_id
    mime = (attachment.mime or "").partition(";")[0].strip().lower()
    ways = _SENT_BY_MIME.get(mime) or _SENT_BY_URL.get(attachment.type)
    if ways is None or not source:
        return None
    method, field = ways
    return Part(method, ((field, source),))
