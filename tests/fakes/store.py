"""The whole `Store`, in memory."""

from __future__ import annotations

from tests.fakes.blobs import FakeBlobs
from tests.fakes.cards import FakeCards
from tests.fakes.counting import FakeCounting
from tests.fakes.directory import FakeDirectory
from tests.fakes.facts import FakeFacts
from tests.fakes.health import FakeHealth
from tests.fakes.inbox import FakeInbox
from tests.fakes.outbox import FakeOutbox
from tests.fakes.privacy import FakePrivacy
from tests.fakes.pushes import FakePushes
from tests.fakes.search import FakeSearch
from tests.fakes.threads import FakeThreads


class FakeStore(
    FakeInbox,
    FakeThreads,
    FakeOutbox,
    FakeDirectory,
    FakeSearch,
    FakeBlobs,
    FakeFacts,
    FakeCards,
    FakeCounting,
    FakePrivacy,
    FakePushes,
    FakeHealth,
):
    """The record of truth, for as long as its `Memory` lives.

    `FakeStore(memory)` opens the same record again, as after a restart. With a `FakeBus` it puts
    what it accepts on the bus itself, as a store does that shares a transaction with its bus. Set
    `failing` to a `StoreError` to have every operation raise it.
    """

    async def ready(self) -> None:
        await self._begin()

    async def close(self) -> None:
        self.closed = True
