"""What channels by telephone share: numbers, keywords, and messages made of nothing but text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from bot.kit import consent
from bot.kit.consent import Wish
from bot.kit.split import split
from bot.model.channel import (
    Attachment,
    AttachmentType,
    ChannelEvent,
    HelpKeyword,
    Inbound,
    OptIn,
    OptOut,
    Sender,
    TextUnit,
    Unsupported,
)

if TYPE_CHECKING:
    from bot.model.sending import Outbound

# What can go with a text, at least as a link.
FILES = frozenset(
    {AttachmentType.IMAGE, AttachmentType.VIDEO, AttachmentType.AUDIO, AttachmentType.FILE}
)
_NUMBER = re.compile(r"\+?[0-9]{3,15}")
_INTERNATIONAL = re.compile(r"[1-9][0-9]{6,14}")
_NO_BUTTONS = "SMS has no buttons: the choices were left out"
_NO_TEMPLATES = "SMS has no templates: the text was sent instead"


def caller(address: str) -> Sender | None:
    """Who has this number or short code; None when it is neither.

    For providers that write international numbers without their plus.
    """
    number = address.strip()
    if not _NUMBER.fullmatch(number):
        return None
    digits = number.removeprefix("+")
    if not _INTERNATIONAL.fullmatch(digits):
        return Sender(user=number)
    return Sender(user=f"+{digits}", phone=f"+{digits}")


def dialled(user: str) -> str:
    """A person's number as providers want it that write none with a plus."""
    return user.strip().removeprefix("+")


def deep_link(number: str | None, code: str) -> str | None:
    """A link that opens the phone's SMS app with a code written (RFC 5724)."""
    ours = caller(number or "")
    return None if ours is None else f"sms:{ours.user}?body={quote(code, safe='')}"


def keyword(asked: Wish, message: Inbound, *, source: str, confirm: bool) -> ChannelEvent:
    """The event that a message of one keyword is; `confirm` when nobody but us would answer it."""
    who, key, at = message.sender, message.dedupe_key, message.at
    match asked:
        case Wish.STOP:
            return OptOut(sender=who, dedupe_key=key, source=source, confirm=confirm, at=at)
        case Wish.START:
            return OptIn(sender=who, dedupe_key=key, source=source, confirm=confirm, at=at)
        case Wish.HELP:
            return HelpKeyword(sender=who, dedupe_key=key, at=at)


def said(message: Inbound) -> tuple[ChannelEvent, ...]:
    """What a message says where the provider leaves keywords to us.

    One of consent is an event instead of a message. A wish for help is a message as well, or
    nobody would answer it. An empty message leaves a trace.
    """
    asked = None if message.attachments else consent.wish(message.text, telephone=True)
    if asked is not None:
        source = f"keyword:{consent.keyword(message.text)}"
        event = keyword(asked, message, source=source, confirm=True)
        return (event, message) if asked is Wish.HELP else (event,)
    if message.text.strip() or message.attachments:
        return (message,)
    return (unsupported(message, "empty message"),)


def unsupported(message: Inbound, what: str) -> Unsupported:
    """The trace of a message that cannot be shown."""
    return Unsupported(
        sender=message.sender,
        dedupe_key=message.dedupe_key,
        external_id=message.external_id,
        what=what,
        at=message.at,
    )


def texts(message: Outbound, *, limit: int) -> tuple[list[str], list[str]]:
    """The texts of a message in which files are links, and what could not be carried."""
    whole = "\n".join(filter(None, [message.text.strip() and message.text, *links(message)]))
    return split(whole, limit=limit, unit=TextUnit.SMS), warnings(message)


def links(message: Outbound) -> list[str]:
    """The addresses of a message's files."""
    return [each.url for each in message.attachments if each.url]


def warnings(message: Outbound) -> list[str]:
    """What of a message SMS does not carry, for whoever wrote it."""
    found = [_NO_BUTTONS] if message.choices else []
    found += [_left_out(each) for each in message.attachments if not each.url]
    return [*found, _NO_TEMPLATES] if message.template else found


def _left_out(attachment: Attachment) -> str:
    return f"an attachment of type {attachment.type} was left out: it has no web address"
