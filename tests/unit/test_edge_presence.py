"""Who looks at a thread over all edges: told on change and again; who falls silent is forgotten."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from typing_extensions import override

from bot.buses.local import LocalFanout
from bot.edge.sockets.presence import Presence, Viewer
from bot.errors import BusError
from bot.model.ids import AgentId, ThreadId
from tests.fakes.clock import FakeClock, settle

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.ports import Fanout

ANNA = Viewer(agent=AgentId("agt_a"), name="Anna")
BO = Viewer(agent=AgentId("agt_b"), name="Bo")
ONE, OTHER = ThreadId.of("one"), ThreadId.of("other")


class Faulty(LocalFanout):
    def __init__(self) -> None:
        super().__init__()
        self.down = False
        self.told = 0

    @override
    async def tell(self, subject: str, message: bytes) -> None:
        if self.down:
            raise BusError("down")
        self.told += 1
        await super().tell(subject, message)


class Edge:
    def __init__(self, fanout: Fanout | None, clock: FakeClock) -> None:
        self.changed: list[ThreadId] = []
        self.presence = Presence(fanout, clock=clock, changed=self._note)
        self.task = asyncio.create_task(self.presence.run())

    async def _note(self, thread: ThreadId) -> None:
        self.changed.append(thread)

    def viewers(self, thread: ThreadId = ONE) -> list[str]:
        return [one.name for one in self.presence.viewers(thread)]

    async def die(self) -> None:
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task


@contextlib.asynccontextmanager
async def edges(fanout: Fanout, clock: FakeClock, *, number: int = 2) -> AsyncIterator[list[Edge]]:
    made = [Edge(fanout, clock) for _ in range(number)]
    await settle()
    try:
        yield made
    finally:
        for edge in made:
            await edge.die()


async def test_viewers_are_the_union_by_agent_and_changes_are_told_once() -> None:
    async with edges(LocalFanout(), FakeClock()) as (here, there):
        await here.presence.set_here(ONE, [ANNA])
        await there.presence.set_here(ONE, [BO, ANNA])
        await settle()
        assert here.viewers() == there.viewers() == ["Anna", "Bo"]
        assert here.viewers(OTHER) == []
        assert here.changed == [ONE]
        await there.presence.set_here(ONE, [BO, ANNA])  # as before
        await here.presence.set_here(ONE, [])
        await settle()
        assert here.viewers() == there.viewers() == ["Anna", "Bo"]
        assert here.changed == [ONE]
        assert there.changed == []  # Anna is there as well: nothing changed
        await there.presence.set_here(ONE, [])
        await settle()
        assert here.viewers() == there.viewers() == []


async def test_who_is_there_is_said_again_only_for_watched_threads() -> None:
    fanout, clock = Faulty(), FakeClock()
    async with edges(fanout, clock) as (here, _there):
        before = fanout.told
        await clock.advance(60)
        assert fanout.told == before  # nobody looks at anything
        await here.presence.set_here(ONE, [ANNA])
        before = fanout.told
        await clock.advance(30)
        assert fanout.told == before + 3


async def test_an_edge_that_falls_silent_has_nobody_there_after_a_while() -> None:
    clock = FakeClock()
    async with edges(LocalFanout(), clock) as (here, there):
        await there.presence.set_here(ONE, [BO])
        await settle()
        await clock.advance(100)
        assert here.viewers() == ["Bo"]  # it keeps saying so
        here.changed.clear()
        await there.die()
        await clock.advance(20)
        assert here.viewers() == ["Bo"]
        await clock.advance(21)
        assert here.viewers() == []
        assert here.changed == [ONE]


async def test_an_edge_that_leaves_has_nobody_there_at_once() -> None:
    async with edges(LocalFanout(), FakeClock()) as (here, there):
        await there.presence.set_here(ONE, [BO])
        await settle()
        await there.presence.leave()
        await settle()
        assert here.viewers() == []
        assert here.changed == [ONE, ONE]


async def test_an_edge_that_comes_asks_who_is_there() -> None:
    clock, fanout = FakeClock(), LocalFanout()
    async with edges(fanout, clock, number=1) as (here,):
        for number in range(450):
            await here.presence.set_here(ThreadId.of(str(number)), [ANNA])
        async with edges(fanout, clock, number=1) as (there,):
            assert there.viewers(ThreadId.of("0")) == ["Anna"]
            assert there.viewers(ThreadId.of("449")) == ["Anna"]


async def test_what_could_not_be_told_is_made_good() -> None:
    fanout, clock = Faulty(), FakeClock()
    async with edges(fanout, clock) as (here, there):
        fanout.down = True
        await here.presence.set_here(ONE, [ANNA])
        assert here.viewers() == ["Anna"]
        fanout.down = False
        await clock.advance(10)
        assert there.viewers() == ["Anna"]


@pytest.mark.parametrize("fanout", [None, LocalFanout()])
async def test_one_edge_alone_knows_its_own(fanout: Fanout | None) -> None:
    edge = Edge(fanout, FakeClock())
    await settle()
    await edge.presence.set_here(ONE, [BO, ANNA, ANNA])
    await settle()
    assert edge.viewers() == ["Anna", "Bo"]
    assert edge.changed == []
    await edge.presence.leave()
    assert edge.viewers() == []
    await edge.die()
