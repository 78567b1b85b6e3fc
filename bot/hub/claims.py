"""What customers say is theirs: kept as claims, compared in one form, proving nothing (R1)."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime
from typing import Final

import idna

from bot.hub.blocked import is_nobodys
from bot.hub.numbers import phone_number
from bot.model.fact import Claimed, ClaimKind, Fact
from bot.model.ids import FactId, IdentityId
from bot.model.understanding import Understanding

_READER: Final = "nlu"
_KINDS: Final = {"email": ClaimKind.EMAIL, "phone": ClaimKind.PHONE}
_ROLES: Final = frozenset(
    {
        "admin",
        "billing",
        "contact",
        "faktura",
        "hej",
        "hello",
        "help",
        "info",
        "invoice",
        "kontakt",
        "kundservice",
        "kundtjanst",
        "mail",
        "no-reply",
        "noreply",
        "office",
        "order",
        "orders",
        "post",
        "postmaster",
        "sales",
        "service",
        "support",
        "webmaster",
    }
)
_NOBODYS_DOMAINS: Final = frozenset({"example.com", "example.net", "example.org"})
_SAME_DIGITS: Final = re.compile(r"\+\d{1,3}?(\d)\1{5,}")


def claims_in(read: Understanding, *, region: str) -> tuple[Claimed, ...]:
    """What a message claims, each once; what cannot be such a thing at all is no claim."""
    found: dict[tuple[ClaimKind, str], Claimed] = {}
    for entity in read.entities:
        what = _KINDS.get(entity.kind)
        value = None if what is None else normal(what, entity.text, region=region)
        if what is not None and value is not None:
            claim = Claimed(what=what, value=value, raw=entity.text)
            found.setdefault((what, value), claim)
    return tuple(found.values())


def claim_fact(claim: Claimed, *, of: IdentityId, at: datetime) -> Fact:
    """A claim as it is kept: once for an identity, however often it is made."""
    return Fact(
        id=FactId.of(_READER, of, claim.what, claim.value),
        identity=of,
        at=at,
        received_at=at,
        source=_READER,
        body=claim,
    )


def normal(what: ClaimKind, raw: str, *, region: str) -> str | None:
    """The form that is compared (R15), or None for what cannot be one.

    Letters that only look alike stay different, `+tag` and dots stay, and a local part keeps its
    case: two that differ are two until somebody proves otherwise.
    """
    match what:
        case ClaimKind.EMAIL:
            return _email(raw)
        case ClaimKind.PHONE:
            return phone_number(raw, region=region)
        case ClaimKind.CUSTOMER_NUMBER:
            return "".join(raw.split()) or None


def can_suggest(
    what: ClaimKind, value: str, *, blocked: Collection[str], own_domains: Collection[str]
) -> bool:
    """Whether it may say who somebody is: not for role mailboxes, our own, and nobody's (R10)."""
    plain = value.casefold()
    if is_nobodys(plain) or plain in {one.casefold() for one in blocked}:
        return False
    match what:
        case ClaimKind.EMAIL:
            local, _, domain = plain.rpartition("@")
            mailbox = local.partition("+")[0]
            ours = {*_NOBODYS_DOMAINS, *(one.casefold() for one in own_domains)}
            return not is_nobodys(mailbox) and mailbox not in _ROLES and domain not in ours
        case ClaimKind.PHONE:
            return _SAME_DIGITS.fullmatch(plain) is None
        case ClaimKind.CUSTOMER_NUMBER:
            return True


def _email(raw: str) -> str | None:
    local, at, domain = raw.strip().rpartition("@")
    if not at or not local or any(letter.isspace() for letter in local):
        return None
    try:
        ascii_domain = idna.encode(domain.rstrip("."), uts46=True).decode()
    except idna.IDNAError:
        return None
    return f"{local}@{ascii_domain.lower()}"
