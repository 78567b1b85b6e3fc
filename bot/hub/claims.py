"""What customers say is theirs: kept as claims, compared in one form, proving nothing (R1)."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime
from typing import Final

import idna
import phonenumbers

from bot.model.fact import Claimed, ClaimKind, Fact
from bot.model.ids import FactId, IdentityId
from bot.model.understanding import Understanding

_READER: Final = "nlu"
_KINDS: Final = {"email": ClaimKind.EMAIL, "phone": ClaimKind.PHONE}
# Nobody's own: they say nothing of who somebody is (R10).
_NOBODY: Final = frozenset(
    {
        "",
        "0",
        "[object object]",
        "anonym",
        "anonymous",
        "false",
        "guest",
        "n/a",
        "nan",
        "nil",
        "none",
        "null",
        "okänd",
        "test",
        "true",
        "undefined",
        "unknown",
    }
)
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

_BRAZIL: Final = re.compile(r"\+55([1-9]\d)([6-9]\d{7})")
_BRAZIL_NINTH: Final = re.compile(r"\+55([1-9]\d)9([6-9]\d{7})")
_ARGENTINA: Final = re.compile(r"\+54(?!9)(\d{10})")
_ARGENTINA_NINE: Final = re.compile(r"\+549(\d{10})")
_MEXICO_ONE: Final = re.compile(r"\+521(\d{10})")
_MEXICO: Final = re.compile(r"\+52(\d{10})")


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
            return _phone(raw, region)
        case ClaimKind.CUSTOMER_NUMBER:
            return "".join(raw.split()) or None


def same_numbers(number: str) -> tuple[str, ...]:
    """A number as it is compared, and the other ways in which providers write it."""
    if brazil := _BRAZIL_NINTH.fullmatch(number):
        return number, f"+55{brazil[1]}{brazil[2]}"
    if argentina := _ARGENTINA_NINE.fullmatch(number):
        return number, f"+54{argentina[1]}"
    if mexico := _MEXICO.fullmatch(number):
        return number, f"+521{mexico[1]}"
    return (number,)


def can_suggest(
    what: ClaimKind, value: str, *, blocked: Collection[str], own_domains: Collection[str]
) -> bool:
    """Whether it may say who somebody is: not for role mailboxes, our own, and nobody's (R10)."""
    plain = value.casefold()
    if plain in _NOBODY or plain in {one.casefold() for one in blocked}:
        return False
    match what:
        case ClaimKind.EMAIL:
            local, _, domain = plain.rpartition("@")
            mailbox = local.partition("+")[0]
            ours = {*_NOBODYS_DOMAINS, *(one.casefold() for one in own_domains)}
            return mailbox not in _NOBODY | _ROLES and domain not in ours
        case ClaimKind.PHONE:
            return _SAME_DIGITS.fullmatch(plain) is None
        case ClaimKind.CUSTOMER_NUMBER:
            return plain.strip("0") != ""


def _email(raw: str) -> str | None:
    local, at, domain = raw.strip().rpartition("@")
    if not at or not local or any(letter.isspace() for letter in local):
        return None
    try:
        ascii_domain = idna.encode(domain.rstrip("."), uts46=True).decode()
    except idna.IDNAError:
        return None
    return f"{local}@{ascii_domain.lower()}"


def _phone(raw: str, region: str) -> str | None:
    try:
        parsed = phonenumbers.parse(raw, region)
        number = _one_way(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))
        possible = phonenumbers.is_possible_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return None
    return number if possible else None


def _one_way(number: str) -> str:
    """A number that is written in several ways, in one of them."""
    if brazil := _BRAZIL.fullmatch(number):
        return f"+55{brazil[1]}9{brazil[2]}"
    if argentina := _ARGENTINA.fullmatch(number):
        return f"+549{argentina[1]}"
    if mexico := _MEXICO_ONE.fullmatch(number):
        return f"+52{mexico[1]}"
    return number
