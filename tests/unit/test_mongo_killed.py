"""MongoDB itself is killed while many write: what was begun is ended, and nothing is done twice."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter, defaultdict
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import pytest

from bot.errors import StaleVersion, StoreAway
from bot.model.record import Settlement
from bot.model.sending import PartSent
from bot.model.thread import SendStatus
from bot.stores.mongo import MongoStore
from tests.builders import (
    LAPSES,
    acceptance,
    address,
    arrival,
    at,
    change,
    entry,
    reply,
    send_item,
    spans,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bot.model.event import ThreadEvent
    from bot.model.ids import IdentityId, SendId
    from bot.ports import Store
    from tests.servers import Mongod

T = TypeVar("T")
PEOPLE = [address(f"p{n}") for n in range(4)]
MESSAGES = 40
KILLS = 3
NOTICED = 2.5  # seconds; a server that is back sooner may only have seemed slow


async def until_it_is_done(ask: Callable[[], Awaitable[T]], away: Counter[str]) -> T:
    """Ask again as long as the store is away, as the hub does."""
    while True:
        try:
            return await ask()
        except StoreAway as error:
            away[str(error)] += 1
            await asyncio.sleep(0.05)


class World:
    """What happens in it, whatever the store says."""

    def __init__(self) -> None:
        self.away: Counter[str] = Counter()
        self.accepted: list[ThreadEvent] = []
        self.made: defaultdict[IdentityId, list[SendId]] = defaultdict(list)
        self._more = asyncio.Event()

    async def write(self, store: Store, number: int) -> None:
        """One provider, which asks again until it is answered."""
        for n in range(MESSAGES // len(PEOPLE)):
            one = acceptance(arrival(PEOPLE[number], f"m{n}"), body=b"{}")
            await until_it_is_done(partial(store.accept, one), self.away)

    async def work(self, store: Store, number: int, stop: asyncio.Event) -> None:
        """One worker: whatever waits in a thread is worked off, by several at once."""
        thread = PEOPLE[number].home_thread
        while not stop.is_set():
            with suppress(StaleVersion):
                turn = await until_it_is_done(partial(store.turn, thread), self.away)
                if not turn.events:
                    await asyncio.sleep(0.02)
                    continue
                event = turn.events[0]
                out = reply(event)
                done = change(turn, event, entry(event), out).model_copy(
                    update={"sends": (send_item(turn, out),)}
                )
                await until_it_is_done(partial(store.commit, done), self.away)

    async def send(self, store: Store, stop: asyncio.Event) -> None:
        """One sender: what it has claimed it makes, and writes down until it is written."""
        while not stop.is_set():
            claims = await until_it_is_done(
                partial(store.claim_sends, now=at(99), limit=3, until=LAPSES), self.away
            )
            for one in claims:
                send = one.item.id
                self.made[one.item.identity].append(send)
                self._more.set()
                part = PartSent(external_id=f"SM-{send}")
                sent = Settlement(send=send, status=SendStatus.SENT, at=at(99))
                await until_it_is_done(partial(store.part_sent, send, part, at=at(99)), self.away)
                await until_it_is_done(partial(store.settle, sent), self.away)
            await asyncio.sleep(0.02)

    async def has_made(self, number: int) -> None:
        """Return when so many messages have left."""
        while sum(map(len, self.made.values())) < number:
            self._more.clear()
            await self._more.wait()


async def kill_it(mongod: Mongod, world: World, stop: asyncio.Event) -> None:
    """Kill it now and then, and once more; then let everything come to an end."""
    for n in range(KILLS):
        await world.has_made(MESSAGES * (n + 1) // (KILLS + 2))
        await asyncio.to_thread(mongod.kill)
        await asyncio.sleep(NOTICED)
        await asyncio.to_thread(mongod.start)
    await world.has_made(MESSAGES)
    await asyncio.sleep(0.5)  # whatever would come too much may come
    stop.set()


# The drivers' own watchers may drop a socket that they were connecting as the server died.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_a_killed_server_loses_and_doubles_nothing(mongod: Mongod) -> None:
    world, stop = World(), asyncio.Event()
    one = await MongoStore.open(mongod.url, database="a")
    two = await MongoStore.open(mongod.url, database="a", driver="pymongo")
    await asyncio.gather(
        kill_it(mongod, world, stop),
        *(world.write((one, two)[n % 2], n) for n in range(len(PEOPLE))),
        *(world.work(store, n, stop) for n in range(len(PEOPLE)) for store in (one, two)),
        *(world.send(store, stop) for store in (one, two)),
    )
    assert sum(world.away.values()) >= KILLS  # it was noticed
    for where in PEOPLE:
        turn = await one.turn(where.home_thread)
        number = MESSAGES // len(PEOPLE)
        assert (turn.state.version, turn.events) == (number, ())
        entries = await one.entries(spans(where), limit=1000)
        assert len(entries) == 2 * number
        assert len({found.event for found in entries}) == number
        made = world.made[where.identity]
        assert made == [item.body.send for item in entries if item.body.kind == "message_out"]
        for state in await two.sends(made):
            assert (state.status, state.tries) == (SendStatus.SENT, 1)
            assert [part.external_id for part in state.parts] == [f"SM-{state.send}"]
    assert await one.recover_sends(now=LAPSES) == []
    for store in (one, two):
        await store.close()
    await asyncio.sleep(0.2)
    gc.collect()  # what they dropped is found here, not in another test
