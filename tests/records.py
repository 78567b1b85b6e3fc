"""Each kind of store and bus that a hub can stand on, on one clock."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from bot.buses.sqlite import SqliteBus
from bot.embedded.database import Database
from bot.ports import Bus, Store
from bot.stores.sqlite import SqliteStore
from tests.fakes.bus import BusMemory, FakeBus
from tests.fakes.clock import FakeClock
from tests.fakes.memory import Memory
from tests.fakes.store import FakeStore

KINDS = ("fake", "sqlite")


class Record:
    """One record; `open` it again, and it is as after a restart."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.clock = FakeClock()
        self._kind = kind
        self._path = folder / "samtal.db"
        self._memory, self._on_bus = Memory(), BusMemory()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[tuple[Store, Bus]]:
        """The store and the bus that it puts what it accepts on."""
        if self._kind == "fake":
            fake = FakeBus(self._on_bus, clock=self.clock)
            yield FakeStore(self._memory, fake), fake
            return
        database = Database.open(self._path)
        bus = SqliteBus(database, clock=self.clock)
        store = SqliteStore(database, bus)
        try:
            yield store, bus
        finally:
            await bus.close()
            await store.close()
