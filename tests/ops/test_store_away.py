"""An edge with its spool before a real MongoDB that stands still, dies, and comes back."""

from __future__ import annotations

import asyncio
import gc
import signal
import time
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from bot.buses.silent import SilentBus
from bot.edge.clock import SystemClock
from bot.embedded.spool import SqliteSpool
from bot.hub.ingress import Ingress
from bot.hub.outcomes import Outcomes
from bot.hub.spooling import Spooling
from bot.model.channel import Inbound
from bot.model.event import ThreadEvent
from bot.model.phone import PhoneWrites
from bot.stores.mongo import MongoStore
from tests.hubs import played, webhook_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.servers import Mongod

# The drivers' own watchers may drop a socket that they were connecting as the server died.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
)

SMS = ("twilio_sms", "demo")
PATIENCE = timedelta(seconds=2)


@pytest.fixture(autouse=True)
async def _found_here() -> AsyncIterator[None]:
    """What the drivers dropped is found here, not in another test."""
    yield
    await asyncio.sleep(0.2)
    gc.collect()


class Edge:
    """One edge's ingress, with hands to write to it."""

    def __init__(self, store: MongoStore, spool: SqliteSpool) -> None:
        clock = SystemClock()
        self.store = store
        self.spool = spool
        self.spooling = Spooling(spool, clock=clock, patience=PATIENCE)
        self.ingress = Ingress(
            store=store,
            bus=SilentBus(),
            clock=clock,
            outcomes=Outcomes(),
            join_by_phone=True,
            spooling=self.spooling,
        )
        self._clock = clock
        self._channels, self._providers = played()
        self._numbers = 0

    async def write(self, phone: str, text: str) -> float:
        """A customer writes; how many seconds the provider waits for its 2xx."""
        self._numbers += 1
        request = self._providers[SMS].write(
            PhoneWrites(user=phone, text=text),
            url=webhook_url(SMS),
            at=self._clock.now(),
            number=self._numbers,
        )
        begun = time.monotonic()
        answer = await self.ingress.take(self._channels[SMS], request)
        assert answer.status == 200
        return time.monotonic() - begun

    async def empty(self) -> None:
        """Return when nothing waits any more."""
        async with asyncio.timeout(30):
            while await self.spooling.waiting():  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(0.05)

    async def heard(self) -> list[str]:
        """The texts recorded, in the order of acceptance."""
        async with asyncio.timeout(30):
            events = await self.store.unprocessed(
                before=self._clock.now() + timedelta(days=1), limit=10_000
            )
        return [text_of(event) for event in events]


def text_of(event: ThreadEvent) -> str:
    assert isinstance(event.body, Inbound)
    return event.body.text


@asynccontextmanager
async def an_edge(server: Mongod, folder: Path) -> AsyncIterator[Edge]:
    store = await MongoStore.open(server.url)
    spool = SqliteSpool.open(
        folder / "spool.db", longest=timedelta(minutes=15), most_bytes=10_000_000
    )
    edge = Edge(store, spool)
    bringing = asyncio.create_task(edge.spooling.run(edge.ingress))
    try:
        yield edge
    finally:
        bringing.cancel()
        with suppress(asyncio.CancelledError):
            await bringing
        await spool.close()
        await store.close()


async def test_a_database_that_stands_still_is_waited_for_once(
    mongod: Mongod, tmp_path: Path
) -> None:
    async with an_edge(mongod, tmp_path) as edge:
        await edge.write("+46700000001", "before")
        mongod.signal(signal.SIGSTOP)
        first = await edge.write("+46700000001", "first")
        later = [await edge.write("+46700000001", f"later {n}") for n in range(20)]
        mongod.signal(signal.SIGCONT)
        assert PATIENCE.total_seconds() - 0.1 < first < PATIENCE.total_seconds() + 3
        assert sorted(later)[10] < 0.5
        await edge.empty()
        # The first one had reached the server when its answer was given up: it is there once.
        assert await edge.heard() == ["before", "first", *(f"later {n}" for n in range(20))]
        assert await edge.write("+46700000001", "after") < 2
        assert (await edge.heard())[-1] == "after"


async def test_a_database_that_dies_loses_nothing_and_doubles_nothing(
    mongod: Mongod, tmp_path: Path
) -> None:
    phones = [f"+4670000001{n}" for n in range(5)]
    async with an_edge(mongod, tmp_path) as edge:
        stop = asyncio.Event()
        said: dict[str, list[str]] = {phone: [] for phone in phones}

        async def customer(phone: str) -> None:
            while not stop.is_set():
                text = f"{phone} {len(said[phone])}"
                await edge.write(phone, text)
                said[phone].append(text)
                await asyncio.sleep(0.02)

        async with asyncio.TaskGroup() as group:
            for phone in phones:
                group.create_task(customer(phone))
            await asyncio.sleep(0.5)
            mongod.kill()
            await asyncio.sleep(1)
            await asyncio.to_thread(mongod.start)
            await asyncio.sleep(0.5)
            stop.set()
        await edge.empty()
        heard = await edge.heard()
        for phone in phones:
            assert [text for text in heard if text.startswith(f"{phone} ")] == said[phone]
        assert (await edge.spooling.state()).kept > 10
        assert await edge.store.dead_letters() == []


async def test_an_edge_that_restarts_brings_what_waited(mongod: Mongod, tmp_path: Path) -> None:
    async with an_edge(mongod, tmp_path) as edge:
        mongod.signal(signal.SIGSTOP)
        for number in range(3):
            await edge.write("+46700000001", f"kept {number}")
        assert (await edge.spool.depth()).count == 3
    mongod.signal(signal.SIGCONT)
    async with an_edge(mongod, tmp_path) as edge:
        await edge.empty()
        assert await edge.heard() == ["kept 0", "kept 1", "kept 2"]
