"""Around the bus's handler: an end without haste, trouble that passes, and figures."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from typing_extensions import override

from bot.errors import BusError, StoreAway, StoreClosed, StoreError
from bot.hub.handling import Handling
from bot.hub.persisting import persist
from bot.model.ids import EventId, ThreadId
from bot.model.record import Envelope
from bot.ports import Handle
from tests.fakes.bus import FakeBus
from tests.fakes.clock import FakeClock, settle

GRACE = timedelta(seconds=2)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def envelope(number: int) -> Envelope:
    return Envelope(event=EventId.of(str(number)), thread=ThreadId.of(str(number)))


class Worker:
    """A handler that waits until it is let go on, and remembers what it ended."""

    def __init__(self) -> None:
        self.begun: list[EventId] = []
        self.ended: list[EventId] = []
        self.go_on = asyncio.Event()

    async def handle(self, envelope: Envelope, *, tries: int) -> None:
        self.begun.append(envelope.event)
        await self.go_on.wait()
        self.ended.append(envelope.event)


async def stopped(task: asyncio.Task[None]) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_what_is_in_hand_is_finished_and_the_rest_given_back() -> None:
    worker, bus = Worker(), FakeBus()
    handling = Handling(worker.handle, clock=FakeClock(), grace=GRACE)
    task = asyncio.create_task(handling.run(bus))
    await bus.publish([envelope(1)])
    await settle()
    assert handling.in_hand == 1
    task.cancel()
    await settle()
    assert not task.done()
    await bus.publish([envelope(2)])
    await settle()
    assert worker.begun == [envelope(1).event]  # the second is left to others
    worker.go_on.set()
    await stopped(task)
    assert task.cancelled()
    assert worker.ended == [envelope(1).event]
    assert handling.in_hand == 0
    assert await bus.depth() == 1


async def test_what_takes_too_long_is_cut_and_comes_again() -> None:
    worker, bus = Worker(), FakeBus()
    handling = Handling(worker.handle, clock=FakeClock(), grace=timedelta(milliseconds=50))
    task = asyncio.create_task(handling.run(bus))
    await bus.publish([envelope(1)])
    await settle()
    task.cancel()
    await stopped(task)
    assert worker.ended == []
    assert await bus.depth() == 1
    worker.go_on.set()
    again = asyncio.create_task(handling.run(bus))
    await settle()
    assert worker.ended == [envelope(1).event]
    again.cancel()
    await stopped(again)


async def test_it_ends_at_once_when_nothing_is_in_hand() -> None:
    handling = Handling(Worker().handle, clock=FakeClock(), grace=timedelta(hours=1))
    task = asyncio.create_task(handling.run(FakeBus()))
    await settle()
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=5)
    assert done == {task}


async def test_each_delivery_is_told_with_its_try_and_its_end() -> None:
    told: list[tuple[int, bool]] = []

    def observe(seconds: float, tries: int, *, well: bool) -> None:
        assert seconds >= 0
        told.append((tries, well))

    async def handle(envelope: Envelope, *, tries: int) -> None:
        if tries == 1:
            raise LookupError("not yet")

    handling = Handling(handle, clock=FakeClock(), grace=GRACE)
    handling.observe = observe
    with pytest.raises(LookupError):
        await handling.handle(envelope(1), tries=1)
    await handling.handle(envelope(1), tries=2)
    assert told == [(1, False), (2, True)]
    assert handling.in_hand == 0


class Broken(FakeBus):
    """A bus whose `run` fails some times."""

    def __init__(self, *errors: Exception) -> None:
        super().__init__()
        self.errors = list(errors)

    @override
    async def run(self, handle: Handle) -> None:
        if self.errors:
            raise self.errors.pop(0)
        await super().run(handle)


async def test_a_bus_that_is_not_there_yet_is_waited_for() -> None:
    worker, clock = Worker(), FakeClock()
    worker.go_on.set()
    bus = Broken(BusError("away"), StoreError("busy"), BusError("away"))
    await bus.publish([envelope(1)])
    task = asyncio.create_task(Handling(worker.handle, clock=clock, grace=GRACE).run(bus))
    await settle()
    assert worker.ended == []
    await clock.advance(timedelta(seconds=0.2 + 0.4 + 0.8))
    assert worker.ended == [envelope(1).event]
    task.cancel()
    await stopped(task)


async def test_a_store_that_is_away_costs_no_try(clock: FakeClock) -> None:
    tries_seen: list[int] = []

    async def handle(envelope: Envelope, *, tries: int) -> None:
        tries_seen.append(tries)
        if len(tries_seen) < 30:
            raise StoreAway("no answer")

    bus = FakeBus()
    await bus.publish([envelope(1)])
    task = asyncio.create_task(Handling(handle, clock=clock, grace=GRACE).run(bus))
    await clock.advance(120)
    assert tries_seen == [1] * 30
    assert await bus.depth() == 0
    task.cancel()
    await stopped(task)


async def test_a_fault_ends_it_and_shows() -> None:
    for error in (StoreClosed("closed"), LookupError("ours")):
        bus = Broken(error)
        with pytest.raises(type(error)):
            await Handling(Worker().handle, clock=FakeClock(), grace=GRACE).run(bus)


async def test_persistence_waits_longer_and_longer_and_begins_anew_after_a_good_while(
    clock: FakeClock,
) -> None:
    begun: list[timedelta] = []
    start = clock.now()
    lasting = timedelta(0)

    async def work() -> None:
        begun.append(clock.now() - start)
        await clock.sleep(lasting)
        raise BusError("away")

    task = asyncio.create_task(persist("work", work, clock=clock))
    await settle()
    await clock.advance(20)
    waits = [later - earlier for earlier, later in itertools.pairwise(begun)]
    assert [wait.total_seconds() for wait in waits] == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    lasting = timedelta(seconds=31)
    await clock.advance(60)
    # It went well for long: the wait after that is the shortest again.
    assert (begun[-1] - begun[-2]).total_seconds() == pytest.approx(31.2)
    task.cancel()
    await stopped(task)


async def test_persistence_ends_with_the_work(clock: FakeClock) -> None:
    done: list[Callable[[], Awaitable[None]]] = []

    async def work() -> None:
        done.append(work)

    await persist("work", work, clock=clock)
    assert len(done) == 1
