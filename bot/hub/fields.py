"""Fields of a customer's profile: what facts say of them, and what may be written into them."""

from __future__ import annotations

from typing import Final

from bot.hub.claims import normal
from bot.model.fact import Attribute, AttributeKey, ClaimKind, FactBody, FieldKey, TierChanged

TIER: Final = "tier"
# What our own agents are called as a source.
AGENT: Final = "agent"
_CLAIMS: Final = {AttributeKey.EMAIL: ClaimKind.EMAIL, AttributeKey.PHONE: ClaimKind.PHONE}


def field_in(body: FactBody, *, programme: str | None) -> tuple[FieldKey, str] | None:
    """The field that a fact is of, and what it holds; None for all other facts.

    A tier is one of the loyalty programme, if that is named.
    """
    match body:
        case Attribute(key=key, value=value):
            return key, value
        case TierChanged(tier=tier) if programme in {None, body.programme}:
            return TIER, tier
        case _:
            return None


def field_body(field: FieldKey, value: str, *, programme: str | None) -> Attribute | TierChanged:
    """The fact's body for a value; raises ValueError for one that the field cannot hold."""
    if field != TIER:
        return Attribute(key=field, value=value)
    if programme is None:
        msg = "no loyalty programme is known here; hub.programme names one"
        raise ValueError(msg)
    return TierChanged(programme=programme, tier=value)


def in_form(field: FieldKey, raw: str, *, region: str) -> str:
    """What somebody typed, as the field keeps it; what has no form of its own stays."""
    value = " ".join(raw.split())
    if field in _CLAIMS:
        return normal(_CLAIMS[AttributeKey(field)], value, region=region) or value
    match field:
        case AttributeKey.LANGUAGE:
            return value.lower()
        case AttributeKey.COUNTRY:
            return value.upper()
        case _:
            return value
