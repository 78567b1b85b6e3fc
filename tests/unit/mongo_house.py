"""A MongoDB of the test's own, workers on it that are killed, and what is to be read in it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from abc import ABC, abstractmethod
from contextlib import asynccontextmanager, contextmanager
from dataclasses import fields
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pymongo

from bot.model.value import Value
from bot.stores.mongo import MongoStore
from bot.stores.mongo.schema import Collections
from tests.builders import LAPSES, at, spans
from tests.contract.committing import ANNA, BO, WEB
from tests.servers import unique_name
from tests.unit.killed_mongo import Order

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
    from types import TracebackType

    from bot.model.channel import Address
    from bot.model.event import ThreadEvent
    from bot.model.ids import SendId
    from bot.model.record import ThreadChange
    from bot.ports import Store
    from bot.stores.mongo.collection import BeforeWrite
    from bot.stores.mongo.driver import DriverName

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def new_database(url: str) -> Iterator[str]:
    """The name of a database, dropped in the end."""
    name = unique_name()
    yield name
    with pymongo.MongoClient[dict[str, object]](url) as client:
        client.drop_database(name)


class Killer:
    """Runs workers that die when they are told to."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.unit.killed_mongo"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._process as process:
            if process.stdin is not None:
                process.stdin.close()
            process.wait(10)

    def is_killed(self, order: Order) -> bool:
        """Whether the worker died before it was done."""
        process = self._process
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("no pipes")
        process.stdin.write(order.model_dump_json() + "\n")
        process.stdin.flush()
        ended = process.stdout.readline().strip()
        if ended not in {"killed", "ended"}:
            raise AssertionError(f"the worker {ended}: see its traceback")
        return ended == "killed"


class House:
    """One database, emptied by `empty`; `open` as often as processes are wanted."""

    def __init__(self, url: str, database: str, driver: DriverName = "motor") -> None:
        self.url = url
        self.database = database
        self.driver = driver

    @asynccontextmanager
    async def open(self, driver: DriverName | None = None) -> AsyncIterator[MongoStore]:
        store = await MongoStore.open(
            self.url, database=self.database, driver=driver or self.driver
        )
        try:
            yield store
        finally:
            await store.close()

    @asynccontextmanager
    async def empty(self) -> AsyncIterator[MongoStore]:
        async with self.open() as store:
            for field in fields(Collections):
                if field.name != "meta":
                    await store.driver.collection(field.name).delete_many({})
            yield store

    def meanwhile(
        self, collection: str, nth: int, act: Callable[[Store], Awaitable[None]]
    ) -> BeforeWrite:
        """Ahead of the nth write to a collection the worker stands still and another one acts."""
        writes = 0

        async def other_process() -> None:
            async with self.open() as store:
                await act(store)

        def tell(name: str, _operation: str) -> None:
            nonlocal writes
            writes += name == collection
            if name == collection and writes == nth:
                thread = threading.Thread(target=lambda: asyncio.run(other_process()))
                thread.start()
                thread.join()

        return tell


async def everything(
    store: Store, *people: Address, events: Sequence[ThreadEvent], sends: Sequence[SendId]
) -> list[object]:
    """All that these people's threads are read as, but for the numbers, which may have gaps."""
    entries = await store.entries(spans(*people), limit=1000)
    seqs = [entry.seq for entry in entries]
    assert seqs == sorted(set(seqs))
    everybody = [where.identity for where in people]
    found = [
        entries,
        [await store.turn(where.home_thread) for where in people],
        [await store.identity(one) for one in everybody],
        [await store.outcome(event.id) for event in events],
        await store.facts(everybody),
        await store.unprocessed(before=at(10_000), limit=100),
        await store.sends(sends),
        await store.next_due(),
        await store.links(everybody),
        await store.threads(),
        await store.thread_ids(),
        await store.gaps(),
        await store.code("h1", now=at(0)),
        await store.dead_letters(),
    ]
    return [_unnumbered(one) for one in found]


def _unnumbered(value: object) -> object:
    if isinstance(value, Value):
        return {name: _unnumbered(part) for name, part in value if name != "seq"}
    if isinstance(value, list | tuple):
        return [_unnumbered(part) for part in value]
    return value


class Story(ABC):
    """Something committed before, something that waits, and the change that a worker makes."""

    event: ThreadEvent
    waiting: tuple[ThreadEvent, ...]
    sends: tuple[SendId, ...]

    @abstractmethod
    async def begin(self, store: Store) -> None:
        """Commit what was before, and accept what waits."""

    @abstractmethod
    async def change(self, store: Store) -> ThreadChange | None:
        """What the event does to the threads as they are now; None when it has done it."""

    async def read(self, store: Store) -> list[object]:
        events = (self.event, *self.waiting)
        return await everything(store, *(ANNA, WEB, BO), events=events, sends=self.sends)


async def at_every_write(
    house: House, story: Story, check: Callable[[Store], Awaitable[None]]
) -> int:
    """Kill a worker before each of its writes, and check what is left; how many writes it makes."""
    with Killer() as killer:
        for n in count(1):
            async with house.empty() as store:
                await story.begin(store)
                order = Order(
                    url=house.url,
                    database=house.database,
                    driver=house.driver,
                    dies_before=n,
                    change=await story.change(store),
                    now=at(0),
                    until=LAPSES,
                )
            if not killer.is_killed(order):
                return n - 1
            async with house.open() as store:
                await check(store)
    raise AssertionError
