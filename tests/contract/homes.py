"""Where each implementation of a port lives while its suite runs."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from dataclasses import fields
from typing import TYPE_CHECKING, Protocol

import nats.errors

from bot.buses.local import LocalFanout
from bot.buses.nats import NatsBus, NatsConnection, NatsFanout
from bot.buses.sqlite import SqliteBus
from bot.edge.clock import SystemClock
from bot.edge.guard import is_public
from bot.edge.wire import HttpWire
from bot.embedded.database import Database
from bot.embedded.spool import SqliteSpool
from bot.stores.mongo import MongoStore
from bot.stores.mongo.driver import Driver
from bot.stores.mongo.schema import Collections
from bot.stores.sqlite import SqliteStore
from tests.fakes.bus import BusMemory, FakeBus
from tests.fakes.clock import FakeClock
from tests.fakes.memory import Memory
from tests.fakes.nlu import FakeNlu
from tests.fakes.spool import FakeSpool, SpoolMemory
from tests.fakes.store import FakeStore
from tests.servers import unique_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from contextlib import AbstractAsyncContextManager
    from datetime import timedelta
    from pathlib import Path

    from pydantic import JsonValue

    from bot.ports import Bus, Clock, Fanout, Nlu, Spool, Store, Wire
    from bot.stores.mongo.driver import DriverName


class StoreHome(Protocol):
    """One record, opened once or again."""

    async def open(self) -> Store:
        """Open the record; closes the store opened before."""

    async def close(self) -> None:
        """Close what is open."""


class BusHome(Protocol):
    """One bus, opened once or again."""

    async def open(self) -> Bus:
        """Open the bus; closes the one opened before."""

    async def close(self) -> None:
        """Close what is open."""


class FanoutHome(Protocol):
    """One fan-out, opened once for each process."""

    async def open(self, *, most: int = 1_000) -> Fanout:
        """What one more process has; its listeners keep `most` messages."""

    async def close(self) -> None:
        """Close all that are open."""


class SpoolHome(Protocol):
    """One spool, opened once or again."""

    async def open(self, *, longest: timedelta, most_bytes: int) -> Spool:
        """Open the spool; closes the one opened before."""

    async def close(self) -> None:
        """Close what is open."""


class WireMaker(Protocol):
    """Makes a wire for as long as a block lasts."""

    def __call__(self, *, allow: Sequence[str] = ()) -> AbstractAsyncContextManager[Wire]:
        """`allow` names addresses to take as lying outside of our network."""


# --- in memory -------------------------------------------------------------------------------


class FakeStoreHome:
    """The memory outlives the store."""

    def __init__(self, _: Path) -> None:
        self._memory = Memory()
        self._store: FakeStore | None = None

    async def open(self) -> Store:
        await self.close()
        self._store = FakeStore(self._memory)
        return self._store

    async def close(self) -> None:
        if self._store is not None:
            await self._store.close()


class FakeBusHome:
    """The memory outlives the bus."""

    def __init__(self, _: Path) -> None:
        self._memory = BusMemory()
        self._bus: FakeBus | None = None

    async def open(self) -> Bus:
        await self.close()
        self._bus = FakeBus(self._memory)
        return self._bus

    async def close(self) -> None:
        if self._bus is not None:
            await self._bus.close()


class LocalFanoutHome:
    """There is but one process."""

    def __init__(self) -> None:
        self._fanout: LocalFanout | None = None

    async def open(self, *, most: int = 1_000) -> Fanout:
        self._fanout = self._fanout or LocalFanout(most=most)
        return self._fanout

    async def close(self) -> None:
        if self._fanout is not None:
            await self._fanout.close()


class FakeSpoolHome:
    """The memory outlives the spool."""

    def __init__(self, _: Path) -> None:
        self._memory = SpoolMemory()
        self._spool: FakeSpool | None = None

    async def open(self, *, longest: timedelta, most_bytes: int) -> Spool:
        await self.close()
        self._spool = FakeSpool(self._memory, longest=longest, most_bytes=most_bytes)
        return self._spool

    async def close(self) -> None:
        if self._spool is not None:
            await self._spool.close()


# --- in one file -----------------------------------------------------------------------------


class SqliteStoreHome:
    """The file outlives the store."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "store.db"
        self._store: SqliteStore | None = None

    async def open(self) -> Store:
        await self.close()
        self._store = SqliteStore(Database.open(self._path))
        return self._store

    async def close(self) -> None:
        if self._store is not None:
            await self._store.close()


