"""Whether our own mail server found that a mail comes from the domain it names.

Source: RFC 8601 (Authentication-Results), RFC 7489 (DMARC and alignment). Anybody can write such a
field: only those of the server whose name is configured count, and it removes others of its name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from channels.email import headers

if TYPE_CHECKING:
    from email.message import Message

_COMMENT = re.compile(r"\([^()]*\)")
_DMARC = re.compile(r"dmarc\s*=\s*pass\b", re.IGNORECASE)
_DKIM = re.compile(r"dkim\s*=\s*pass\b", re.IGNORECASE)
_DKIM_DOMAIN = re.compile(
    r"header\.(?:d|i)\s*=\s*\"?(?:[^\s@;\"]*@)?([A-Za-z0-9.-]+)", re.IGNORECASE
)
_HEADER_FROM = re.compile(r"header\.from\s*=\s*\"?(?:[^\s@;\"]*@)?([A-Za-z0-9.-]+)", re.IGNORECASE)


def is_proven(mail: Message, *, sender: str, server: str) -> bool:
    """Whether that server says `dmarc=pass`, or `dkim=pass` by the sender's own domain.

    Only its topmost field counts: those below came with the mail.
    """
    domain = sender.rpartition("@")[2]
    for field in headers.values(mail, "authentication-results"):
        name, _, results = _COMMENT.sub(" ", field).partition(";")
        if name.strip().partition(" ")[0].lower() == server.lower():
            return any(_passes(result.strip(), domain) for result in results.split(";"))
    return False


def _passes(result: str, domain: str) -> bool:
    if _DMARC.match(result):
        told = _HEADER_FROM.search(result)
        return told is None or told[1].lower() == domain
    if not _DKIM.match(result):
        return False
    return any(_covers(each.lower(), domain) for each in _DKIM_DOMAIN.findall(result))


def _covers(signer: str, domain: str) -> bool:
    """Whether a signing domain is the sender's, or one above it with a dot in it."""
    return domain == signer or ("." in signer and domain.endswith(f".{signer}"))
