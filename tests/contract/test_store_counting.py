"""Store, counting: chores that one process does, counts by the day, versions of cards."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from bot.model.counts import ACTIVE, CardSeen, Cell, PersonaCounts, PersonaTally
from tests.builders import at

if TYPE_CHECKING:
    from datetime import datetime

    from bot.ports import Store
    from tests.contract.homes import StoreHome

DAY = timedelta(days=1)


def counts(when: datetime, active: int = 12) -> PersonaCounts:
    tally = PersonaTally(
        persona="business",
        ever=40,
        active=active,
        stages=(Cell(key="research", count=active),),
        channels=(Cell(key="telegram", count=11), Cell(key="webchat", count=3)),
        languages=(Cell(key="sv", count=active),),
        needs=(Cell(key="price", count=2),),
    )
    return PersonaCounts(at=when, since=when - ACTIVE, personas=(tally,))


async def test_a_chore_is_one_holders_at_a_time(store: Store) -> None:
    async def hold(holder: str, now: int, until: int, name: str = "count") -> bool:
        return await store.hold_chore(name, holder=holder, now=at(now), until=at(until))

    assert await hold("a", 0, 10)
    assert not await hold("b", 5, 15)
    assert await hold("b", 5, 15, name="sweep")
    assert await hold("a", 6, 12)  # prolonged
    assert not await hold("b", 11, 20)
    assert await hold("b", 12, 20)  # lapsed, at its moment
    assert not await hold("a", 13, 20)


async def test_of_many_who_want_a_chore_one_has_it(store: Store) -> None:
    wanted = [
        store.hold_chore("count", holder=str(number), now=at(0), until=at(9)) for number in range(8)
    ]
    assert sum(await asyncio.gather(*wanted)) == 1


async def test_the_latest_counts_of_each_day_stay(store_home: StoreHome) -> None:
    store = await store_home.open()
    assert await store.persona_counts() is None
    first, second, third = counts(at(0)), counts(at(60), active=13), counts(at(0) + DAY, active=14)
    for one in (first, second, third, first):
        await store.put_persona_counts(one)
    for _ in ("written", "read again after a restart"):
        assert await store.persona_counts() == third
        assert await store.persona_counts(until=third.at) == third
        assert await store.persona_counts(until=third.at - timedelta(microseconds=1)) == second
        assert await store.persona_counts(until=at(59)) is None
        store = await store_home.open()


async def test_the_versions_of_a_card_since_when_they_stand(store_home: StoreHome) -> None:
    store = await store_home.open()

    async def see(version: str, when: int, persona: str = "business") -> None:
        await store.see_cards([CardSeen(persona=persona, version=version, at=at(when))])

    for version, when in (("v1", 0), ("v1", 5), ("v2", 10), ("v1", 20), ("v1", 30), ("v0", 3)):
        await see(version, when)
    await see("w1", 7, persona="parent")
    await store.see_cards([])
    for _ in ("written", "read again after a restart"):
        found = [(one.version, one.at) for one in await store.cards_seen("business")]
        assert found == [("v1", at(20)), ("v2", at(10)), ("v1", at(0))]
        assert [one.version for one in await store.cards_seen("parent")] == ["w1"]
        assert await store.cards_seen("nobody") == []
        store = await store_home.open()
