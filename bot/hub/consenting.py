"""Consent to marketing: what others than the customer tell of it, and whether it is refused."""

from __future__ import annotations

import structlog

from bot.errors import NotFound
from bot.hub.cards import Cards
from bot.model.consents import ConsentFact, is_refused
from bot.model.ids import IdentityId, ThreadId
from bot.model.people import ByAgent
from bot.model.record import Acceptance
from bot.ports import Store

log = structlog.get_logger("samtal.consenting")


async def refuses(store: Store, identity: IdentityId, *, facet: str | None) -> bool:
    """Whether any address that is theirs now on this one's channel refuses marketing (R18)."""
    recipient = await store.identity(identity)
    if recipient is None:
        return True
    turn = await store.turn(recipient.thread)
    channel = recipient.address.channel
    here = [one.id for one in turn.identities if one.address.channel == channel]
    return is_refused(await store.consents(here), facet=facet)


class Consenting:
    """Keeps what agents and other systems were told."""

    def __init__(self, *, store: Store, cards: Cards) -> None:
        self._store = store
        self._cards = cards

    async def tell(
        self, customer: ThreadId | IdentityId, told: ConsentFact, *, by: ByAgent
    ) -> None:
        """Keep one more word of a customer's; the same one again changes nothing.

        It counts by the moment it was said, so that one that comes late undoes nothing later.
        Raises NotFound when the identity is not the customer's.
        """
        turn = await self._cards.turn(customer)
        if turn.identity(told.identity) is None:
            raise NotFound(f"identity {told.identity} is not this customer's")
        await self._store.accept(Acceptance(consents=(told,)))
        log.info("consent told", identity=told.identity, by=by.agent, refused=told.opted_out)
