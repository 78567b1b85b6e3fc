"""What is known of a customer, over all identities that are linked now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from bot.model.fact import Attribute, AttributeKey, Fact, FactKind, FactPlace
from bot.model.ids import IdentityId
from bot.model.value import AwareDatetime, Value
from bot.ports import Store

_PAGE: Final = 200
# So many of the latest attributes count.
_MOST: Final = 1_000
_ATTRIBUTES: Final[tuple[FactKind, ...]] = ("attribute",)


class FieldValue(Value):
    """What one source says that a field of the profile holds."""

    value: str
    verified: bool = False
    source: str
    identity: IdentityId
    at: AwareDatetime


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

    key: AttributeKey
    best: Best


class Knowing:
    """Reads facts; those of partners that are turned off are as if they were not there."""

    def __init__(self, store: Store, *, partners_off: Collection[str] = ()) -> None:
        self.partners_off = partners_off
        self._store = store

    async def facts(
        self,
        identities: Sequence[IdentityId],
        *,
        kinds: Collection[FactKind] = (),
        before: FactPlace | None = None,
        limit: int = 100,
    ) -> list[Fact]:
        """Facts about these identities, the newest first; `before` is the place to go on from."""
        found: list[Fact] = []
        while (wanted := min(limit - len(found), _PAGE)) > 0:
            size = _PAGE if self.partners_off else wanted
            page = await self._store.facts(identities, kinds=kinds, before=before, limit=size)
            found += [fact for fact in page if fact.partner not in self.partners_off]
            if len(page) < size:
                break
            before = FactPlace.of(page[-1])
        return found[:limit]

    async def members(self, organisation: str, *, limit: int) -> list[Fact]:
        """Memberships of an organisation among the newest of them, the newest first."""
        found = await self._store.members(organisation, limit=limit)
        return [fact for fact in found if fact.partner not in self.partners_off]

    async def profile(self, identities: Sequence[IdentityId]) -> list[ProfileField]:
        """The fields of the profile that anybody told, by their names."""
        told: dict[AttributeKey, list[FieldValue]] = defaultdict(list)
        for fact in await self.facts(identities, kinds=_ATTRIBUTES, limit=_MOST):
            if isinstance(fact.body, Attribute):
                told[fact.body.key].append(_told(fact, fact.body))
        return [ProfileField(key=key, best=best(told[key])) for key in sorted(told)]


def best(values: Iterable[FieldValue]) -> Best:
    """Which of several values to show: a verified one before the newest, that before the longest.

    Of what one source said of one identity only the latest counts. There is at least one value.
    """
    latest: dict[tuple[str, IdentityId], FieldValue] = {}
    for told in sorted(values, key=_rank_in_time):
        latest[told.source, told.identity] = told
    ranked = sorted(latest.values(), key=_rank, reverse=True)
    first = ranked[0]
    others = tuple(one for one in ranked[1:] if _plain(one.value) != _plain(first.value))
    return Best(told=first, others=others)


def _told(fact: Fact, body: Attribute) -> FieldValue:
    return FieldValue(
        value=body.value,
        verified=body.verified,
        source=fact.source,
        identity=fact.identity,
        at=fact.at,
    )


def _rank_in_time(told: FieldValue) -> tuple[AwareDatetime, bool, int, str]:
    return told.at, told.verified, len(told.value), told.value


def _rank(told: FieldValue) -> tuple[bool, AwareDatetime, int, str, str]:
    return told.verified, told.at, len(told.value), told.value, told.source


def _plain(value: str) -> str:
    """A value as it is compared: case and spaces tell nothing."""
    return " ".join(value.split()).casefold()
