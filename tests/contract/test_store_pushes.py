"""Store, pushes: of each field the latest waits, claimed by one at a time; and whose turn it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.errors import NotFound, StaleVersion, StoreError
from bot.model.crm import Pull, Push, PushCounts, PushEnd, PushRow, PushStatus
from bot.model.fact import AttributeKey
from bot.model.ids import FactId
from tests.builders import at, change
from tests.contract.committing import ANNA, BO, accepted, said

if TYPE_CHECKING:
    from datetime import datetime

    from bot.model.channel import Address
    from bot.model.fact import FieldKey
    from bot.ports import Store
    from tests.contract.homes import StoreHome

NAME = AttributeKey.NAME


def push(
    value: str, number: int = 1, *, where: Address = ANNA, field: FieldKey = "tier", again: int = 0
) -> Push:
    return Push(
        identity=where.identity,
        field=field,
        customer=where.user,
        value=value,
        change=FactId.of(value, str(number)),
        at=at(number),
        number=number,
        again=again,
    )


async def claim(store: Store, when: float, *, limit: int = 10) -> list[Push]:
    rows = await store.claim_pushes(now=at(when), until=at(when + 90), limit=limit)
    return [row.push for row in rows]


def ended(what: Push, status: PushStatus, *, due: float = 0, held: datetime | None) -> PushEnd:
    return PushEnd(push=what, status=status, due=at(due), reason="därför", held_until=held)


async def test_a_push_comes_back_as_it_was_after_a_restart(store_home: StoreHome) -> None:
    store = await store_home.open()
    await said(store, "m1")
    gold, name = push("guld", 2), push("Åsa", 1, field=NAME)
    assert await store.put_push(gold)
    assert await store.put_push(name)
    again = await store_home.open()
    assert await again.pushes([BO.identity]) == []
    assert await again.pushes([ANNA.identity, BO.identity]) == [
        PushRow(push=name, due=at(1)),
        PushRow(push=gold, due=at(2)),
    ]
    assert await again.next_push() == at(1)
    assert await again.count_pushes() == PushCounts(waiting=2, failed=0)
    assert await again.find_pushes(PushStatus.WAITING, limit=1) == [PushRow(push=name, due=at(1))]
    assert await again.find_pushes(PushStatus.WAITING, limit=0) == []


async def test_of_a_field_the_latest_waits(store: Store) -> None:
    await said(store, "m1")
    assert await store.put_push(push("guld", 5))
    assert not await store.put_push(push("guld", 5))
    assert not await store.put_push(push("silver", 4, again=9))
    assert await store.put_push(push("guld", 5, again=1))
    assert await store.put_push(push("brons", 6))
    assert [row.push.value for row in await store.pushes([ANNA.identity])] == ["brons"]
    with pytest.raises(NotFound):
        await store.put_push(push("guld", where=BO))


async def test_a_claim_is_for_one_and_lapses(store: Store) -> None:
    for who in (ANNA, BO):
        await said(store, f"{who.user}-1", where=who)
    mine, name, bos = push("guld", 3), push("Åsa", 1, field=NAME), push("silver", 2, where=BO)
    for one in (mine, name, bos):
        await store.put_push(one)
    assert await claim(store, 0) == []
    assert await claim(store, 3, limit=2) == [name, bos]
    assert await claim(store, 3) == [mine]
    assert await claim(store, 3) == []
    assert await claim(store, 92) == []
    assert await store.next_push() == at(93)
    assert await claim(store, 93) == [name, bos, mine]
    assert {row.tries for row in await store.pushes([ANNA.identity, BO.identity])} == {2}
    assert await claim(store, 400, limit=0) == []


async def test_how_a_push_ends(store: Store) -> None:
    await said(store, "m1")
    gold = push("guld", 1)
    await store.put_push(gold)
    (row,) = await store.claim_pushes(now=at(1), until=at(91), limit=5)
    assert (row.tries, row.held_until) == (1, at(91))
    assert await store.end_push(ended(gold, PushStatus.WAITING, due=20, held=at(91)))
    assert await claim(store, 19) == []
    assert await store.next_push() == at(20)
    (row,) = await store.claim_pushes(now=at(20), until=at(110), limit=5)
    assert (row.tries, row.reason) == (2, "därför")
    assert await store.end_push(ended(gold, PushStatus.FAILED, held=at(110)))
    assert await store.count_pushes() == PushCounts(waiting=0, failed=1)
    (failed,) = await store.find_pushes(PushStatus.FAILED, limit=5)
    assert (failed.push, failed.reason, failed.held_until) == (gold, "därför", None)
    # They may come to hold the value by themselves; what was taken is over.
    assert await store.end_push(ended(gold, PushStatus.TAKEN, held=None))
    assert not await store.end_push(ended(gold, PushStatus.FAILED, held=None))
    assert await store.count_pushes() == PushCounts(waiting=0, failed=0)
    assert await store.next_push() is None
    assert await claim(store, 900) == []
    assert not await store.end_push(ended(push("x", where=BO), PushStatus.TAKEN, held=None))


async def test_what_comes_while_one_is_made_waits_for_its_end(store: Store) -> None:
    await said(store, "m1")
    gold, silver = push("guld", 1), push("silver", 2)
    await store.put_push(gold)
    assert await claim(store, 5) == [gold]
    assert await store.put_push(silver)
    assert await claim(store, 6) == []
    # Somebody else's claim is not given back.
    assert not await store.end_push(ended(gold, PushStatus.TAKEN, held=at(7)))
    assert await claim(store, 6) == []
    assert not await store.end_push(ended(gold, PushStatus.TAKEN, held=at(95)))
    assert await claim(store, 6) == [silver]


async def test_a_change_lets_its_pushes_wait_or_writes_nothing(store: Store) -> None:
    (first, second) = await accepted(store, "m1", "m2")
    turn = await store.turn(first.thread)
    made = change(turn, first).model_copy(update={"pushes": (push("guld"),)})
    stale = made.model_copy(update={"event": second.id})
    await store.commit(made)
    with pytest.raises(StaleVersion):
        await store.commit(stale.model_copy(update={"pushes": (push("silver", 2),)}))
    assert [row.push.value for row in await store.pushes([ANNA.identity])] == ["guld"]
    turn = await store.turn(first.thread)
    strange = change(turn, second).model_copy(update={"pushes": (push("guld", where=BO),)})
    with pytest.raises(StoreError):
        await store.commit(strange)
    assert await store.pushes([BO.identity]) == []


async def test_who_is_erased_is_not_told_of(store: Store) -> None:
    await said(store, "m1")
    await said(store, "b1", where=BO)
    await store.put_push(push("guld"))
    await store.put_push(push("silver", where=BO))
    await store.erase([ANNA.identity])
    assert [row.push.value for row in await store.find_pushes(PushStatus.WAITING, limit=9)] == [
        "silver"
    ]


async def test_the_turn_to_ask_is_one_machines(store_home: StoreHome) -> None:
    store = await store_home.open()
    first = await store.begin_pull("crm", now=at(0), until=at(60))
    assert first == Pull(name="crm", held_until=at(60), cursor=None)
    assert await store.begin_pull("crm", now=at(59), until=at(100)) is None
    assert await store.begin_pull("other", now=at(0), until=at(60)) is not None
    second = await store.begin_pull("crm", now=at(60), until=at(120))
    assert second is not None
    assert not await store.end_pull(first, cursor="a", due=at(0))
    assert await store.end_pull(second, cursor="b", due=at(300))
    assert not await store.end_pull(second, cursor="c", due=at(0))
    again = await store_home.open()
    assert await again.begin_pull("crm", now=at(299), until=at(400)) is None
    assert await again.begin_pull("crm", now=at(300), until=at(400)) == Pull(
        name="crm", held_until=at(400), cursor="b"
    )
