"""From a raw mail to what a customer did, or what became of ours."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import compat32
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from bot.kit import telephone
from bot.kit.callbacks import ignored, malformed, unreadable
from bot.kit.media import attachment_type
from bot.model.channel import Attachment, FileIn, Inbound, Sender, UnreadableReason
from bot.model.ids import BlobId
from channels.email import automatic, bodies, headers, proven, quotes

if TYPE_CHECKING:
    from email.message import Message

    from bot.kit.callbacks import Events

# What is handed out under its own type; all else as bytes to be saved, whatever a sender calls it.
_SHOWN: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf"})
_BYTES: Final = "application/octet-stream"
_REPLY = re.compile(r"(?:re|sv|aw|antw|vs|svar)\s*(?:\[\d+\])?:\s*", re.IGNORECASE)
_MOST_REFERENCES = 10
_LONGEST_SUBJECT = 200


@dataclass(frozen=True, kw_only=True)
class Mailroom:
    """What of an account's settings reading rests on; `files` is where files will be found."""

    own: frozenset[str]
    server: str | None
    files: str
    most_file_bytes: int
    most_files: int


@dataclass(frozen=True, kw_only=True)
class Read:
    """What a mail says, and the files that came in it."""

    events: Events
    files: tuple[FileIn, ...] = ()


def read(raw: bytes, room: Mailroom) -> Read:
    """Read one raw mail; what cannot be read says why."""
    try:
        return _read(BytesParser(policy=compat32).parsebytes(raw), raw, room)
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        # The parser falls over some of what is sent: that must not hold up what comes after it.
        return Read(events=malformed(f"no mail that can be taken apart: {type(error).__name__}"))


def bare_subject(subject: str) -> tuple[str, bool]:
    """A subject without what replies put before it, and whether there was any of that."""
    bare = subject.strip()
    replied = False
    while found := _REPLY.match(bare):
        bare, replied = bare[found.end() :], True
    return bare, replied


def _read(mail: Message, raw: bytes, room: Mailroom) -> Read:
    told = automatic.report(mail)
    if told is not None:
        return Read(events=told)
    senders = headers.people(mail, "from")
    if not senders:
        return Read(events=malformed("no From with an address"))
    if len({user for _, user in senders}) > 1:
        return Read(events=unreadable(UnreadableReason.INVALID_SENDER, "more than one sender"))
    name, user = senders[0]
    why = "a mail of our own" if user in room.own else automatic.reason(mail, sender=user)
    if why is not None:
        return Read(events=ignored(why))
    if room.server and not proven.is_proven(mail, sender=user, server=room.server):
        detail = f"{room.server} does not say that the mail is from {user}"
        return Read(events=unreadable(UnreadableReason.INVALID_SENDER, detail))
    return _message(mail, raw, room, sender=Sender(user=user, name=name[:200] or None))


def _message(mail: Message, raw: bytes, room: Mailroom, *, sender: Sender) -> Read:
    body = bodies.body(mail)
    subject = headers.words(headers.value(mail, "subject")).strip()
    own_id = next(iter(headers.ids(mail, "message-id")), None)
    answered = headers.ids(mail, "in-reply-to") or headers.ids(mail, "references")[-1:]
    is_reply = bool(answered) or bare_subject(subject)[1]
    digest = hashlib.sha256(raw).hexdigest()
    files, attachments = _files(body.files, room, user=sender.user, digest=digest)
    message = Inbound(
        sender=sender,
        dedupe_key=_key(own_id, raw, sender),
        external_id=own_id or digest,
        text=_text(body.text, "" if is_reply else subject),
        attachments=attachments,
        at=headers.moment(mail),
        reply_to=answered[0] if answered else None,
        reply_token=_token(mail, own_id, subject),
    )
    return Read(events=telephone.said(message), files=files)


def _text(said: str, subject: str) -> str:
    own = quotes.own_words(said)
    if not own and not subject:
        own = said.strip()  # better all of it than nothing
    return "\n\n".join(filter(None, (subject, own)))


def _key(own_id: str | None, raw: bytes, sender: Sender) -> str:
    """The same for a mail that comes by two ways: they differ in the fields of transport alone."""
    head, _, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
    what = body if own_id else head + body
    digest = hashlib.sha256(what.rstrip()).hexdigest()[:32]
    return f"{own_id or ''}:{sender.user}:{digest}"


def _token(mail: Message, own_id: str | None, subject: str) -> str | None:
    if own_id is None:
        return None
    earlier = [each for each in headers.ids(mail, "references") if each != own_id]
    references = [*earlier[-_MOST_REFERENCES:], own_id]
    document = {"references": references, "subject": subject[:_LONGEST_SUBJECT]}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _files(
    found: list[bodies.File], room: Mailroom, *, user: str, digest: str
) -> tuple[tuple[FileIn, ...], tuple[Attachment, ...]]:
    """Files to keep, and what the message says of all of them, those too large included."""
    kept: list[FileIn] = []
    told: list[Attachment] = []
    for place, file in enumerate(found[: room.most_files]):
        url = None
        if len(file.body) <= room.most_file_bytes:
            # Nobody finds it who has not the whole mail.
            secret = hashlib.sha256(f"{place}:{digest}".encode()).hexdigest()[:32]
            each = FileIn(
                id=BlobId(f"{BlobId.prefix}_{secret}"),
                user=user,
                name=file.name,
                media_type=file.mime if file.mime in _SHOWN else _BYTES,
                body=file.body,
            )
            kept.append(each)
            url = f"{room.files}/{each.id}/{quote(each.name, safe='')}"
        told.append(
            Attachment(
                type=attachment_type(file.mime, name=file.name),
                url=url,
                mime=file.mime,
                name=file.name,
                size=len(file.body),
            )
        )
    return tuple(kept), tuple(told)
