"""The outbox on MongoDB: many processes claim from it, die, and lose sight of the store."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from itertools import count
from typing import TYPE_CHECKING

import pytest

from bot.errors import StoreAway
from bot.model.channel import ReceiptStatus
from bot.model.record import Acceptance, Settlement
from bot.model.sending import FailureKind, PartSent
from bot.model.thread import SendStatus
from bot.stores.mongo.people import People
from tests.builders import (
    LAPSES,
    acceptance,
    address,
    arrival,
    at,
    change,
    entry,
    receipt,
    reply,
    send_item,
)
from tests.unit.killed_mongo import Order
from tests.unit.mongo_house import House, Killer, new_database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from datetime import datetime

    from bot.model.channel import Address
    from bot.model.ids import SendId
    from bot.model.record import Claim
    from bot.model.thread import SendState
    from bot.ports import Store
    from bot.stores.mongo import MongoStore
    from bot.stores.mongo.collection import BeforeWrite
    from bot.stores.mongo.driver import DriverName

ANNA = address("anna")
BO = address("bo")
SENT, QUEUED, UNKNOWN = SendStatus.SENT, SendStatus.QUEUED, SendStatus.UNKNOWN


@pytest.fixture(scope="module")
def database(mongo_url: str) -> Iterator[str]:
    with new_database(mongo_url) as name:
        yield name


@pytest.fixture(params=["motor", "pymongo"])
def house(mongo_url: str, database: str, request: pytest.FixtureRequest) -> House:
    return House(mongo_url, database, request.param)


@pytest.fixture
async def store(house: House) -> AsyncIterator[MongoStore]:
    async with house.empty() as store:
        yield store


async def queue(store: Store, number: int, where: Address = ANNA, key: str = "m1") -> list[SendId]:
    """So many messages out, all due."""
    (event,) = (await store.accept(acceptance(arrival(where, key)))).events
    turn = await store.turn(event.thread)
    outs = [reply(event, n + 1) for n in range(number)]
    sends = tuple(send_item(turn, out) for out in outs)
    done = change(turn, event, entry(event), *outs)
    await store.commit(done.model_copy(update={"sends": sends}))
    return [item.id for item in sends]


async def claim(store: Store, *, now: float = 1, limit: int = 10) -> list[Claim]:
    return await store.claim_sends(now=at(now), limit=limit, until=LAPSES)


async def claimed(store: Store, *, now: float = 1, limit: int = 10) -> list[SendId]:
    return [one.item.id for one in await claim(store, now=now, limit=limit)]


async def recovered(store: Store, *, now: datetime) -> list[SendId]:
    return [item.id for item in await store.recover_sends(now=now)]


async def state(store: Store, send: SendId) -> SendState:
    (found,) = await store.sends([send])
    return found


def settled(send: SendId, status: SendStatus = SENT, *, due: float = 2) -> Settlement:
    return Settlement(send=send, status=status, at=at(2), due=at(due))


# --- killed in the middle --------------------------------------------------------------------


def an_order(house: House, dies_before: int) -> Order:
    return Order(
        url=house.url,
        database=house.database,
        driver=house.driver,
        dies_before=dies_before,
        now=at(1),
        until=at(50),
    )


async def at_every_write(
    house: House,
    begin: Callable[[Store, Order], Awaitable[Order]],
    check: Callable[[Store], Awaitable[None]],
) -> int:
    """Kill a worker before each of its writes, and check what is left; how many writes it makes."""
    with Killer() as killer:
        for n in count(1):
            async with house.empty() as store:
                order = await begin(store, an_order(house, n))
            killed = killer.is_killed(order)
            async with house.open() as store:
                await check(store)  # also of the last: it is gone by now, too
            if not killed:
                return n - 1
    raise AssertionError


async def test_a_settlement_cut_short_holds_nobody_up(house: House) -> None:
    ends: list[SendStatus] = []
    sends: list[SendId] = []

    async def begin(store: Store, order: Order) -> Order:
        sends[:] = await queue(store, 3)
        # Claimed like this, and then once more, so that those behind are known to be.
        first = await store.claim_sends(now=at(1), limit=10, until=at(50))
        assert [one.item.id for one in first] == sends[:1]
        assert await claimed(store) == []
        return order.model_copy(update={"settlement": settled(sends[0])})

    async def check(store: Store) -> None:
        assert await store.recover_sends(now=at(49)) == []
        assert await claimed(store) == (sends[1:2] if await end(store) is SENT else [])
        await store.recover_sends(now=at(50))
        ends.append(await end(store))
        assert ends[-1] in {SENT, UNKNOWN}
        if ends[-1] is UNKNOWN:
            assert await claimed(store) == sends[1:2]
        await store.settle(settled(sends[1]))
        assert await claimed(store) == sends[2:]
        assert await claimed(store) == []

    async def end(store: Store) -> SendStatus:
        return (await state(store, sends[0])).status

    assert await at_every_write(house, begin, check) >= 2
    assert ends[0] is UNKNOWN
    assert set(ends[1:]) == {SENT}


async def test_a_part_written_down_by_a_dead_worker_has_its_receipt(house: House) -> None:
    parts: list[tuple[ReceiptStatus, ...]] = []
    sends: list[SendId] = []

    async def begin(store: Store, order: Order) -> Order:
        sends[:] = await queue(store, 1)
        await store.claim_sends(now=at(1), limit=10, until=at(50))
        early = receipt("SM1", ReceiptStatus.FAILED, error_code="30003")
        await store.accept(Acceptance(receipts=(early,)))
        return order.model_copy(update={"send": sends[0], "part": PartSent(external_id="SM1")})

    async def check(store: Store) -> None:
        assert await recovered(store, now=at(50)) == sends
        found = await state(store, sends[0])
        assert (found.status, found.failure) == (UNKNOWN, FailureKind.UNCERTAIN)
        assert [part.error_code for part in found.parts] in [[], ["30003"]]
        parts.append(tuple(part.status for part in found.parts))

    writes = await at_every_write(house, begin, check)
    assert writes == 3  # the part, what was told of it, and that this needs not wait any more
    assert parts == [(), *[(ReceiptStatus.FAILED,)] * 3]


async def test_what_a_dead_worker_claimed_is_not_sent_by_another(house: House) -> None:
    lost: list[int] = []
    mine: list[SendId] = []
    others: list[SendId] = []

    async def begin(store: Store, order: Order) -> Order:
        mine[:], others[:] = await queue(store, 3), await queue(store, 2, BO)
        return order

    async def check(store: Store) -> None:
        now = await claimed(store)
        unknown = await recovered(store, now=at(50))
        assert sorted([*now, *unknown]) == sorted([mine[0], others[0]])
        lost.append(len(unknown))
        for send in now:
            await store.settle(settled(send))
        for behind in ([mine[1], others[1]], [mine[2]], []):
            found = await claimed(store)
            assert found == behind
            for send in found:
                assert (await state(store, send)).tries == 1
                await store.settle(settled(send))

    assert await at_every_write(house, begin, check) >= 2
    assert (lost[0], lost[-1]) == (0, 2)  # nothing had been claimed yet; both had


# --- away ------------------------------------------------------------------------------------


def away(collection: str, *, at_write: int = 1) -> BeforeWrite:
    """The store is away at one write to a collection."""
    writes = 0

    def tell(name: str, _operation: str) -> None:
        nonlocal writes
        writes += name == collection
        if writes == at_write:
            raise StoreAway("away")

    return tell


async def test_what_was_claimed_as_the_store_went_away_is_claimed_again(
    store: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await queue(store, 2)
    (other,) = await queue(store, 1, BO)

    async def gone(*_: object) -> None:
        raise StoreAway("away")

    # After the claim was made, before it is handed over.
    with monkeypatch.context() as patched:
        patched.setattr(People, "of", gone)
        with pytest.raises(StoreAway):
            await claim(store)
    assert (await state(store, first)).status is SendStatus.SENDING
    assert await store.next_due() == at(0)
    again = await claim(store)
    assert [(one.item.id, one.tries) for one in again] == [(first, 1), (other, 1)]
    assert await store.recover_sends(now=at(9_999)) == []
    assert await claimed(store) == []
    assert (await state(store, second)).status is QUEUED


async def test_another_process_does_not_get_what_was_only_stranded(
    house: House, store: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    (send,) = await queue(store, 1)

    async def gone(*_: object) -> None:
        raise StoreAway("away")

    async with house.open() as second:
        with monkeypatch.context() as patched:
            patched.setattr(People, "of", gone)
            with pytest.raises(StoreAway):
                await claim(store)
        assert await claimed(second) == []
        # It lapsed before we could give it back: then it is known to be uncertain.
        assert await recovered(second, now=LAPSES) == [send]
        assert await claimed(store) == []
    assert ((await state(store, send)).status, (await state(store, send)).tries) == (UNKNOWN, 1)


async def test_a_part_told_again_is_one_part(store: MongoStore) -> None:
    (send,) = await queue(store, 1)
    await store.accept(Acceptance(receipts=(receipt("SM1", ReceiptStatus.READ),)))
    await claim(store)
    part = PartSent(external_id="SM1")
    for tries, fails_at in enumerate((1, 2)):
        store.driver.before_write = away("sends", at_write=fails_at)
        with pytest.raises(StoreAway):
            await store.part_sent(send, part, at=at(2 + tries))
    store.driver.before_write = None
    await store.part_sent(send, part, at=at(5))
    (written,) = (await state(store, send)).parts
    assert written.status is ReceiptStatus.READ
    # The next one is another, though the provider gives it the same id.
    await store.part_sent(send, part, at=at(6))
    assert len((await state(store, send)).parts) == 2


async def test_a_settlement_told_again_takes_nothing_from_the_next_to_claim(
    house: House, store: MongoStore
) -> None:
    first, second = await queue(store, 2)
    assert await claimed(store) == [first]
    back = settled(first, QUEUED).model_copy(update={"counted": False})

    async with house.open() as other:
        # We asked for it, it was done, and the answer was lost; to us it is still to be done.
        await other.settle(back)
        (theirs,) = await other.claim_sends(now=at(5), limit=1, until=LAPSES)
        assert (theirs.item.id, theirs.tries) == (first, 1)
        await store.settle(back)
        found = await state(other, first)
        assert (found.status, found.tries) == (SendStatus.SENDING, 1)
        assert await claimed(store, now=9) == []
        await other.settle(settled(first))
        # Final by now: the next is released again, and was not claimed twice.
        await store.settle(settled(first))
        assert await claimed(store, now=9) == [second]


async def test_a_release_that_was_lost_is_made_up_for(store: MongoStore) -> None:
    first, second = await queue(store, 2)
    await claim(store)
    assert await claimed(store) == []  # and now the second is marked
    store.driver.before_write = away("sends", at_write=2)
    with pytest.raises(StoreAway):
        await store.settle(settled(first))
    store.driver.before_write = None
    assert (await state(store, first)).status is SENT
    assert await claimed(store) == []
    await store.settle(settled(first, SendStatus.FAILED))  # told again
    assert (await state(store, first)).status is SENT
    assert await claimed(store) == [second]


async def test_what_is_marked_as_the_one_before_it_ends_is_not_forgotten(
    house: House, store: MongoStore
) -> None:
    first, second = await queue(store, 2)
    assert await claimed(store, limit=1) == [first]

    async def end(other: Store) -> None:
        await other.settle(settled(first))

    store.driver.before_write = house.meanwhile("sends", 1, end)
    marking = await claimed(store)
    store.driver.before_write = None
    assert marking == []  # it was looked at while the first was being made
    assert (await state(store, first)).status is SENT
    assert await store.next_due() == at(0)
    assert await claimed(store) == [second]


# --- at once ---------------------------------------------------------------------------------


async def test_eight_workers_in_two_processes_send_each_message_once_and_in_order(
    house: House, store: MongoStore
) -> None:
    people = [address(f"p{n}") for n in range(6)]
    wanted = {where.identity: await queue(store, 8, where) for where in people}
    sent: defaultdict[str, list[SendId]] = defaultdict(list)
    at_work: set[str] = set()
    left = sum(map(len, wanted.values()))

    async def work(worker: Store, number: int) -> None:
        nonlocal left
        while left:
            for one in await claim(worker, now=9, limit=1 + number % 3):
                who = one.item.identity
                assert who not in at_work
                at_work.add(who)
                await asyncio.sleep(0.002 * (number % 2))
                sent[who].append(one.item.id)
                at_work.remove(who)
                left -= 1
                await worker.settle(settled(one.item.id))

    other: DriverName = "pymongo" if house.driver == "motor" else "motor"
    async with house.open(other) as second:
        await asyncio.gather(*(work((store, second)[n % 2], n) for n in range(8)))
    assert sent == wanted
    everything = [send for sends in wanted.values() for send in sends]
    found = await store.sends(everything)
    assert {(one.status, one.tries) for one in found} == {(SENT, 1)}
    assert await store.next_due() is None


async def test_a_long_queue_does_not_stand_before_the_others(store: MongoStore) -> None:
    long = await queue(store, 120)
    (other,) = await queue(store, 1, BO)
    assert await claimed(store, limit=2) == [long[0], other]
    assert await claimed(store) == []
    assert await store.next_due() is None
    await store.settle(settled(long[0], QUEUED, due=30))
    assert await store.next_due() == at(30)
    (again,) = await claim(store, now=30)
    assert (again.item.id, again.tries) == (long[0], 2)
    for send in long[:5]:
        await store.settle(settled(send))
        assert await claimed(store, now=30) == [long[long.index(send) + 1]]


async def test_a_claim_that_is_prolonged_does_not_lapse(house: House, store: MongoStore) -> None:
    first, other = *await queue(store, 1), *await queue(store, 1, BO)
    assert len(await store.claim_sends(now=at(1), limit=9, until=at(10))) == 2
    assert await store.hold_sends([first], until=at(20)) == [first]
    assert await recovered(store, now=at(19)) == [other]
    assert await store.hold_sends([other, first], until=at(30)) == [first]
    assert await store.hold_sends([], until=at(30)) == []
    await store.settle(settled(first))
    assert await store.hold_sends([first], until=at(40)) == []
    assert await store.recover_sends(now=LAPSES) == []
