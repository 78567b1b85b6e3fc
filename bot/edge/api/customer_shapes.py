"""What goes into the API about customers, and comes out of it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import StringConstraints

from bot.hub.card import CardConsent, CustomerCard
from bot.hub.connecting import LinkWord
from bot.hub.correcting import FieldWord
from bot.model.consents import ConsentFact
from bot.model.fact import FieldKey
from bot.model.ids import IdentityId, LinkId, ThreadId
from bot.model.value import AwareDatetime, Value

# A customer is known by the thread, or by any identity.
_Customer = Annotated[str, StringConstraints(pattern=r"^(thr|idn)_[0-9a-f]{24}$")]
_ClientId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]
_Facet = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
_Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class OneCustomer(Value):
    """The customer in the path: a thread id or an identity id."""

    customer: _Customer

    @property
    def wanted(self) -> ThreadId | IdentityId:
        """The id as what it is."""
        if self.customer.startswith(f"{IdentityId.prefix}_"):
            return IdentityId(self.customer)
        return ThreadId(self.customer)


class OneLink(OneCustomer):
    """The link of a customer in the path."""

    link: LinkId


class OneField(OneCustomer):
    """The field of a customer's profile in the path."""

    field: FieldKey


class NewValue(Value):
    """What the field holds; the same `client_id` again changes nothing.

    `seen` is what was shown before, empty for nothing: when it is something else by now, nothing is
    changed. Without it nobody looks.
    """

    value: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    client_id: _ClientId
    seen: Annotated[str, StringConstraints(max_length=200)] | None = None

    def word(self, field: FieldKey) -> FieldWord:
        """The hub's value."""
        return FieldWord(field=field, value=self.value, key=self.client_id, seen=self.seen)


class Unlink(Value):
    """Why the link is to end; the same `client_id` again changes nothing."""

    reason: _Reason
    client_id: _ClientId


class OtherCustomer(Value):
    """Who is meant, by any of their identities, and why.

    `own` picks an identity of the customer in the path (none: where they last wrote). The same
    `client_id` again changes nothing.
    """

    identity: IdentityId
    own: IdentityId | None = None
    reason: _Reason
    client_id: _ClientId

    @property
    def word(self) -> LinkWord:
        """The hub's value."""
        return LinkWord(
            identity=self.identity, own=self.own, reason=self.reason, key=self.client_id
        )


class NewConsent(Value):
    """What somebody said of marketing at one of a customer's identities, when, and how we know.

    `facet`: as this persona only; none: whoever they speak as. The same again changes nothing.
    """

    identity: IdentityId
    allowed: bool
    at: AwareDatetime
    source: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
    facet: _Facet | None = None

    @property
    def told(self) -> ConsentFact:
        """The hub's value."""
        return ConsentFact(
            identity=self.identity,
            opted_out=not self.allowed,
            source=self.source,
            at=self.at,
            facet=self.facet,
        )


class CustomerConsents(Value):
    """What counts of a customer's consents, by channel, and by persona where it differs."""

    consents: tuple[CardConsent, ...]


class LinkDone(Value):
    """They are one customer now; or a colleague has to agree; or (202) it will be in a moment."""

    status: Literal["linked", "proposed", "pending"]


class CardOut(CustomerCard):
    """The card; `may_link`: whoever asks may link, unlink and dismiss."""

    may_link: bool

    @classmethod
    def of(cls, card: CustomerCard, *, may_link: bool) -> Self:
        """The card, for one who asks."""
        parts = {name: getattr(card, name) for name in CustomerCard.model_fields}
        return cls(**parts, may_link=may_link)
