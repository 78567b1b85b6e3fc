"""Where each implementation of a port lives while its suite runs."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

from bot.buses.sqlite import SqliteBus
from bot.edge.clock import SystemClock
from bot.edge.guard import is_public
from bot.edge.wire import HttpWire
from bot.embedded.database import Database
from bot.stores.sqlite import SqliteStore
from tests.fakes.bus import BusMemory, FakeBus
from tests.fakes.clock import FakeClock
from tests.fakes.memory import Memory
from tests.fakes.nlu import FakeNlu
from tests.fakes.store import FakeStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from pydantic import JsonValue

    from bot.ports import Bus, Clock, Nlu, Store, Wire


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


# --- over the network ------------------------------------------------------------------------


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
BUSES: dict[str, Callable[[Path], BusHome]] = {"fake": FakeBusHome, "sqlite": SqliteBusHome}
CLOCKS: dict[str, Callable[[], Clock]] = {"fake": FakeClock, "system": SystemClock}
WIRES: dict[str, WireMaker] = {"http": http_wire}
NLUS: dict[str, Callable[[], Nlu]] = {"fake": FakeNlu}
