"""The parts of a mail: its words, and its files.

Source: RFC 2045 to 2049 (MIME), RFC 2183 and 2231 (names of files), RFC 3676 (format=flowed).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from email.message import Message
from email.utils import collapse_rfc2231_value

from bot.kit.text import clean
from channels.email import headers, markup

_DEEPEST = 20
_MOST_PARTS = 200
_SIGNATURES = frozenset(
    {"application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature"}
)
_LONGEST_NAME = 120


@dataclass
class File:
    """A file in a mail."""

    name: str
    mime: str
    body: bytes


@dataclass
class Body:
    """What a mail holds, as it was found."""

    plain: list[str] = field(default_factory=list)
    html: list[str] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    parts: int = 0

    @property
    def text(self) -> str:
        """The words: as plain text if there is any, else those of the HTML."""
        said = "\n\n".join(filter(None, (text.strip("\n") for text in self.plain)))
        if said.strip():
            return said
        return "\n\n".join(filter(None, map(markup.plain, self.html)))


def body(mail: Message) -> Body:
    """Take a mail apart."""
    found = Body()
    _gather(mail, found, depth=0)
    return found


def _gather(part: Message, found: Body, *, depth: int) -> None:
    found.parts += 1
    if found.parts > _MOST_PARTS or depth > _DEEPEST:
        return
    inner, kind = part.get_payload(), part.get_content_type()
    if isinstance(inner, list) and part.get_content_maintype() == "multipart":
        for each in inner:
            if isinstance(each, Message):
                _gather(each, found, depth=depth + 1)
        return
    if kind in _SIGNATURES:
        return
    name, content = _name(part), _content(part)
    attached = part.get_content_disposition() == "attachment" or name
    if kind in {"text/plain", "text/html"} and not attached:
        text = headers.decoded(content, part.get_content_charset()).lstrip("\ufeff")
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        if kind == "text/html":
            found.html.append(text)
        else:
            found.plain.append(clean(_unflowed(text) if _is_flowed(part) else text))
    elif content:
        found.files.append(File(name=name or _unnamed(kind), mime=kind, body=content))


def _content(part: Message) -> bytes:
    inner = part.get_payload()
    if isinstance(inner, list):  # a mail within a mail
        return b"".join(each.as_bytes() for each in inner[:1] if isinstance(each, Message))
    decoded = part.get_payload(decode=True)
    return decoded if isinstance(decoded, bytes) else b""


def _name(part: Message) -> str:
    """The name of a file, without folders; by RFC 2231, or as encoded words all the same."""
    told = part.get_param("filename", None, "content-disposition")
    told = told if told is not None else part.get_param("name", None, "content-type")
    if told is None:
        return ""
    try:
        raw = collapse_rfc2231_value(told)
    except (LookupError, ValueError):
        raw = told[2] if isinstance(told, tuple) else told
    whole = headers.decoded(raw.encode("utf-8", "surrogateescape"), "utf-8")
    plain = " ".join(headers.words(whole).split())
    return plain.replace("\\", "/").rpartition("/")[2].strip(". ")[-_LONGEST_NAME:]


def _unnamed(kind: str) -> str:
    return {"message/rfc822": "mail.eml", "text/calendar": "invite.ics"}.get(kind, "file")


def _is_flowed(part: Message) -> bool:
    return str(part.get_param("format", "")).lower() == "flowed"


def _unflowed(text: str) -> str:
    """Lines that end in a space go on in the next one, unless they are quotes or "-- "."""
    lines: list[str] = []
    goes_on = False
    for line in text.split("\n"):
        plain = line.removeprefix(" ")
        if goes_on and not plain.startswith(">") and plain != "-- ":
            lines[-1] += plain
        else:
            lines.append(plain)
        goes_on = plain.endswith(" ") and plain != "-- " and not plain.startswith(">")
    return "\n".join(lines)