class SqliteBusHome:
    """The file outlives the bus."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "bus.db"
        self._bus: SqliteBus | None = None
        self._database: Database | None = None

    async def open(self) -> Bus:
        await self.close()
        self._database = Database.open(self._path)
        self._bus = SqliteBus(self._database, clock=SystemClock(), partitions=16)
        return self._bus

    async def close(self) -> None:
        if self._bus is not None:
            await self._bus.close()
        if self._database is not None:
            await self._database.close()


class SqliteSpoolHome:
    """The file outlives the spool."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "spool.db"
        self._spool: SqliteSpool | None = None

    async def open(self, *, longest: timedelta, most_bytes: int) -> Spool:
        await self.close()
        self._spool = SqliteSpool.open(self._path, longest=longest, most_bytes=most_bytes)
        return self._spool

    async def close(self) -> None:
        if self._spool is not None:
            await self._spool.close()


# --- over the network ------------------------------------------------------------------------


class MongoStoreHome:
    """The database outlives the store; another home's documents in it do not.

    Emptied, not made anew: MongoDB takes a quarter of a second for all the indexes.
    """

    driver: DriverName = "motor"

    def __init__(self, url: str, database: str) -> None:
        self._url = url
        self._database = database
        self._store: MongoStore | None = None

    async def open(self) -> Store:
        if self._store is None:
            await self._empty()
        await self.close()
        self._store = await MongoStore.open(self._url, database=self._database, driver=self.driver)
        return self._store

    async def close(self) -> None:
        if self._store is not None:
            await self._store.close()

    async def _empty(self) -> None:
        driver = Driver.open(self._url, self._database, self.driver)
        for field in fields(Collections):
            if field.name != "meta":
                await driver.collection(field.name).delete_many({})
        await driver.close()


class PymongoStoreHome(MongoStoreHome):
    """The other driver, the same documents."""

    driver = "pymongo"


class NatsBusHome:
    """The server outlives the bus and its connection; the stream goes with the home."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._name = unique_name()
        self._connection: NatsConnection | None = None
        self._bus: NatsBus | None = None

    async def open(self) -> Bus:
        await self._leave()
        self._connection = await NatsConnection.open([self._url], name=self._name)
        self._bus = NatsBus(self._connection, clock=SystemClock(), partitions=16, name=self._name)
        return self._bus

    async def close(self) -> None:
        if self._connection is not None:
            with suppress(nats.errors.Error):
                await self._connection.link().client.jetstream().delete_stream(self._name)
        await self._leave()

    async def _leave(self) -> None:
        if self._bus is not None:
            await self._bus.close()
        if self._connection is not None:
            await self._connection.close()


class NatsFanoutHome:
    """Each process has a connection of its own."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._name = unique_name()
        self._open: list[tuple[NatsFanout, NatsConnection]] = []

    async def open(self, *, most: int = 1_000) -> Fanout:
        connection = await NatsConnection.open([self._url], name=self._name)
        fanout = NatsFanout(connection, name=self._name, most=most)
        self._open.append((fanout, connection))
        return fanout

    async def close(self) -> None:
        for fanout, connection in self._open:
            await fanout.close()
            await connection.close()


@asynccontextmanager
async def http_wire(*, allow: Sequence[str] = ()) -> AsyncIterator[Wire]:
    """The real wire, without sockets to emit to."""

    async def emit(namespace: str, room: str, event: str, data: JsonValue) -> None:
        raise AssertionError(f"nothing emits here: {namespace} {room} {event} {data}")

    wire = HttpWire(emit=emit, permits=lambda address: address in allow or is_public(address))
    try:
        yield wire
    finally:
        await wire.close()


# --- the tables ------------------------------------------------------------------------------

STORES: dict[str, Callable[[Path], StoreHome]] = {
    "fake": FakeStoreHome,
    "sqlite": SqliteStoreHome,
}
MONGO_STORES: dict[str, Callable[[str, str], StoreHome]] = {
    "mongo": MongoStoreHome,
    "mongo-pymongo": PymongoStoreHome,
}
BUSES: dict[str, Callable[[Path], BusHome]] = {"fake": FakeBusHome, "sqlite": SqliteBusHome}
NATS_BUSES: dict[str, Callable[[str], BusHome]] = {"nats": NatsBusHome}
FANOUTS: dict[str, Callable[[], FanoutHome]] = {"local": LocalFanoutHome}
NATS_FANOUTS: dict[str, Callable[[str], FanoutHome]] = {"nats": NatsFanoutHome}
CLOCKS: dict[str, Callable[[], Clock]] = {"fake": FakeClock, "system": SystemClock}
WIRES: dict[str, WireMaker] = {"http": http_wire}
NLUS: dict[str, Callable[[], Nlu]] = {"fake": FakeNlu}
SPOOLS: dict[str, Callable[[Path], SpoolHome]] = {
    "fake": FakeSpoolHome,
    "sqlite": SqliteSpoolHome,
}
