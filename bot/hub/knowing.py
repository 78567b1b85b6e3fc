"""What is known of a customer, over all identities that are linked now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from bot.hub.fields import AGENT, field_in
from bot.model.fact import (
    Attribute,
    Fact,
    FactKind,
    FactPlace,
    FieldKey,
    Overruled,
    Purpose,
    TierChanged,
)
from bot.model.ids import FactId, IdentityId
from bot.model.value import AwareDatetime, Value
from bot.ports import Store

_PAGE: Final = 200
# So many of the latest facts about fields count.
_MOST: Final = 1_000
_OF_FIELDS: Final[tuple[FactKind, ...]] = ("attribute", "tier_changed", "overruled")


class FieldValue(Value):
    """What one source says that a field of the profile holds; `by`: the agent who says it.

    `overruled`: what another system told won over it, so that nothing but that is shown.
    """

    value: str
    verified: bool = False
    source: str
    identity: IdentityId
    at: AwareDatetime
    by: str | None = None
    overruled: bool = False


class Best(Value):
    """What a field of the profile is shown as; `others` are the values that contradict it."""

    told: FieldValue
    others: tuple[FieldValue, ...] = ()

    @property
    def conflict(self) -> bool:
        """Whether not all sources say the same."""
        return bool(self.others)


class ProfileField(Value):
    """One field of the profile."""

    key: FieldKey
    best: Best


class Knowing:
    """Reads facts; those of partners that are turned off are as if they were not there.

    `partners_off` are off for every purpose, `purposes_off` says of others for which.
    `programme`: the loyalty programme whose tier is a field of the profile (None: that of the
    newest tier).
    """

    def __init__(
        self,
        store: Store,
        *,
        partners_off: Collection[str] = (),
        purposes_off: Mapping[str, Collection[Purpose]] = MappingProxyType({}),
        programme: str | None = None,
    ) -> None:
        self.partners_off = partners_off
        self.purposes_off = purposes_off
        self.programme = programme
        self._store = store

    async def facts(
        self,
        identities: Sequence[IdentityId],
        *,
        kinds: Collection[FactKind] = (),
        before: FactPlace | None = None,
        limit: int = 100,
        purpose: Purpose = Purpose.SERVICE,
    ) -> list[Fact]:
        """Facts about these identities, the newest first; `before` is the place to go on from."""
        found: list[Fact] = []
        off = self._off(purpose)
        while (wanted := min(limit - len(found), _PAGE)) > 0:
            size = _PAGE if off else wanted
            page = await self._store.facts(identities, kinds=kinds, before=before, limit=size)
            found += [fact for fact in page if fact.partner not in off]
            if len(page) < size:
                break
            before = FactPlace.of(page[-1])
        return found[:limit]

    async def members(self, organisation: str, *, limit: int) -> list[Fact]:
        """Memberships of an organisation among the newest of them, the newest first."""
        found, off = await self._store.members(organisation, limit=limit), self._off(Purpose.SALES)
        return [fact for fact in found if fact.partner not in off]

    def _off(self, purpose: Purpose) -> set[str]:
        """Partners whose facts are not used for this."""
        some = {name for name, purposes in self.purposes_off.items() if purpose in purposes}
        return {*self.partners_off, *some}

    async def profile(self, identities: Sequence[IdentityId]) -> list[ProfileField]:
        """The fields of the profile that anybody told, by their names."""
        return self.profile_of(await self.of_fields(identities))

    def profile_of(self, facts: Sequence[Fact]) -> list[ProfileField]:
        """The same, of the facts that `of_fields` gave."""
        programme = self.programme_in(facts)
        lost = overruled_in(facts)
        told: dict[FieldKey, list[FieldValue]] = defaultdict(list)
        for fact in facts:
            field = field_in(fact.body, programme=programme)
            if field is not None:
                told[field[0]].append(_told(fact, field[1], overruled=fact.id in lost))
        return [ProfileField(key=key, best=best(told[key])) for key in sorted(told)]

    async def of_fields(self, identities: Sequence[IdentityId]) -> list[Fact]:
        """The latest facts that fields of the profile are made of, the newest first."""
        return await self.facts(identities, kinds=_OF_FIELDS, limit=_MOST)

    def programme_in(self, facts: Sequence[Fact]) -> str | None:
        """The loyalty programme that counts: the one that is set, or that of the newest tier."""
        if self.programme is not None:
            return self.programme
        return next(
            (one.body.programme for one in facts if isinstance(one.body, TierChanged)), None
        )


def overruled_in(facts: Iterable[Fact]) -> set[FactId]:
    """Agents' corrections over which another system's word won."""
    return {one.body.correction for one in facts if isinstance(one.body, Overruled)}


def best(values: Iterable[FieldValue]) -> Best:
    """Which of several values to show: a verified one, an agent's, the newest, then the longest.

    Of what one source said of one identity only the latest counts, and what was overruled counts
    last. There is at least one value.
    """
    latest: dict[tuple[str, IdentityId], FieldValue] = {}
    for told in sorted(values, key=_rank_in_time):
        latest[told.source, told.identity] = told
    ranked = sorted(latest.values(), key=_rank, reverse=True)
    first = ranked[0]
    others = tuple(one for one in ranked[1:] if not same(one.value, first.value))
    return Best(told=first, others=others)


def _told(fact: Fact, value: str, *, overruled: bool) -> FieldValue:
    return FieldValue(
        value=value,
        verified=isinstance(fact.body, Attribute) and fact.body.verified,
        source=fact.source,
        identity=fact.identity,
        at=fact.at,
        by=None if fact.by is None else fact.by.name,
        overruled=overruled,
    )


def _rank_in_time(told: FieldValue) -> tuple[AwareDatetime, bool, int, str]:
    return told.at, told.verified, len(told.value), told.value


def _rank(told: FieldValue) -> tuple[bool, bool, bool, AwareDatetime, int, str, str]:
    by_agent = told.source == AGENT
    stands = not told.overruled
    return stands, told.verified, by_agent, told.at, len(told.value), told.value, told.source


def same(one: str, other: str) -> bool:
    """Whether two values say the same: case and spaces tell nothing."""
    return _plain(one) == _plain(other)


def _plain(value: str) -> str:
    return " ".join(value.split()).casefold()
