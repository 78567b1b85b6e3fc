"""What is known of customers, in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.errors import NotFound
from bot.model.fact import FACT_KINDS, FactPlace, claim_key, members_key
from tests.fakes.memory import Section

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from bot.model.fact import ClaimKind, Fact, FactKind, HeldFact
    from bot.model.ids import FactId, IdentityId


class FakeFacts(Section):
    """The `Facts` section."""

    async def put_facts(self, facts: Sequence[Fact]) -> list[FactId]:
        memory = await self._begin()
        for fact in facts:
            if fact.identity not in memory.identities:
                raise NotFound(f"no identity {fact.identity}")
        return memory.learn(facts)

    async def facts(
        self,
        identities: Sequence[IdentityId],
        *,
        kinds: Collection[FactKind] = (),
        before: FactPlace | None = None,
        limit: int = 100,
    ) -> list[Fact]:
        memory = await self._begin()
        found = [
            fact
            for fact in memory.facts.values()
            if fact.identity in identities
            and fact.body.kind in (kinds or FACT_KINDS)
            and (before is None or _key(fact) < (before.at, before.id))
        ]
        return sorted(found, key=_key, reverse=True)[: max(limit, 0)]

    async def known_facts(self, facts: Sequence[FactId]) -> list[Fact]:
        memory = await self._begin()
        return [memory.facts[fact] for fact in facts if fact in memory.facts]

    async def claimants(self, what: ClaimKind, value: str, *, limit: int = 20) -> list[IdentityId]:
        memory = await self._begin()
        claims = [one for one in memory.facts.values() if one.claim == claim_key(what, value)]
        claims.sort(key=lambda claim: (claim.at, claim.identity))
        return list(dict.fromkeys(claim.identity for claim in claims))[: max(limit, 0)]

    async def members(self, organisation: str, *, limit: int = 500) -> list[Fact]:
        return await self.facts_under([members_key(organisation)], limit=limit)

    async def facts_under(
        self, keys: Sequence[str], *, before: FactPlace | None = None, limit: int = 100
    ) -> list[Fact]:
        memory = await self._begin()
        found = [
            fact
            for fact in memory.facts.values()
            if fact.claim in keys and (before is None or _key(fact) < (before.at, before.id))
        ]
        return sorted(found, key=_key, reverse=True)[: max(limit, 0)]

    async def hold_facts(self, held: Sequence[HeldFact]) -> list[FactId]:
        memory = await self._begin()
        fresh = {one.id for one in held} - memory.held_facts.keys()
        for one in held:
            memory.held_facts.setdefault(one.id, one)
        return [one for one in dict.fromkeys(each.id for each in held) if one in fresh]

    async def held_facts(
        self, *, after: FactPlace | None = None, limit: int = 100
    ) -> list[HeldFact]:
        memory = await self._begin()
        found = [
            one
            for one in memory.held_facts.values()
            if after is None or _key(one) > (after.at, after.id)
        ]
        return sorted(found, key=_key)[: max(limit, 0)]

    async def held_fact(self, held: FactId) -> HeldFact | None:
        memory = await self._begin()
        return memory.held_facts.get(held)

    async def drop_held_fact(self, held: FactId) -> bool:
        memory = await self._begin()
        return memory.held_facts.pop(held, None) is not None


def _key(fact: Fact | HeldFact) -> tuple[datetime, FactId]:
    return fact.at, fact.id
