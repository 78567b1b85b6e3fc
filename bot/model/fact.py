"""What is known of a customer beside what they said: claims, visits, and what other systems tell.

A fact is about one identity and stays there for ever; a customer has the facts of the identities
that are linked now. What other systems tell has a version: a kind that changes its shape gets
another one, and what was kept under the old one stays readable.
"""

from __future__ import annotations

import re
from datetime import date
from enum import StrEnum
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import Field, StringConstraints, model_validator

from bot.model.ids import AgentId, EntryId, FactId, IdentityId
from bot.model.people import ByAgent
from bot.model.understanding import Language
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


class LoginProved(Value):
    """Somebody proved to be at this log-in, by a token that is theirs alone from then on (R7).

    `visitor` is where it was shown; the fact's id is derived from what the token calls itself.
    """

    kind: Literal["login_proved"] = "login_proved"
    visitor: IdentityId
    until: AwareDatetime


class CodeShown(Value):
    """Where a code was shown, or somebody signed in: in a conversation that `began` then (R5).

    `began` is a time of day where the chat is. The rest is of lists of our own, and none of it is
    known of everybody: a family of browsers, an operating system, a country.
    """

    kind: Literal["code_shown"] = "code_shown"
    began: Annotated[str, StringConstraints(max_length=20)]
    browser: Annotated[str, StringConstraints(max_length=20)] | None = None
    system: Annotated[str, StringConstraints(max_length=20)] | None = None
    place: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None


class Retired(Value):
    """The customer signed out here: whoever still has the token of this visitor is refused (R9)."""

    kind: Literal["retired"] = "retired"


class Overruled(Value):
    """What another system told won over an agent's correction, by the rule of that field."""

    kind: Literal["overruled"] = "overruled"
    correction: FactId


class ReviewReason(StrEnum):
    """Why a message is for review."""

    UNSURE = "unsure"
    OUT_OF_SCOPE = "out_of_scope"
    CORRECTED = "corrected"


class ForReview(Value):
    """A message that people had better look at: the reader was not sure, or they were surer.

    Of the message only its entry's id is kept.
    """

    kind: Literal["for_review"] = "for_review"
    reason: ReviewReason
    entry: EntryId
    language: Language | None = None
    guess: str | None = None
    confidence: float = 0.0


class Reviewed(Value):
    """What a message means, as somebody said; `label` None: there is nothing to learn from it."""

    kind: Literal["reviewed"] = "reviewed"
    entry: EntryId
    label: str | None
    by: AgentId


# --- what other systems tell -----------------------------------------------------------------

_Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_Text = Annotated[str, StringConstraints(max_length=2_000)]
Amount = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}(\.[0-9]{1,4})?$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


class Item(Value):
    """One line of an order; `amount` is that of the whole line, in the order's currency."""

    sku: _Name
    name: Annotated[str, StringConstraints(max_length=200)] = ""
    quantity: int = Field(1, ge=1, le=100_000)
    amount: Amount | None = None


_Items = Annotated[tuple[Item, ...], Field(max_length=500)]


class Purchased(Value):
    """An order was placed; `amount` is decimal text like `1295.00`, `currency` is ISO 4217."""

    kind: Literal["purchased"] = "purchased"
    version: Literal[1] = 1
    order: _Name
    amount: Amount
    currency: Currency
    items: _Items = ()
    store: _Name | None = None


class Delivered(Value):
    """An order, or a part of it, reached the customer."""

    kind: Literal["delivered"] = "delivered"
    version: Literal[1] = 1
    order: _Name
    parcel: _Name | None = None
    carrier: _Name | None = None


class Returned(Value):
    """Things were sent back; `amount` is what was paid back."""

    kind: Literal["returned"] = "returned"
    version: Literal[1] = 1
    order: _Name
    amount: Amount
    currency: Currency
    items: _Items = ()
    reason: _Text = ""


