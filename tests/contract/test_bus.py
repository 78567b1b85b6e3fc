"""Bus: in order, one at a time, once, and again after a crash."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from bot.model.ids import EventId, ThreadId
from bot.model.record import Envelope

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from bot.ports import Bus, Handle
    from tests.contract.homes import BusHome

A = ThreadId.of("thread", "a")
B = ThreadId.of("thread", "b")
PATIENCE = 20  # seconds; never waited for when all is well


def envelope(name: str, thread: ThreadId = A) -> Envelope:
    return Envelope(event=EventId.of("event", name), thread=thread)


def envelopes(count: int, thread: ThreadId = A) -> list[Envelope]:
    return [envelope(f"{thread} {n}", thread) for n in range(count)]


class Worker:
    """A handler that notes what it is given; `fails` says how often it raises for an event."""

    def __init__(self, fails: dict[EventId, int] | None = None) -> None:
        self.handled: list[Envelope] = []
        self.attempts: list[tuple[EventId, int]] = []
        self._fails = fails or {}
        self._news = asyncio.Condition()

    async def __call__(self, envelope: Envelope, *, tries: int) -> None:
        self.attempts.append((envelope.event, tries))
        await asyncio.sleep(0)
        if self._fails.get(envelope.event, 0) > 0:
            self._fails[envelope.event] -= 1
            await self._tell()
            raise LookupError("the handler does not like it")
        self.handled.append(envelope)
        await self._tell()

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(true)

    async def until_handled(self, count: int) -> None:
        await self.until(lambda: len(self.handled) >= count)

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()


@asynccontextmanager
async def running(bus: Bus, handle: Handle) -> AsyncIterator[asyncio.Task[None]]:
    """The bus delivers in the background for as long as the block lasts."""
    task = asyncio.create_task(bus.run(handle))
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def by_thread(envelopes: list[Envelope]) -> dict[ThreadId, list[Envelope]]:
    found: dict[ThreadId, list[Envelope]] = defaultdict(list)
    for one in envelopes:
        found[one.thread].append(one)
    return found


async def until_empty(bus: Bus) -> None:
    async with asyncio.timeout(PATIENCE):
        while await bus.depth():  # noqa: ASYNC110 - the port tells no other way
            await asyncio.sleep(0.001)


# --- order -----------------------------------------------------------------------------------


async def test_what_was_published_is_handled_in_order(bus: Bus) -> None:
    sent = envelopes(30)
    worker = Worker()
    await bus.publish(sent[:10])
    async with running(bus, worker):
        await bus.publish(sent[10:29])
        await bus.publish(sent[29:])
        await worker.until_handled(30)
        await until_empty(bus)
    assert worker.handled == sent
    assert worker.attempts == [(one.event, 1) for one in sent]


async def test_each_thread_has_its_own_order(bus: Bus) -> None:
    threads = [ThreadId.of(str(n)) for n in range(20)]
    sent = [envelope(f"{thread} {n}", thread) for n in range(5) for thread in threads]
    worker = Worker()
    async with running(bus, worker):
        await asyncio.gather(*(bus.publish(own) for own in by_thread(sent).values()))
        await worker.until_handled(100)
    assert by_thread(worker.handled) == by_thread(sent)


async def test_one_at_a_time_within_a_thread(bus: Bus) -> None:
    at_work: set[ThreadId] = set()
    overlaps: list[Envelope] = []
    handled: list[Envelope] = []
    done = asyncio.Event()

    async def handle(envelope: Envelope, *, tries: int) -> None:
        if envelope.thread in at_work:
            overlaps.append(envelope)
        at_work.add(envelope.thread)
        await asyncio.sleep(0.002)
        at_work.discard(envelope.thread)
        handled.append(envelope)
        if len(handled) == 20:
            done.set()

    async with running(bus, handle):
        await asyncio.gather(*(bus.publish([one]) for one in envelopes(10) + envelopes(10, B)))
        await asyncio.wait_for(done.wait(), PATIENCE)
    assert overlaps == []
    assert len(handled) == 20


async def test_a_blocked_thread_does_not_hold_up_all_others(bus: Bus) -> None:
    blocked, release = asyncio.Event(), asyncio.Event()
    worker = Worker()

    async def handle(envelope: Envelope, *, tries: int) -> None:
        if envelope.thread == A:
            blocked.set()
            await release.wait()
        await worker(envelope, tries=tries)

    others = [ThreadId.of(str(n)) for n in range(32)]
    async with running(bus, handle):
        await bus.publish([envelope("first", A), envelope("second", A)])
        await asyncio.wait_for(blocked.wait(), PATIENCE)
        await bus.publish([envelope(f"o {thread}", thread) for thread in others])
        # Some may share the partition of the blocked one; most do not.
        await worker.until_handled(16)
        assert A not in {one.thread for one in worker.handled}
        release.set()
        await worker.until_handled(34)
    assert [one for one in worker.handled if one.thread == A] == [
        envelope("first", A),
        envelope("second", A),
    ]


# --- once ------------------------------------------------------------------------------------


async def test_an_event_published_again_is_dropped(bus: Bus) -> None:
    worker = Worker()
    await bus.publish([envelope("1"), envelope("1"), envelope("2")])
    await bus.publish([envelope("1")])
    assert await bus.depth() == 2
    async with running(bus, worker):
        await worker.until_handled(2)
        await until_empty(bus)
        await bus.publish([envelope("2"), envelope("1")])  # also after it was handled
        await bus.publish([envelope("3")])
        await worker.until_handled(3)
        await until_empty(bus)
    assert worker.handled == [envelope("1"), envelope("2"), envelope("3")]


async def test_the_same_event_from_many_at_once_is_one(bus: Bus) -> None:
    await asyncio.gather(*(bus.publish([envelope("1")]) for _ in range(20)))
    assert await bus.depth() == 1


async def test_what_was_handled_is_remembered_after_a_restart(bus_home: BusHome) -> None:
    bus, worker = await bus_home.open(), Worker()
    await bus.publish([envelope("1")])
    async with running(bus, worker):
        await worker.until_handled(1)
        await until_empty(bus)
    again = await bus_home.open()
    await again.publish([envelope("1")])
    assert await again.depth() == 0
    async with running(again, worker):
        await again.publish([envelope("2")])
        await worker.until_handled(2)
    assert worker.handled == [envelope("1"), envelope("2")]


async def test_nothing_published_is_nothing_to_do(bus: Bus) -> None:
    await bus.publish([])
    assert await bus.depth() == 0


# --- again -----------------------------------------------------------------------------------


async def test_what_raised_comes_again_before_later_ones_of_its_thread(bus: Bus) -> None:
    first, second, third = envelopes(3)
    worker = Worker(fails={first.event: 2, third.event: 1})
    await bus.publish([first, second, third])
    async with running(bus, worker):
        await worker.until_handled(3)
        await until_empty(bus)
    assert worker.attempts == [
        (first.event, 1),
        (first.event, 2),
        (first.event, 3),
        (second.event, 1),
        (third.event, 1),
        (third.event, 2),
    ]
    assert worker.handled == [first, second, third]


async def test_a_failing_thread_does_not_stop_the_others(bus: Bus) -> None:
    others = [ThreadId.of(str(n)) for n in range(32)]
    worker = Worker(fails={envelope("bad", A).event: 1_000_000})
    async with running(bus, worker):
        await bus.publish([envelope("bad", A)])
        await worker.until(lambda: len(worker.attempts) >= 1)
        await bus.publish([envelope(f"o {thread}", thread) for thread in others])
        await worker.until_handled(16)
        assert await bus.depth() >= 1
    assert envelope("bad", A) not in worker.handled


@pytest.mark.parametrize("error", [ValueError, KeyError, TimeoutError, asyncio.CancelledError])
async def test_whatever_a_handler_raises_it_is_delivered_again(
    bus: Bus, error: type[BaseException]
) -> None:
    worker = Worker()
    raised: list[int] = []

    async def handle(envelope: Envelope, *, tries: int) -> None:
        if not raised:
            raised.append(tries)
            raise error("once")
        await worker(envelope, tries=tries)

    async with running(bus, handle) as task:
        await bus.publish([envelope("1")])
        await worker.until_handled(1)
        assert not task.done()
    assert (raised, worker.attempts) == ([1], [(envelope("1").event, 2)])


async def test_what_was_not_acknowledged_comes_again_after_a_restart(bus_home: BusHome) -> None:
    bus = await bus_home.open()
    started = asyncio.Event()
    finished: list[Envelope] = []

    async def hang(envelope: Envelope, *, tries: int) -> None:
        started.set()
        await asyncio.Event().wait()
        finished.append(envelope)

    sent = envelopes(3)
    await bus.publish(sent)
    async with running(bus, hang):
        await asyncio.wait_for(started.wait(), PATIENCE)
    await bus.close()

    again, worker = await bus_home.open(), Worker()
    assert await again.depth() == 3
    async with running(again, worker):
        await worker.until_handled(3)
        await until_empty(again)
    assert finished == []
    assert worker.handled == sent
    # The attempt that was cut off counts.
    assert worker.attempts == [(sent[0].event, 2), (sent[1].event, 1), (sent[2].event, 1)]


async def test_what_was_published_without_a_worker_waits(bus_home: BusHome) -> None:
    await (await bus_home.open()).publish([*envelopes(2), *envelopes(1, B)])
    again, worker = await bus_home.open(), Worker()
    assert await again.depth() == 3
    async with running(again, worker):
        await worker.until_handled(3)
        await until_empty(again)
    assert [one for one in worker.handled if one.thread == A] == envelopes(2)


# --- stopping --------------------------------------------------------------------------------


async def test_cancelling_run_stops_the_handler_and_keeps_its_envelope(bus: Bus) -> None:
    started, stopped = asyncio.Event(), asyncio.Event()

    async def hang(envelope: Envelope, *, tries: int) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    await bus.publish(envelopes(2))
    task = asyncio.create_task(bus.run(hang))
    await asyncio.wait_for(started.wait(), PATIENCE)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, PATIENCE)
    assert stopped.is_set()
    assert await bus.depth() == 2


async def test_a_bus_runs_again_after_it_was_stopped(bus: Bus) -> None:
    worker = Worker()
    for n in range(3):
        async with running(bus, worker):
            await bus.publish([envelope(str(n))])
            await worker.until_handled(n + 1)
            await until_empty(bus)
    assert worker.handled == [envelope("0"), envelope("1"), envelope("2")]


async def test_depth_counts_what_waits_and_what_is_being_handled(bus: Bus) -> None:
    started, release = asyncio.Event(), asyncio.Event()

    async def handle(envelope: Envelope, *, tries: int) -> None:
        started.set()
        await release.wait()

    assert await bus.depth() == 0
    await bus.publish(envelopes(3))
    assert await bus.depth() == 3
    async with running(bus, handle):
        await asyncio.wait_for(started.wait(), PATIENCE)
        assert await bus.depth() == 3
        release.set()
        await until_empty(bus)


async def test_closing_twice_is_harmless(bus: Bus) -> None:
    await bus.publish(envelopes(1))
    await bus.close()
    await bus.close()
