"""What agents say about who is who: links, their ends, and suggestions that are wrong."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from bot.errors import NotFound
from bot.hub.cards import Cards
from bot.hub.ingress import Ingress
from bot.hub.settings import HubSettings
from bot.hub.vouching import Vouching
from bot.model.event import (
    AgentLinks,
    DismissesSuggestion,
    EventBody,
    Outcome,
    ProposesLink,
    Rejected,
    Unlinks,
)
from bot.model.ids import EventId, IdentityId, LinkId, ThreadId
from bot.model.people import ByAgent, Role
from bot.model.record import Arrival, Turn
from bot.model.value import Value
from bot.ports import Clock, Store

Customer = ThreadId | IdentityId


class Connected(StrEnum):
    """What came of an agent's word: they are one customer, or a colleague has to agree."""

    LINKED = "linked"
    PROPOSED = "proposed"


class LinkWord(Value):
    """What an agent says: who is meant, why, and the key under which it is said once.

    `own`: of which of the customer's own identities (None: where they last wrote).
    """

    identity: IdentityId
    reason: str
    key: str
    own: IdentityId | None = None


class Connecting:
    """Takes agents' words and puts them on the line."""

    def __init__(  # noqa: PLR0913 - what it stands on
        self,
        *,
        store: Store,
        ingress: Ingress,
        clock: Clock,
        cards: Cards,
        vouching: Vouching,
        settings: HubSettings,
        patience: timedelta = timedelta(seconds=10),
    ) -> None:
        self._store = store
        self._ingress = ingress
        self._clock = clock
        self._cards = cards
        self._vouching = vouching
        self._settings = settings
        self._patience = patience

    def may_link(self, role: Role) -> bool:
        """Whether people of a role may say who is who."""
        return role is Role.ADMIN or (role is Role.AGENT and self._settings.agents_may_link)

    async def link(self, customer: Customer, by: ByAgent, word: LinkWord) -> Connected | Rejected:
        """Say that a customer is also the one at another identity; the customer's thread goes on.

        Of customers that take two agents the first word is kept as a proposal. The same key again
        changes nothing. Raises NotFound, and TimeoutError as `Ingress.ask`.
        """
        turn = await self._cards.turn(customer)
        own = _own(turn, word.own)
        event = EventId.of("links", customer, by.agent, word.key)
        outcome = await self._store.outcome(event)
        if outcome is None:
            other = await self._cards.turn(word.identity)
            if other.state.thread == turn.state.thread:
                return Rejected(reason="they are one customer already")
            body, whose = await self._body(turn, other, by=by, word=word, own=own)
            outcome = await self._ask(event, whose, body)
        return outcome if isinstance(outcome, Rejected) else await self._became(own, word.identity)

    async def _body(
        self, turn: Turn, other: Turn, *, by: ByAgent, word: LinkWord, own: IdentityId
    ) -> tuple[EventBody, IdentityId]:
        """The link, or the proposal if it takes two and this is the first."""
        here = [one.id for one in turn.identities]
        there = [one.id for one in other.identities]
        now = self._clock.now()
        links = AgentLinks(by=by, into=own, reason=word.reason), word.identity
        if await self._vouching.objection(here, there, by=by, now=now) is None:
            return links
        if await self._vouching.proposal(here, there, now=now) is not None:
            return links  # the agent's own: the line refuses it
        return ProposesLink(by=by, other=word.identity, reason=word.reason), own

    async def _became(self, one: IdentityId, other: IdentityId) -> Connected:
        ends = [await self._store.identity(each) for each in (one, other)]
        threads = {end.thread for end in ends if end is not None}
        return Connected.LINKED if len(threads) == 1 else Connected.PROPOSED

    async def unlink(
        self, customer: Customer, by: ByAgent, link: LinkId, *, reason: str, key: str
    ) -> Outcome:
        """End a link of a customer's; raises NotFound for one that does not hold there."""
        event = EventId.of("unlinks", customer, by.agent, key)
        known = await self._store.outcome(event)
        if known is not None:
            return known
        turn = await self._cards.turn(customer)
        links = await self._store.links([one.id for one in turn.identities])
        made = next((one for one in links if one.link.id == link and one.holds), None)
        if made is None:
            raise NotFound(f"no link {link} holds for this customer")
        return await self._ask(event, made.link.one, Unlinks(by=by, links=(link,), reason=reason))

    async def dismiss(self, customer: Customer, by: ByAgent, word: LinkWord) -> Outcome:
        """Say that a customer is not the one at another identity; it is not suggested again.

        Raises NotFound for an identity that is unknown, or the customer's own.
        """
        event = EventId.of("dismisses", customer, by.agent, word.key)
        turn = await self._cards.turn(customer)
        other = await self._store.identity(word.identity)
        if other is None or turn.identity(other.id) is not None:
            raise NotFound(f"no other customer at {word.identity}")
        body = DismissesSuggestion(by=by, other=other.id, reason=word.reason)
        return await self._ask(event, _own(turn, word.own), body)

    async def _ask(self, event: EventId, identity: IdentityId, body: EventBody) -> Outcome:
        arrival = Arrival(id=event, identity=identity, at=self._clock.now(), body=body)
        return await self._ingress.ask(arrival, patience=self._patience)


def _own(turn: Turn, wanted: IdentityId | None) -> IdentityId:
    if wanted is not None:
        if turn.identity(wanted) is None:
            raise NotFound(f"identity {wanted} is not this customer's")
        return wanted
    return turn.state.active or turn.identities[0].id