class Severity(StrEnum):
    """How bad a customer's trouble is."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    CRITICAL = "critical"


class TicketOpened(Value):
    """The service desk opened a ticket."""

    kind: Literal["ticket_opened"] = "ticket_opened"
    version: Literal[1] = 1
    ticket: _Name
    severity: Severity
    subject: _Text = ""


class TicketClosed(Value):
    """The service desk closed a ticket."""

    kind: Literal["ticket_closed"] = "ticket_closed"
    version: Literal[1] = 1
    ticket: _Name
    severity: Severity
    resolution: _Text = ""


class TierChanged(Value):
    """The customer moved to a tier of a loyalty programme."""

    kind: Literal["tier_changed"] = "tier_changed"
    version: Literal[1] = 1
    programme: _Name
    tier: _Name


class StoreVisited(Value):
    """The customer was in a store."""

    kind: Literal["store_visited"] = "store_visited"
    version: Literal[1] = 1
    store: _Name


class SubscriptionState(StrEnum):
    """Where a subscription stands."""

    STARTED = "started"
    RENEWED = "renewed"
    PAUSED = "paused"
    ENDED = "ended"


class SubscriptionChanged(Value):
    """A subscription began, went on, rested or ended."""

    kind: Literal["subscription_changed"] = "subscription_changed"
    version: Literal[1] = 1
    subscription: _Name
    plan: _Name
    state: SubscriptionState


class AttributeKey(StrEnum):
    """A field of a customer's profile."""

    NAME = "name"
    EMAIL = "email"
    PHONE = "phone"
    BIRTHDAY = "birthday"
    LANGUAGE = "language"
    STREET = "street"
    POSTAL_CODE = "postal_code"
    CITY = "city"
    COUNTRY = "country"
    COMPANY = "company"
    ORGANISATION_NUMBER = "organisation_number"


# A field of the profile by its name; the tier is told as `TierChanged`.
FieldKey = AttributeKey | Literal["tier"]

# What a value looks like, and how to say so.
_FORMS: Final = {
    AttributeKey.EMAIL: (re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+"), "an e-mail address"),
    AttributeKey.PHONE: (re.compile(r"\+[1-9][0-9]{6,14}"), "a phone number like +46701234567"),
    AttributeKey.BIRTHDAY: (re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"), "a date like 1984-05-31"),
    AttributeKey.LANGUAGE: (re.compile(r"[a-z]{2,3}"), "a language like sv"),
    AttributeKey.COUNTRY: (re.compile(r"[A-Z]{2}"), "a country like SE"),
}


class Attribute(Value):
    """What a field of the profile holds; `verified`: whoever tells has made sure of it.

    E-mails have an @, phone numbers are E.164, a birthday is a date (`1984-05-31`), a language is
    ISO 639 (`sv`), a country ISO 3166 (`SE`).
    """

    kind: Literal["attribute"] = "attribute"
    version: Literal[1] = 1
    key: AttributeKey
    value: _Name
    verified: bool = False

    @model_validator(mode="after")
    def _fits_its_key(self) -> Self:
        if self.key in _FORMS:
            pattern, form = _FORMS[self.key]
            if not pattern.fullmatch(self.value) or not self._is_possible():
                msg = f"the value is not {form}"
                raise ValueError(msg)
        return self

    def _is_possible(self) -> bool:
        """Whether a birthday is in the calendar."""
        if self.key is not AttributeKey.BIRTHDAY:
            return True
        try:
            date.fromisoformat(self.value)
        except ValueError:
            return False
        return True


class BuyingRole(StrEnum):
    """What somebody does when an organisation buys."""

    USER = "user"
    INFLUENCER = "influencer"
    BUYER = "buyer"
    DECIDER = "decider"
    GATEKEEPER = "gatekeeper"
    FINANCE = "finance"


OrganisationKey = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, to_lower=True, max_length=100, pattern=r"^\w[\w.:-]*$"
    ),
]


class Membership(Value):
    """The customer is one of an organisation's people; what they do there may not be known.

    `organisation` is what the organisation is known by: its number, its domain, or a CRM's id.
    """

    kind: Literal["membership"] = "membership"
    version: Literal[1] = 1
    organisation: OrganisationKey
    name: Annotated[str, StringConstraints(max_length=200)] = ""
    role: BuyingRole | None = None


