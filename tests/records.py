"""Each kind of store and bus that a hub can stand on, on one clock."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.buses.nats import NatsBus, NatsConnection
from bot.buses.sqlite import SqliteBus
from bot.embedded.database import Database
from bot.ports import Bus, Store
from bot.stores.mongo import MongoStore
from bot.stores.sqlite import SqliteStore
from tests.fakes.bus import BusMemory, FakeBus
from tests.fakes.clock import FakeClock
from tests.fakes.memory import Memory
from tests.fakes.store import FakeStore
from tests.servers import unique_name

DISTRIBUTED = "mongo+nats"
# What the hub's own rules are tested on; the engines' differences are for contracts and journeys.
ON_ONE_MACHINE = ("fake", "sqlite")
KINDS = (*ON_ONE_MACHINE, DISTRIBUTED)


@dataclass(frozen=True)
class Servers:
    """Where MongoDB and NATS are."""

    mongo: str
    nats: str


class Record:
    """One record; `open` it again, and it is as after a restart."""

    def __init__(
        self,
        kind: str,
        folder: Path,
        *,
        servers: Servers | None = None,
        clock: FakeClock | None = None,
    ) -> None:
        self.clock = clock or FakeClock()
        self._kind = kind
        self._path = folder / "samtal.db"
        self._servers = servers
        self._name = unique_name()
        self._memory, self._on_bus = Memory(), BusMemory()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[tuple[Store, Bus]]:
        """The store and the bus that it puts what it accepts on, or that is put on beside it."""
        if self._kind == "fake":
            fake = FakeBus(self._on_bus, clock=self.clock)
            yield FakeStore(self._memory, fake), fake
        elif self._kind == "sqlite":
            async with self._in_one_file() as both:
                yield both
        else:
            async with self._on_servers() as both:
                yield both

    @contextlib.asynccontextmanager
    async def _in_one_file(self) -> AsyncIterator[tuple[Store, Bus]]:
        database = Database.open(self._path)
        bus = SqliteBus(database, clock=self.clock)
        store = SqliteStore(database, bus)
        try:
            yield store, bus
        finally:
            await bus.close()
            await store.close()

    @contextlib.asynccontextmanager
    async def _on_servers(self) -> AsyncIterator[tuple[Store, Bus]]:
        assert self._servers is not None, f"{self._kind} needs servers"
        async with contextlib.AsyncExitStack() as stack:
            store = await MongoStore.open(self._servers.mongo, database=self._name)
            stack.push_async_callback(store.close)
            connection = await NatsConnection.open([self._servers.nats], name=self._name)
            stack.push_async_callback(connection.close)
            bus = NatsBus(connection, clock=self.clock, name=self._name)
            stack.push_async_callback(bus.close)
            yield store, bus


def record_of(request: pytest.FixtureRequest, folder: Path) -> Record:
    """The record for a fixture with `params=KINDS`."""
    return Record(request.param, folder, servers=servers_of(request))


def servers_of(request: pytest.FixtureRequest) -> Servers | None:
    """The servers that a fixture's kind needs, if any, started for the session.

    Databases and streams stay there; they go with the servers.
    """
    if request.param != DISTRIBUTED:
        return None
    return Servers(
        mongo=request.getfixturevalue("mongo_url"), nats=request.getfixturevalue("nats_url")
    )
