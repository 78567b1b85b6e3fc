"""From one message out to the bodies of the Cloud API's calls.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from bot.kit.split import measure, split
from bot.model.channel import AttachmentType, TextUnit
from channels.whatsapp_cloud import interactive, templates

if TYPE_CHECKING:
    from pydantic import JsonValue

    from bot.kit.meta.graph import Json
    from bot.model.channel import Attachment
    from bot.model.sending import Outbound

LONGEST_TEXT = 4096
WINDOW = timedelta(hours=24)

_LONGEST_CAPTION = 1024
_FILES = {
    AttachmentType.IMAGE: "image",
    AttachmentType.VIDEO: "video",
    AttachmentType.AUDIO: "audio",
    AttachmentType.FILE: "document",
    AttachmentType.STICKER: "sticker",
}
_WITH_CAPTION = frozenset({"image", "video", "document"})
_NUMBER = re.compile(r"\+?[0-9]+")
_LINK = re.compile(r"https?://\S", re.IGNORECASE)


class Plan(NamedTuple):
    """A message's parts as bodies without their frame, always the same for the same message."""

    parts: tuple[Json, ...]
    warnings: tuple[str, ...]


def plan(message: Outbound, *, longest: int, menu: str) -> Plan:
    """Take a message apart: files first, then the text in parts; choices go with the last part.

    A file that stands alone carries the text as its caption, or is the head of the choices.
    """
    warnings: list[str] = []
    if message.template is not None:
        return _template(message, warnings)
    files = [part for each in message.attachments if (part := _file(each, warnings)) is not None]
    lines = [message.text] if message.text.strip() else []
    lines += filter(None, map(_line, message.attachments))
    asked = interactive.choose(message.choices, menu=menu, warnings=warnings)
    lines += asked.lines
    text = "\n".join(lines)
    if asked.action is not None and text:
        head = files[0] if len(files) == 1 and asked.takes_head else None
        return Plan((*_questioned(text, asked, files, head, longest),), tuple(warnings))
    if asked.titles:
        # There is nothing to put buttons under: the choices are the text.
        text = "\n".join([*lines, *asked.titles])
    elif asked.action is not None:
        warnings.append("asking for a place was left out: there is no text to ask with")
    return Plan((*_written(text, files, longest),), tuple(warnings))


def frame(message: Outbound) -> Json:
    """To whom: a phone number, or a user id of somebody whose number is not known."""
    user = message.to.user
    to: Json = {"to": user} if _NUMBER.fullmatch(user) else {"recipient": user}
    return {"messaging_product": "whatsapp", "recipient_type": "individual", **to}


def _template(message: Outbound, warnings: list[str]) -> Plan:
    if message.template is None or not message.template.name.strip():
        return Plan((), ("the template has no name",))
    if message.attachments or message.choices:
        warnings.append("a template carries no files or choices but its own: they were left out")
    return Plan((templates.body(message.template),), tuple(warnings))


def _written(text: str, files: list[Json], longest: int) -> list[Json]:
    """Files and the text, which is the caption of a file that stands alone."""
    if text and len(files) == 1:
        captioned = _captioned(files[0], text)
        if captioned is not None:
            return [captioned]
    return files + [_text(piece) for piece in split(text, limit=longest, unit=TextUnit.UTF16)]


def _questioned(
    text: str, asked: interactive.Asked, files: list[Json], head: Json | None, longest: int
) -> list[Json]:
    """Files, the text, and the choices below its last piece."""
    *before, last = _pieces(text, longest=longest, last=min(longest, asked.longest))
    # Media heads a message of one piece; before a text in several, it would come in their midst.
    header = None if head is None or before else _header(head)
    parts = [] if header is not None else list(files)
    parts += [_text(piece) for piece in before]
    shown: Json = {"type": asked.kind, "body": {"text": last}, "action": asked.action}
    if header is not None:
        shown["header"] = header
    return [*parts, {"type": "interactive", "interactive": shown}]


def _pieces(text: str, *, longest: int, last: int) -> list[str]:
    """The text in pieces, of which the last is at most so long."""
    pieces = split(text, limit=longest, unit=TextUnit.UTF16)
    return pieces[:-1] + split(pieces[-1], limit=last, unit=TextUnit.UTF16)


def _text(piece: str) -> Json:
    shown: Json = {"body": piece}
    if _LINK.search(piece):
        shown["preview_url"] = True
    return {"type": "text", "text": shown}


# --- attachments -----------------------------------------------------------------------------


def _file(attachment: Attachment, warnings: list[str]) -> Json | None:
    match attachment.type:
        case AttachmentType.LOCATION:
            shown = _place(attachment)
        case AttachmentType.CONTACT:
            shown = _contact(attachment)
        case AttachmentType.SHARE:
            shown = None
        case kind:
            shown = media(attachment, _FILES[kind])
    if shown is None and _line(attachment) is None:
        warnings.append(f"an attachment ({attachment.type}) was left out: it has no content")
    return shown


def media(attachment: Attachment, kind: str) -> Json | None:
    """A file by its link or id, or None when it has neither."""
    if not (attachment.url or attachment.media_id):
        return None
    shown: Json = {"link": attachment.url} if attachment.url else {"id": attachment.media_id}
    if kind == "document":
        name = attachment.name or _file_name(attachment.url or "")
        shown |= {"filename": name} if name else {}
    return {"type": kind, kind: shown}


def _file_name(url: str) -> str:
    try:
        return PurePosixPath(unquote(urlsplit(url).path)).name
    except ValueError:
        return ""


def _captioned(part: Json, text: str) -> Json | None:
    kind = str(part["type"])
    shown = part[kind]
    if kind not in _WITH_CAPTION or not isinstance(shown, dict):
        return None
    if measure(text, TextUnit.UTF16) > _LONGEST_CAPTION:
        return None
    return {**part, kind: {**shown, "caption": text}}


def _header(part: Json) -> Json | None:
    return part if part["type"] in _WITH_CAPTION else None


def _place(attachment: Attachment) -> Json | None:
    if attachment.latitude is None or attachment.longitude is None:
        return None
    shown: Json = {"latitude": attachment.latitude, "longitude": attachment.longitude}
    # An address is shown only below a name.
    named = {"name": attachment.name, "address": attachment.address}
    shown |= {key: value for key, value in named.items() if value}
    return {"type": "location", "location": shown}


def _contact(attachment: Attachment) -> Json | None:
    if not attachment.phone:
        return None
    name = attachment.name or attachment.phone
    card: Json = {
        "name": {"formatted_name": name, "first_name": name},
        "phones": [{"phone": attachment.phone}],
    }
    contacts: list[JsonValue] = [card]
    return {"type": "contacts", "contacts": contacts}


def _line(attachment: Attachment) -> str | None:
    """What WhatsApp has no form for, as text."""
    match attachment.type:
        case AttachmentType.SHARE:
            said = (attachment.name, attachment.url)
        case AttachmentType.CONTACT if not attachment.phone:
            said = (attachment.name, None)
        case AttachmentType.LOCATION if attachment.latitude is None or attachment.longitude is None:
            said = (attachment.name, attachment.address)
        case _:
            return None
    return ", ".join(filter(None, said)) or None
