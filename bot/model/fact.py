"""What is known of a customer beside what they said: claims, visits, and what other systems tell.

A fact is about one identity and stays there for ever; a customer has the facts of the identities
that are linked now.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from bot.model.ids import FactId, IdentityId
from bot.model.value import AwareDatetime, Value


class ClaimKind(StrEnum):
    """What somebody says is theirs."""

    EMAIL = "email"
    PHONE = "phone"
    CUSTOMER_NUMBER = "customer_number"


class Claimed(Value):
    """Somebody said that this is theirs; proves nothing (R1).

    `value` is the form that is compared (R15: E.164; e-mail with its domain in lower case), `raw`
    what was typed.
    """

    kind: Literal["claimed"] = "claimed"
    what: ClaimKind
    value: str
    raw: str


class TrafficSource(StrEnum):
    """Where a visit came from."""

    DIRECT = "direct"
    REFERRAL = "referral"
    ORGANIC = "organic"
    PAID = "paid"


class Visited(Value):
    """A page was seen.

    `page` has no query and no fragment; `referrer` is a host; `place` is coarse (a country or a
    region), when the installation is told it at all.
    """

    kind: Literal["visited"] = "visited"
    page: str
    title: str = ""
    source: TrafficSource
    referrer: str | None = None
    campaign: str | None = None
    device: str | None = None
    time_zone: str | None = None
    place: str | None = None


FactBody = Annotated[Claimed | Visited, Field(discriminator="kind")]
FactKind = Literal["claimed", "visited"]


class Fact(Value):
    """One thing known about one identity: what, since when, and who says so.

    `at` is when it happened, `received_at` when we heard. `source` names who told: `webchat`,
    `nlu`, `agent`, or an integration. Ids are derived from the source and its own id.
    """

    id: FactId
    identity: IdentityId
    at: AwareDatetime
    received_at: AwareDatetime
    source: str
    body: FactBody


class FactPlace(Value):
    """A fact's place in the order of facts."""

    at: AwareDatetime
    id: FactId
