"""When one agent's word is enough for a link, and when it takes a colleague's too (R2e)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from bot.hub.knowing import Knowing
from bot.hub.settings import HubSettings
from bot.model.fact import FactKind, Purchased, Purpose, Returned, TierChanged
from bot.model.ids import IdentityId
from bot.model.landmarks import Landmark
from bot.model.people import ByAgent
from bot.model.thread import Entry, Linked, LinkProposed, Unlinked
from bot.ports import Store

_BOUGHT: Final[tuple[FactKind, ...]] = ("purchased", "returned")
_MOVED: Final[tuple[FactKind, ...]] = ("tier_changed",)
_PURCHASES: Final = 1_000
_TIERS: Final = 100
_ACTS: Final = 200
# An agent's word waits so long for a colleague's.
PROPOSED_FOR: Final = timedelta(days=7)


class Vouching:
    """Knows which customers take two agents, and what was proposed for them."""

    def __init__(self, *, store: Store, knowing: Knowing, settings: HubSettings) -> None:
        self._store = store
        self._knowing = knowing
        self._settings = settings

    async def is_vip(self, identities: Sequence[IdentityId]) -> bool:
        """Whether these are a customer that two agents have to vouch for."""
        wanted = {tier.casefold() for tier in self._settings.vip_tiers}
        if wanted and wanted & await self._tiers(identities):
            return True
        limit = self._settings.vip_amount
        if limit is None:
            return False
        return any(spent >= limit for spent in await self._spent(identities))

    async def proposal(
        self, identities: Sequence[IdentityId], others: Sequence[IdentityId], *, now: datetime
    ) -> Entry | None:
        """What was proposed of these two customers and waits for a colleague, or None.

        Any link between them, made or ended, comes to an end with it.
        """
        acts = await self._store.landmarks([*identities, *others], of={Landmark.LINK}, limit=_ACTS)
        for entry in acts:
            body = entry.body
            if not isinstance(body, LinkProposed | Linked | Unlinked):
                continue
            if _between(body.one, body.other, set(identities), set(others)):
                waits = isinstance(body, LinkProposed) and now - entry.at <= PROPOSED_FOR
                return entry if waits else None
        return None

    async def objection(
        self,
        identities: Sequence[IdentityId],
        others: Sequence[IdentityId],
        *,
        by: ByAgent,
        now: datetime,
    ) -> str | None:
        """Why this agent alone may not link these two customers, or None."""
        vips = [await self.is_vip(one) for one in (identities, others)]
        if not any(vips):
            return None
        proposed = await self.proposal(identities, others, now=now)
        if proposed is None:
            return TAKES_TWO
        author = proposed.by
        return TAKES_TWO if isinstance(author, ByAgent) and author.agent == by.agent else None

    async def _tiers(self, identities: Sequence[IdentityId]) -> set[str]:
        """The tiers that these are in now, one of each programme.

        No agent makes one out of two by a word about the tier.
        """
        told = await self._knowing.facts(
            identities, kinds=_MOVED, limit=_TIERS, purpose=Purpose.LINKING
        )
        now: dict[str, str] = {}
        for fact in told:
            if isinstance(fact.body, TierChanged) and fact.by is None:
                now.setdefault(fact.body.programme, fact.body.tier.casefold())
        return set(now.values())

    async def _spent(self, identities: Sequence[IdentityId]) -> list[Decimal]:
        """What was bought and kept, in each currency."""
        told = await self._knowing.facts(
            identities, kinds=_BOUGHT, limit=_PURCHASES, purpose=Purpose.LINKING
        )
        sums: defaultdict[str, Decimal] = defaultdict(Decimal)
        for fact in told:
            match fact.body:
                case Purchased(amount=amount, currency=currency):
                    sums[currency] += Decimal(amount)
                case Returned(amount=amount, currency=currency):
                    sums[currency] -= Decimal(amount)
                case _:
                    pass
        return list(sums.values())


TAKES_TWO: Final = "this customer takes two agents: a colleague has to agree"


def _between(
    one: IdentityId, other: IdentityId, here: set[IdentityId], there: set[IdentityId]
) -> bool:
    return (one in here and other in there) or (one in there and other in here)
