"""What a channel has no form for, in plain words: attachments as lines, titles made to fit."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bot.kit.split import measure, split
from bot.model.channel import Attachment, AttachmentType, TextUnit

if TYPE_CHECKING:
    from collections.abc import Iterable

_WEB = frozenset({"https", "http"})


def line(attachment: Attachment) -> str | None:
    """An attachment as a line of text, or None when there is nothing in it to say."""
    said = [attachment.name]
    match attachment.type:
        case AttachmentType.LOCATION:
            said += [attachment.address, _map(attachment)]
        case AttachmentType.CONTACT:
            said += [attachment.phone, _link(attachment)]
        case _ if not _link(attachment):
            return None
        case _:
            said += [_link(attachment)]
    return ", ".join(filter(None, said)) or None


def is_web(url: str | None, *, schemes: Iterable[str] = _WEB) -> bool:
    """Whether this is an address in the web that a channel can point to."""
    try:
        parts = urlsplit(url or "")
        host = parts.hostname
    except ValueError:
        return False
    spaced = any(char.isspace() for char in url or "")
    return parts.scheme in schemes and bool(host) and not spaced


def fits(title: str, *, limit: int, unit: TextUnit = TextUnit.UTF16) -> bool:
    """Whether a title is within its limit."""
    return measure(title, unit) <= limit


def shortened(title: str, *, limit: int, unit: TextUnit = TextUnit.UTF16) -> str:
    """A title that fits, cut between words or graphemes and marked where it was cut."""
    if fits(title, limit=limit, unit=unit):
        return title
    return split(title, limit=limit - measure("…", unit), unit=unit)[0] + "…"


def _link(attachment: Attachment) -> str | None:
    return attachment.url if is_web(attachment.url) else None


def _map(attachment: Attachment) -> str | None:
    if attachment.latitude is None or attachment.longitude is None:
        return None
    return f"https://maps.google.com/?q={attachment.latitude},{attachment.longitude}"
