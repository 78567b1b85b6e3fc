"""Header fields of mail as it comes: decoded whatever they hold, and addresses in one form.

Source: RFC 5322 (fields), RFC 2047 (encoded words), RFC 6532 (UTF-8 in fields).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header
from email.utils import getaddresses, parsedate_to_datetime
from typing import TYPE_CHECKING

import idna

from bot.kit.text import clean

if TYPE_CHECKING:
    from email.message import Message

_ID = re.compile(r"<([^<>\s]{1,300})>")
_LOCAL = re.compile(r"[^\s@<>()\[\],;:\\\"]{1,64}")
_LONGEST_DOMAIN = 253
# What says ISO 8859-1 is Windows-1252, as browsers have it: https://encoding.spec.whatwg.org
_AS_WINDOWS = frozenset({"ascii", "us-ascii", "latin-1", "latin1", "iso-8859-1", "iso8859-1"})
_LONGEST = 20_000


def values(mail: Message, name: str) -> list[str]:
    """Every field of this name, unfolded, encoded words as they are."""
    return [_unfolded(value) for key, value in mail.raw_items() if key.lower() == name]


def value(mail: Message, name: str) -> str:
    """The first field of this name, empty when there is none."""
    return next(iter(values(mail, name)), "")


def words(raw: str) -> str:
    """A field's words, fit to be stored."""
    if "=?" not in raw:
        return clean(raw)
    try:
        parts = decode_header(raw)
    except (HeaderParseError, ValueError):
        return clean(raw)
    return clean("".join(_word(part, charset) for part, charset in parts))


def decoded(body: bytes, charset: str | None) -> str:
    """Bytes as text, whatever charset is claimed: that one, else UTF-8, else Windows-1252."""
    claimed = (charset or "").strip().lower()
    tried = ["utf-8"] if claimed in _AS_WINDOWS else [claimed, "utf-8"]
    for name in filter(None, tried):
        try:
            return body.decode(name)
        except (LookupError, ValueError):
            continue
    return body.decode("cp1252", "replace")


def people(mail: Message, name: str) -> list[tuple[str, str]]:
    """Display names and normalised addresses of a field; what is no address is left out."""
    found = getaddresses(values(mail, name))
    return [(words(shown).strip(), user) for shown, raw in found if (user := address(raw))]


def address(raw: str) -> str | None:
    """An address in the form that is compared: small letters, the domain in ASCII (IDNA).

    `+tag` and dots stay. None for what no mail can be sent to.
    """
    local, at, domain = clean(raw).strip().rpartition("@")
    if not at or not _LOCAL.fullmatch(local) or len(domain) > _LONGEST_DOMAIN:
        return None
    try:
        ascii_domain = idna.encode(domain.rstrip("."), uts46=True).decode().lower()
    except (idna.IDNAError, UnicodeError):
        return None
    return f"{local.lower()}@{ascii_domain}" if "." in ascii_domain else None


def ids(mail: Message, name: str) -> list[str]:
    """The message ids in a field, without their brackets."""
    return _ID.findall(clean(value(mail, name)))


def moment(mail: Message) -> datetime | None:
    """When the mail says that it was written."""
    try:
        told = parsedate_to_datetime(value(mail, "date"))
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    try:
        return (told if told.tzinfo else told.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _unfolded(raw: object) -> str:
    # The parser keeps bytes beyond ASCII as lone surrogates; no others are in what came as bytes.
    whole = str(raw)[:_LONGEST].encode("utf-8", "surrogateescape")
    return " ".join(decoded(whole, "utf-8").split())


def _word(part: str | bytes, charset: str | None) -> str:
    if isinstance(part, str):
        return part
    return decoded(part, charset or "raw-unicode-escape")
