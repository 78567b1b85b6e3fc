"""Changes on MongoDB by many workers of several processes at the same moment."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from bot.errors import StaleVersion
from bot.model.decision import Gap
from bot.model.ids import SendId, ThreadId
from bot.model.people import LinkCode
from bot.model.record import Absorb
from tests.builders import address, at, change, entry, link, reply, send_item, spans
from tests.contract.committing import ANNA, WEB, accepted
from tests.unit.mongo_house import House, new_database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from bot.model.channel import Address
    from bot.model.event import ThreadEvent
    from bot.ports import Store
    from bot.stores.mongo import MongoStore
    from bot.stores.mongo.driver import DriverName

CODE = LinkCode(
    hash="h1", source=WEB.identity, channel="twilio_sms", account="demo", expires_at=at(600)
)


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


async def commit_all(store: Store, thread: ThreadId, written: dict[int, list[int]]) -> None:
    """Commit what waits, as one of several workers that do not know of each other."""
    while (turn := await store.turn(thread)).events:
        event = turn.events[0]
        outs = [reply(event, n) for n in (1, 2)]
        done = change(turn, event, entry(event), *outs).model_copy(
            update={
                "sends": tuple(send_item(turn, out) for out in outs),
                "gaps": (Gap(slot="s", locale="sv", channel="web"),),
            }
        )
        with suppress(StaleVersion):
            entries = await store.commit(done)
            assert done.state.version not in written
            written[done.state.version] = [one.seq for one in entries]


async def test_eight_workers_in_two_processes_lose_and_double_nothing(
    house: House, store: MongoStore
) -> None:
    keys = [f"m{n}" for n in range(24)]
    events = await accepted(store, *keys)
    other: DriverName = "pymongo" if house.driver == "motor" else "motor"
    written: dict[int, list[int]] = {}
    async with house.open(other) as second:
        workers = [store, second] * 4
        await asyncio.gather(*(commit_all(worker, ANNA.home_thread, written) for worker in workers))
    assert sorted(written) == list(range(1, 25))
    in_order = [seq for version in sorted(written) for seq in written[version]]
    entries = await store.entries(spans(ANNA), limit=1000)
    assert [one.seq for one in entries] == in_order == sorted(in_order)
    assert [one.event for one in entries[::3]] == [event.id for event in events]
    assert len(await store.sends([SendId.of(one.id, n) for one in events for n in "12"])) == 48
    assert [gap.count for gap in await store.gaps()] == [24]
    assert (await store.turn(ANNA.home_thread)).state.version == 24


async def join(store: Store, one: Address, other: Address, event: ThreadEvent) -> None:
    """Let the thread of one go up in that of the other, as often as it takes."""
    while True:
        into, gone = await store.turn(other.home_thread), await store.turn(one.home_thread)
        done = change(into, event)
        if event not in gone.events:
            return
        if into.state.thread != gone.state.thread:
            absorb = Absorb(thread=gone.state.thread, version=gone.state.version)
            done = done.model_copy(update={"link": link(one, other), "absorb": absorb})
        with suppress(StaleVersion):
            await store.commit(done)


async def test_two_threads_that_absorb_each_other_while_both_are_written_to(
    house: House, store: MongoStore
) -> None:
    async with house.open() as second:
        (one, two) = await accepted(store, "KOD"), await accepted(store, "KOD", where=WEB)
        waiting = [
            *await accepted(store, *(f"a{n}" for n in range(6))),
            *await accepted(store, *(f"w{n}" for n in range(6)), where=WEB),
        ]
        joins = [join(store, ANNA, WEB, *one), join(second, WEB, ANNA, *two)]
        await asyncio.gather(
            *joins,
            *(
                said_in_turn(worker, event)
                for worker, event in zip([store, second] * 6, waiting, strict=True)
            ),
        )
    (survivor,) = await store.thread_ids()
    turn = await store.turn(ANNA.home_thread)
    assert (turn.state.thread, turn.events) == (survivor, ())
    assert await store.turn(WEB.home_thread) == turn
    entries = await store.entries(spans(ANNA, WEB), limit=1000)
    assert sorted(found.event for found in entries) == sorted(
        event.id for event in (*one, *two, *waiting)
    )
    assert len(await store.links([ANNA.identity, WEB.identity])) == 1


async def said_in_turn(store: Store, event: ThreadEvent) -> None:
    while event in (turn := await store.turn(event.thread)).events:
        with suppress(StaleVersion):
            await store.commit(change(turn, event))


async def test_of_many_who_use_a_code_at_once_one_does(house: House, store: MongoStore) -> None:
    await store.put_code(CODE)
    people = [address(f"p{n}") for n in range(8)]
    events = [(await accepted(store, "KOD", where=one))[0] for one in people]

    async def use(worker: Store, event: ThreadEvent) -> bool:
        while event in (turn := await worker.turn(event.thread)).events:
            known = await worker.code("h1", now=at(0))
            code = None if known is None else known.hash
            with suppress(StaleVersion):
                await worker.commit(change(turn, event).model_copy(update={"code": code}))
                return code is not None
        raise AssertionError(event)

    async with house.open() as second:
        used = await asyncio.gather(
            *(use(worker, event) for worker, event in zip([store, second] * 4, events, strict=True))
        )
    assert sorted(used) == [False] * 7 + [True]
