"""What is particular to the SQLite bus: the contract suite has the rest."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from bot.buses.sqlite import Settings, SqliteBus
from bot.embedded.database import Database
from bot.model.ids import EventId, ThreadId
from bot.model.record import Envelope
from bot.stores.sqlite import SqliteStore
from tests.builders import acceptance, address, arrival
from tests.fakes.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from bot.ports import Clock, Handle

PATIENCE = 20  # seconds; never waited for when all is well


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database.open(tmp_path / "samtal.db")
    yield database
    await database.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def envelope(name: str, thread: str = "t") -> Envelope:
    return Envelope(event=EventId.of(name), thread=ThreadId.of(thread))


class Worker:
    """Notes what it is given, and when; fails as often as told."""

    def __init__(self, clock: Clock, *, fails: int = 0) -> None:
        self.given: list[tuple[EventId, int]] = []
        self.seconds: list[float] = []
        self._clock = clock
        self._start = clock.now()
        self._fails = fails
        self._more = asyncio.Event()

    async def __call__(self, envelope: Envelope, *, tries: int) -> None:
        self.given.append((envelope.event, tries))
        self.seconds.append((self._clock.now() - self._start).total_seconds())
        self._more.set()
        if self._fails:
            self._fails -= 1
            raise LookupError("the customer wrote: my card is 4111")

    async def until(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while len(self.given) < count:
                self._more.clear()
                await self._more.wait()


@asynccontextmanager
async def running(bus: SqliteBus, handle: Handle) -> AsyncIterator[None]:
    task = asyncio.create_task(bus.run(handle))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def rows(database: Database) -> int:
    count: int = database.glance(lambda look: look.execute("SELECT count(*) FROM queue").get)
    return count


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not true():  # noqa: ASYNC110 - it comes of whatever the test is about
            await asyncio.sleep(0.001)


# --- repeats ---------------------------------------------------------------------------------


async def test_a_repeat_is_known_for_the_window_and_then_let_in(
    database: Database, clock: FakeClock
) -> None:
    bus, worker = SqliteBus(database, clock=clock), Worker(clock)
    async with running(bus, worker):
        await bus.publish([envelope("a"), envelope("a")])
        await worker.until(1)
        assert await bus.depth() == 0
        await clock.advance(119.9)
        await bus.publish([envelope("a")])
        assert await bus.depth() == 0
        await clock.advance(0.1)
        await bus.publish([envelope("a")])
        await worker.until(2)
    assert worker.given == [(envelope("a").event, 1)] * 2
    await bus.close()


async def test_what_still_waits_is_not_doubled_after_the_window(
    database: Database, clock: FakeClock
) -> None:
    bus = SqliteBus(database, clock=clock)
    await bus.publish([envelope("a")])
    await clock.advance(1_000)
    await bus.publish([envelope("a")])
    assert (await bus.depth(), rows(database)) == (1, 1)


async def test_done_rows_are_let_go_of_after_the_window(
    database: Database, clock: FakeClock
) -> None:
    bus, worker = SqliteBus(database, clock=clock), Worker(clock)
    async with running(bus, worker):
        await bus.publish([envelope(f"a{n}", f"{n}") for n in range(50)])
        await worker.until(50)
        assert (await bus.depth(), rows(database)) == (0, 50)
        await clock.advance(60)
        await bus.publish([envelope("b")])
        await clock.advance(60)
        await worker.until(51)
        assert (await bus.depth(), rows(database)) == (0, 1)


# --- redelivery ------------------------------------------------------------------------------


async def test_redelivery_waits_longer_each_time_up_to_a_limit(
    database: Database, clock: FakeClock
) -> None:
    bus, worker = SqliteBus(database, clock=clock), Worker(clock, fails=9)
    async with running(bus, worker):
        await bus.publish([envelope("a"), envelope("b")])
        for tried in range(1, 10):
            await worker.until(tried)
            await clock.until_sleeping()
            assert len(worker.given) == tried
            assert clock.next_wake is not None
            await clock.advance(clock.next_wake - clock.now())
        await worker.until(11)
    a, b = envelope("a").event, envelope("b").event
    assert worker.given == [*((a, tries) for tries in range(1, 11)), (b, 1)]
    waits = [late - early for early, late in zip(worker.seconds, worker.seconds[1:], strict=False)]
    assert waits[:9] == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5])


async def test_a_failure_holds_up_its_partition_only(database: Database, clock: FakeClock) -> None:
    bus, worker = SqliteBus(database, clock=clock), Worker(clock, fails=1)
    async with running(bus, worker):
        await bus.publish([envelope("a", "t")])
        await clock.until_sleeping()
        others = [envelope(f"o{n}", f"other {n}") for n in range(64)]
        await bus.publish([envelope("b", "t"), *others])
        # One partition in sixteen stands still, and it holds "b".
        await worker.until(1 + 40)
        for _ in range(50):
            await asyncio.sleep(0)
        assert envelope("b", "t").event not in [event for event, _ in worker.given]
        assert 1 + 40 < len(worker.given) < 1 + 64
        await clock.advance(0.05)
        await worker.until(1 + 64 + 2)
    held = [
        event for event, _ in worker.given if event in {envelope("a").event, envelope("b").event}
    ]
    assert held == [envelope("a").event, envelope("a").event, envelope("b").event]


async def test_the_log_names_the_event_and_quotes_no_message(
    database: Database, clock: FakeClock
) -> None:
    bus, worker = SqliteBus(database, clock=clock), Worker(clock, fails=1)
    with capture_logs() as logs:
        async with running(bus, worker):
            await bus.publish([envelope("a")])
            await clock.until_sleeping()
    (line,) = [one for one in logs if one["event"] == "bus.redelivers"]
    assert (line["event_id"], line["tries"]) == (envelope("a").event, 1)
    assert line["error"] == "LookupError"
    assert "test_sqlite_bus.py" in line["at"]
    assert "4111" not in str(logs)


async def test_waiting_and_tries_survive_a_restart(database: Database, clock: FakeClock) -> None:
    bus, worker = SqliteBus(database, clock=clock), Worker(clock, fails=2)
    async with running(bus, worker):
        await bus.publish([envelope("a")])
        await clock.until_sleeping()
        await clock.advance(0.05)
        await worker.until(2)
        await clock.until_sleeping()
    await bus.close()
    again = SqliteBus(database, clock=clock)
    async with running(again, worker):
        await clock.until_sleeping()
        assert len(worker.given) == 2
        await clock.advance(0.1)
        await worker.until(3)
    assert [tries for _, tries in worker.given] == [1, 2, 3]


async def test_what_killed_the_process_is_counted(database: Database, clock: FakeClock) -> None:
    """A redelivery after a crash is counted before it is made, so that poison is told apart."""
    await SqliteBus(database, clock=clock).publish([envelope("poison")])
    tries_kept: list[int] = []

    async def handle(envelope: Envelope, *, tries: int) -> None:
        kept: int = database.glance(lambda look: look.execute("SELECT tries FROM queue").get)
        tries_kept.append(kept)
        assert kept == tries

    bus = SqliteBus(database, clock=clock)
    async with running(bus, handle):
        await until(lambda: bool(tries_kept))
    assert tries_kept == [1]


async def test_a_handler_that_is_cancelled_from_within_is_a_failure(
    database: Database, clock: FakeClock
) -> None:
    given: list[int] = []

    async def handle(envelope: Envelope, *, tries: int) -> None:
        given.append(tries)
        if tries == 1:
            raise asyncio.CancelledError

    bus = SqliteBus(database, clock=clock)
    async with running(bus, handle):
        await bus.publish([envelope("a")])
        await clock.until_sleeping()
        await clock.advance(0.05)
        await until(lambda: len(given) == 2)
        assert await bus.depth() == 0
    assert given == [1, 2]


# --- much at once ----------------------------------------------------------------------------


async def test_what_memory_does_not_hold_waits_in_the_file_in_order(
    database: Database, clock: FakeClock
) -> None:
    few = Settings(ahead=3)
    early = [envelope(f"early {n}", f"{n % 5}") for n in range(60)]
    late = [envelope(f"late {n}", f"{n % 5}") for n in range(60)]
    await SqliteBus(database, clock=clock).publish(early)
    bus, worker = SqliteBus(database, clock=clock, partitions=2, settings=few), Worker(clock)
    async with running(bus, worker):
        for one in late:
            await bus.publish([one])
        await worker.until(120)
        assert await bus.depth() == 0
    thread_of = {one.event: one.thread for one in early + late}
    assert len({event for event, _ in worker.given}) == len(worker.given) == 120
    for number in range(5):
        thread = ThreadId.of(f"{number}")
        mine = [event for event, _ in worker.given if thread_of[event] == thread]
        assert mine == [one.event for one in early + late if one.thread == thread]


async def test_the_number_of_partitions_may_change(database: Database, clock: FakeClock) -> None:
    sent = [envelope(f"e{n}", f"{n % 7}") for n in range(70)]
    await SqliteBus(database, clock=clock, partitions=16).publish(sent)
    bus, worker = SqliteBus(database, clock=clock, partitions=3), Worker(clock)
    async with running(bus, worker):
        await worker.until(70)
        assert await bus.depth() == 0
    order = [event for event, _ in worker.given]
    for number in range(7):
        mine = [one.event for one in sent if one.thread == ThreadId.of(f"{number}")]
        assert [event for event in order if event in set(mine)] == mine


async def test_it_delivers_once_at_a_time(database: Database, clock: FakeClock) -> None:
    bus, worker = SqliteBus(database, clock=clock), Worker(clock)
    async with running(bus, worker):
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="delivering already"):
            await bus.run(worker)
        await bus.publish([envelope("a")])
        await worker.until(1)
    async with running(bus, worker):
        await bus.publish([envelope("b")])
        await worker.until(2)
    assert [tries for _, tries in worker.given] == [1, 1]


# --- with the store --------------------------------------------------------------------------


async def test_accepting_wakes_the_worker_once_it_is_durable(
    database: Database, clock: FakeClock
) -> None:
    bus = SqliteBus(database, clock=clock)
    store = SqliteStore(database, bus)
    seen: list[EventId] = []

    async def handle(envelope: Envelope, *, tries: int) -> None:
        turn = await store.turn(envelope.thread)
        assert envelope.event in [event.id for event in turn.events]
        seen.append(envelope.event)

    async with running(bus, handle):
        batches = await asyncio.gather(
            *(store.accept(acceptance(arrival(address(f"u{n}"), "m"))) for n in range(40))
        )
        repeat = await store.accept(acceptance(arrival(address("u0"), "m")))
        await until(lambda: len(seen) >= 40)
        assert await bus.depth() == 0
    assert repeat.events == ()
    assert all(batch.queued for batch in batches)
    assert sorted(seen) == sorted(event.id for batch in batches for event in batch.events)


async def test_the_window_is_a_setting(database: Database, clock: FakeClock) -> None:
    bus = SqliteBus(database, clock=clock, settings=Settings(window=timedelta(seconds=1)))
    worker = Worker(clock)
    async with running(bus, worker):
        await bus.publish([envelope("a")])
        await worker.until(1)
        assert await bus.depth() == 0
        await clock.advance(1)
        await bus.publish([envelope("a")])
        await worker.until(2)
    await bus.close()
    await bus.close()
