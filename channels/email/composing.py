"""From a message to a raw mail: plain text with an HTML alternative, files, and its thread.

Source: RFC 5322 (fields and threads, section 3.6.4), RFC 3834 (Auto-Submitted), RFC 2369 and 8058
(List-Unsubscribe). All fields are made by the standard library, which refuses line breaks in them;
what came from outside has none any more when it gets there.
"""

from __future__ import annotations

import hashlib
import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from bot.kit import payload
from bot.kit.text import clean
from bot.model.sending import Origin
from channels.email import reading

if TYPE_CHECKING:
    from bot.model.sending import Media, Outbound
    from channels.email import Settings

_LINK = re.compile(r"https?://[^\s<>\"]+[^\s<>\"'.,;:!?)\]]")
_ID = re.compile(r"[\x21-\x3b\x3d\x3f-\x7e]{1,300}")
_LONGEST_SUBJECT = 200
_AUTOMATIC = {
    Origin.BOT: "auto-replied",
    Origin.SYSTEM: "auto-replied",
    Origin.CAMPAIGN: "auto-generated",
}
# Seven bits: any server takes it. UTF-8 in fields only where an address has it.
_PLAIN = SMTP.clone(cte_type="7bit")
_UTF8 = _PLAIN.clone(utf8=True)


class Thread(NamedTuple):
    """The mails before this one, oldest first, and what they are about."""

    references: tuple[str, ...]
    subject: str


def message_id(message: Outbound, part: int, *, sender: str) -> str:
    """The id of a part, the same whenever it is tried."""
    return f"{message.id}.{part}@{sender.rpartition('@')[2]}"


def compose(
    message: Outbound, text: str, *, part: int, files: tuple[Media, ...], settings: Settings
) -> bytes:
    """One mail, ready to be sent."""
    mail = EmailMessage(policy=_PLAIN if message.to.user.isascii() else _UTF8)
    _address(mail, message, settings)
    _thread(mail, message, part=part, settings=settings)
    mail.set_content(f"{text}\n", charset="utf-8" if not text.isascii() else "us-ascii")
    if text.strip():
        mail.add_alternative(_html(text, language=message.language), subtype="html")
    for file in files:
        main, _, sub = file.mime.partition("/")
        name = _line(file.name or "file")
        mail.add_attachment(file.body, maintype=main, subtype=sub, filename=name)
    for place, each in enumerate(mail.walk()):
        if each.is_multipart():  # never by chance: a retry is the same mail, byte for byte
            each.set_boundary(f"={message.id}.{part}.{place}=")
    return mail.as_bytes()


def _address(mail: EmailMessage, message: Outbound, settings: Settings) -> None:
    name = _line(settings.sender_name or "")
    author = _line(message.author_name or "") if message.origin is Origin.AGENT else ""
    shown = ", ".join(filter(None, dict.fromkeys([author, name])))
    mail["From"] = Address(display_name=shown, addr_spec=settings.address)
    mail["To"] = Address(addr_spec=message.to.user)
    mail["Date"] = format_datetime(message.at)
    if message.origin in _AUTOMATIC:
        mail["Auto-Submitted"] = _AUTOMATIC[message.origin]
        mail["X-Auto-Response-Suppress"] = "OOF, AutoReply"
    if message.origin is Origin.CAMPAIGN:
        mail["List-Unsubscribe"] = f"<mailto:{settings.address}?subject=STOP>"
    if message.language:
        mail["Content-Language"] = _line(message.language)


def _thread(mail: EmailMessage, message: Outbound, *, part: int, settings: Settings) -> None:
    thread = _earlier(message)
    sender = settings.address
    mail["Message-ID"] = f"<{message_id(message, part, sender=sender)}>"
    # An id that all mails to this person have: programs keep them together by it.
    digest = hashlib.sha256(f"{sender} {message.to.user}".encode()).hexdigest()[:24]
    anchor = f"thread.{digest}@{sender.rpartition('@')[2]}"
    before = tuple(message_id(message, each, sender=sender) for each in range(part))
    named = tuple(dict.fromkeys((anchor, *thread.references, *before)))
    last = before[-1:] or thread.references[-1:]
    if last:
        mail["In-Reply-To"] = f"<{last[0]}>"
    mail["References"] = " ".join(f"<{each}>" for each in named)
    subject = reading.bare_subject(_line(thread.subject))[0][:_LONGEST_SUBJECT]
    mail["Subject"] = f"Re: {subject}" if subject else _line(settings.subject)


def _earlier(message: Outbound) -> Thread:
    told = payload.read(message.in_reply_to or "") or payload.Node()
    references = (each.text for each in told["references"])
    return Thread(
        references=tuple(each for each in references if _ID.fullmatch(each)),
        subject=told["subject"].text,
    )


def _line(text: str) -> str:
    return " ".join(clean(text).split())


def _html(text: str, *, language: str | None) -> str:
    paragraphs = (_linked(each).replace("\n", "<br>\n") for each in text.split("\n\n"))
    lang = f' lang="{escape(language)}"' if language else ""
    body = "\n".join(f"<p>{each}</p>" for each in paragraphs)
    return f"<!doctype html>\n<html{lang}><body>\n{body}\n</body></html>\n"


def _linked(text: str) -> str:
    made, place = "", 0
    for found in _LINK.finditer(text):
        url = escape(found[0])
        made += f'{escape(text[place : found.start()])}<a href="{url}">{url}</a>'
        place = found.end()
    return made + escape(text[place:])