Told = (
    Purchased
    | Delivered
    | Returned
    | TicketOpened
    | TicketClosed
    | TierChanged
    | StoreVisited
    | SubscriptionChanged
    | Attribute
    | Membership
)
FactBody = Annotated[
    Claimed | Visited | LoginProved | CodeShown | Retired | Overruled | ForReview | Reviewed | Told,
    Field(discriminator="kind"),
]
ToldKind = Literal[
    "purchased",
    "delivered",
    "returned",
    "ticket_opened",
    "ticket_closed",
    "tier_changed",
    "store_visited",
    "subscription_changed",
    "attribute",
    "membership",
]
FactKind = Literal[
    "claimed",
    "visited",
    "login_proved",
    "code_shown",
    "retired",
    "overruled",
    "for_review",
    "reviewed",
    ToldKind,
]
TOLD_KINDS: Final[tuple[ToldKind, ...]] = get_args(ToldKind)
FACT_KINDS: Final[tuple[FactKind, ...]] = get_args(FactKind)


# What our own parts call themselves as sources.
OUR_SOURCES: Final = frozenset({"webchat", "nlu", "agent"})


# --- facts -----------------------------------------------------------------------------------


class LegalBasis(StrEnum):
    """Why the law lets us use what a partner tells (GDPR, article 6)."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGAL_OBLIGATION = "legal_obligation"
    VITAL_INTERESTS = "vital_interests"
    PUBLIC_TASK = "public_task"
    LEGITIMATE_INTERESTS = "legitimate_interests"


class Purpose(StrEnum):
    """What facts are used for; a partner may be turned off for some of it.

    SERVICE: what agents see of a customer. LINKING: who takes two agents to link. SALES: the people
    of organisations, what they do there, and the deal.
    """

    SERVICE = "service"
    LINKING = "linking"
    SALES = "sales"


class Fact(Value):
    """One thing known about one identity: what, since when, and who says so.

    `at` is when it happened, `received_at` when we heard. `source` names who told: `webchat`,
    `nlu`, `agent`, or an integration. Ids are derived from the source and its own id. What a
    `partner` told is used by its legal basis, and not while that partner is turned off. `facet` is
    the persona whose it is, where whoever tells knows that. `by`: the agent whose word it is.
    """

    id: FactId
    identity: IdentityId
    at: AwareDatetime
    received_at: AwareDatetime
    source: str
    body: FactBody
    partner: str | None = None
    legal_basis: LegalBasis | None = None
    facet: str | None = None
    by: ByAgent | None = None

    @property
    def claim(self) -> str | None:
        """What it is looked up by beside its identity: a claim, an organisation, a review."""
        match self.body:
            case Claimed(what=what, value=value):
                return claim_key(what, value)
            case Membership(organisation=organisation):
                return members_key(organisation)
            case ForReview(reason=reason):
                return review_key(reason)
            case Reviewed():
                return review_key(None)
            case _:
                return None


def claim_key(what: ClaimKind, value: str) -> str:
    """What claims of the same value have in common."""
    return f"{what}:{value}"


def members_key(organisation: str) -> str:
    """What memberships of the same organisation have in common."""
    return f"member:{organisation}"


def review_key(reason: ReviewReason | None) -> str:
    """What messages for review have in common, for one reason; None: verdicts on them."""
    return "reviewed" if reason is None else f"review:{reason}"


class FactPlace(Value):
    """A fact's place in the order of facts."""

    at: AwareDatetime
    id: FactId

    @classmethod
    def of(cls, fact: Fact | HeldFact) -> FactPlace:
        """The place of a fact, or of one in quarantine."""
        return cls(at=fact.at, id=fact.id)


class HeldFact(Value):
    """What was told as a fact and is of a shape we do not know: in quarantine, as it came.

    `raw` is its JSON, `at` when it came. The id is derived from source, its own id and `raw`.
    """

    id: FactId
    source: str
    reason: str
    raw: str
    at: AwareDatetime
