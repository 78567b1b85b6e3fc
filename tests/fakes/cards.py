"""What a customer's card reads beside facts and links, in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.model.consents import standing
from bot.model.landmarks import Landmark, landmark_of
from tests.fakes.memory import Section

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime, timedelta

    from bot.model.consents import ConsentFact
    from bot.model.fact import Fact, FactKind
    from bot.model.ids import IdentityId
    from bot.model.people import ChannelIdentity
    from bot.model.thread import Entry


class FakeCards(Section):
    """The `Cards` section."""

    async def landmarks(
        self,
        identities: Sequence[IdentityId],
        *,
        of: Collection[Landmark] = (),
        before: int | None = None,
        limit: int = 100,
    ) -> list[Entry]:
        memory = await self._begin()
        found = [
            entry
            for entry in reversed(memory.entries)
            if entry.identity in identities
            and landmark_of(entry.body.kind) in (of or list(Landmark))
            and (before is None or entry.seq < before)
        ]
        return found[: max(limit, 0)]

    async def consents(self, identities: Sequence[IdentityId]) -> list[ConsentFact]:
        memory = await self._begin()
        # Sorting keeps the order in which those of the same moment came.
        words = sorted(memory.consents, key=lambda told: told.at)
        return [
            fact
            for one in identities
            for fact in standing(told for told in words if told.identity == one)
        ]

    async def attested(self, phone: str, *, limit: int = 20) -> list[ChannelIdentity]:
        memory = await self._begin()
        found = [one for one in memory.identities.values() if one.phone == phone]
        return sorted(found, key=lambda one: (one.created_at, one.id))[: max(limit, 0)]

    async def attempts(self, key: str, *, now: datetime, window: timedelta) -> int:
        memory = await self._begin()
        return sum(when > now - window for when in memory.attempts.get(key, ()))

    async def first_fact(self, identities: Sequence[IdentityId], kind: FactKind) -> Fact | None:
        memory = await self._begin()
        found = [
            fact
            for fact in memory.facts.values()
            if fact.identity in identities and fact.body.kind == kind
        ]
        return min(found, key=lambda fact: (fact.at, fact.id), default=None)
