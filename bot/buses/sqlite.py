"""The bus as a table beside the store: recording and queueing are one transaction."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import NamedTuple
from zlib import crc32

import apsw
import structlog

from bot.buses.retrying import delay_after, is_cancelled, place_of
from bot.embedded.database import Database
from bot.embedded.queue import Queued
from bot.errors import StoreClosed
from bot.model.ids import EventId, ThreadId
from bot.model.moments import micros
from bot.model.record import Envelope
from bot.model.value import Value
from bot.ports import Clock, Handle

_log = structlog.get_logger(__name__)

_INSERT = "INSERT OR IGNORE INTO queue (event, thread, slot, at) VALUES (?, ?, ?, ?)"
_FORGET = "DELETE FROM queue WHERE event = ? AND done = 1 AND at <= ?"
_WAITING = """
SELECT id, event, thread, slot, tries, not_before FROM queue WHERE done = 0 ORDER BY id
"""
_MORE = """
SELECT id, event, thread, slot, tries, not_before FROM queue
WHERE id > ? AND done = 0 AND slot % ? = ? ORDER BY id LIMIT ?
"""
# The last row stays, so that ids go on rising. Old rows lie first: a look at as many as were
# done since the last time keeps pace.
_PURGE = """
DELETE FROM queue WHERE id IN (
    SELECT id FROM (SELECT id, done, at FROM queue ORDER BY id LIMIT ?)
    WHERE done = 1 AND at <= ? AND id < (SELECT max(id) FROM queue))
"""
_PURGE_AT_LEAST = 64


class Settings(Value):
    """How the bus behaves.

    `window`: how long a repeated event is known as one. Redelivery waits `first_delay`, doubling
    up to `longest_delay`. `ahead`: envelopes kept in memory for each partition; further ones wait
    in the file. `lag`: how long an acknowledgement may wait for others to be written with.
    """

    window: timedelta = timedelta(seconds=120)
    first_delay: timedelta = timedelta(milliseconds=50)
    longest_delay: timedelta = timedelta(seconds=5)
    ahead: int = 1_000
    lag: timedelta = timedelta(milliseconds=20)


class _Waiting(NamedTuple):
    """One envelope that waits; `tries` were made before, `not_before` is in microseconds."""

    id: int
    envelope: Envelope
    slot: int
    tries: int = 0
    not_before: int = 0


class _Recovered(NamedTuple):
    """What waited at the start, as much as fits; `last` is the last that waits in the file."""

    rows: list[_Waiting]
    last: int


class _Lane:
    """What waits in one partition.

    `more`: the file holds further ones after `last`, which are read when these are done.
    """

    def __init__(self) -> None:
        self.ready: deque[_Waiting] = deque()
        self.woken = asyncio.Event()
        self.last = 0
        self.more = False

    def add(self, waiting: _Waiting, *, ahead: int) -> None:
        """Take one more in order, or leave it in the file when there are enough."""
        if self.more or len(self.ready) >= ahead:
            self.more = True
        else:
            self.ready.append(waiting)
            self.last = waiting.id
        self.woken.set()


class SqliteBus:
    """The `Bus` port over a table of an open database; one process delivers."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        partitions: int = 16,
        settings: Settings | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._partitions = partitions
        self._settings = settings or Settings()
        self._lanes: list[_Lane] = []
        self._recovered = 0
        self._running = False
        self._acknowledged: list[int] = []
        self._flush: asyncio.TimerHandle | None = None

    # --- putting on ---------------------------------------------------------------------------

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """See the port."""
        if envelopes:
            work = partial(_insert_with, self, envelopes)
            await self._database.write(work, after=self.committed)

    def insert_rows(
        self, connection: apsw.Connection, envelopes: Sequence[Envelope]
    ) -> list[Queued]:
        """Put envelopes on the queue within the caller's transaction; repeats are left out.

        The caller calls `committed` with what this returned once the transaction is durable.
        """
        now = micros(self._clock.now())
        found: list[Queued] = []
        for envelope in envelopes:
            slot = crc32(envelope.thread.encode())
            row = (envelope.event, envelope.thread, slot, now)
            connection.execute(_INSERT, row)
            if connection.changes() == 0 and not self._insert_again(connection, row):
                continue
            found.append(Queued(connection.last_insert_rowid(), envelope, slot))
        return found

    def committed(self, rows: Sequence[Queued]) -> None:
        """Hand committed envelopes to their partitions; without a running worker they wait."""
        if self._lanes:
            for row in rows:
                self._lane(row.slot).add(_Waiting(*row), ahead=self._settings.ahead)

    def _insert_again(
        self, connection: apsw.Connection, row: tuple[EventId, ThreadId, int, int]
    ) -> bool:
        """Put a repeat on after all when the one before is done and out of the window."""
        horizon = row[3] - self._settings.window // timedelta(microseconds=1)
        connection.execute(_FORGET, (row[0], horizon))
        if connection.changes() == 0:
            return False
        connection.execute(_INSERT, row)
        return True

    # --- delivering ---------------------------------------------------------------------------

    async def run(self, handle: Handle) -> None:
        """See the port."""
        if self._running:
            raise RuntimeError("this bus is delivering already")
        self._running = True
        lanes = [_Lane() for _ in range(self._partitions)]
        try:
            work = partial(self._waiting_rows, self._taken())
            await self._database.write(work, after=partial(self._open, lanes))
            async with asyncio.TaskGroup() as group:
                for number, lane in enumerate(lanes):
                    group.create_task(self._serve(number, lane, handle))
        finally:
            self._running = False
            self._lanes = []

    def _open(self, lanes: list[_Lane], found: _Recovered) -> None:
        """Start with what waited; what commits later comes after it, through `committed`."""
        if not self._running:
            return
        self._lanes = lanes
        self._recovered = found.last
        for waiting in found.rows:
            self._lane(waiting.slot).add(waiting, ahead=self._settings.ahead)

    def _lane(self, slot: int) -> _Lane:
        return self._lanes[slot % self._partitions]

    def _waiting_rows(self, done: Sequence[int], connection: apsw.Connection) -> _Recovered:
        """What waits in the file, no more of each partition than it holds, and one to tell."""
        self._write_acknowledged(done, connection)
        counts = [0] * self._partitions
        found: list[_Waiting] = []
        last = 0
        for waiting in map(_waiting_of, connection.execute(_WAITING)):
            last = waiting.id
            partition = waiting.slot % self._partitions
            counts[partition] += 1
            if counts[partition] <= self._settings.ahead + 1:
                found.append(waiting)
        return _Recovered(found, last)

    async def _serve(self, number: int, lane: _Lane, handle: Handle) -> None:
        """Deliver the envelopes of one partition, one at a time, for ever."""
        while True:
            while lane.ready:
                waiting = lane.ready.popleft()
                await self._deliver(waiting, handle)
                self._acknowledge(waiting.id)
            if lane.more:
                await self._read_more(number, lane)
            else:
                lane.woken.clear()
                await lane.woken.wait()

    async def _read_more(self, number: int, lane: _Lane) -> None:
        """Fill a lane from the file; in step with commits, so that none is missed or doubled."""
        ahead = self._settings.ahead

        def work(connection: apsw.Connection) -> list[_Waiting]:
            bounds = (lane.last, self._partitions, number, ahead + 1)
            return [_waiting_of(row) for row in connection.execute(_MORE, bounds)]

        def fill(rows: Iterable[_Waiting]) -> None:
            lane.more = False
            for waiting in rows:
                lane.add(waiting, ahead=ahead)

        await self._database.write(work, after=fill)

    async def _deliver(self, waiting: _Waiting, handle: Handle) -> None:
        """Call the handler until it returns."""
        await self._wait_until(waiting.not_before)
        for tries in itertools.count(waiting.tries + 1):
            if waiting.id <= self._recovered:
                # It may be what the process died of: count the attempt before it is made.
                await self._database.write(partial(_remember, row=waiting.id, tries=tries))
            try:
                await handle(waiting.envelope, tries=tries)
            except asyncio.CancelledError:
                if is_cancelled():
                    self._remember(waiting.id, tries=tries)
                    raise
                await self._back_off(waiting, tries=tries, error=asyncio.CancelledError())
            except Exception as error:  # noqa: BLE001 - a worker's outermost loop: redelivered, never lost
                await self._back_off(waiting, tries=tries, error=error)
            else:
                return

    async def _wait_until(self, not_before: int) -> None:
        if not_before:
            left = not_before - micros(self._clock.now())
            if left > 0:
                await self._clock.sleep(timedelta(microseconds=left))

    async def _back_off(self, waiting: _Waiting, *, tries: int, error: BaseException) -> None:
        """Wait before the next try; the error's text is not logged, as it may quote a message."""
        settings = self._settings
        delay = delay_after(tries, first=settings.first_delay, longest=settings.longest_delay)
        _log.error(
            "bus.redelivers",
            event_id=waiting.envelope.event,
            thread=waiting.envelope.thread,
            tries=tries,
            error=type(error).__name__,
            at=place_of(error),
        )
        self._remember(waiting.id, tries=tries, not_before=micros(self._clock.now() + delay))
        await self._clock.sleep(delay)

    # --- acknowledging ------------------------------------------------------------------------

    def _acknowledge(self, row: int) -> None:
        """Note that a row is done, to be written soon with others: a redelivery is harmless."""
        self._acknowledged.append(row)
        if self._flush is None:
            lag = self._settings.lag.total_seconds()
            self._flush = asyncio.get_running_loop().call_later(lag, self._post_acknowledged)

    def _post_acknowledged(self) -> None:
        self._flush = None
        with suppress(StoreClosed):
            self._database.post(partial(self._write_acknowledged, self._taken()))

    def _taken(self) -> list[int]:
        """What is to be written as done now; on the event loop, as `_acknowledge` is."""
        done, self._acknowledged = self._acknowledged, []
        return done

    def _write_acknowledged(self, done: Sequence[int], connection: apsw.Connection) -> None:
        """Mark what is done, and let go of as much that has left the window."""
        connection.executemany("UPDATE queue SET done = 1 WHERE id = ?", [(row,) for row in done])
        horizon = micros(self._clock.now() - self._settings.window)
        connection.execute(_PURGE, (max(2 * len(done), _PURGE_AT_LEAST), horizon))

    def _remember(self, row: int, *, tries: int, not_before: int = 0) -> None:
        with suppress(StoreClosed):
            self._database.post(partial(_remember, row=row, tries=tries, not_before=not_before))

    # --- the rest -----------------------------------------------------------------------------

    async def depth(self) -> int:
        """See the port."""
        return await self._database.write(partial(self._count, self._taken()))

    def _count(self, done: Sequence[int], connection: apsw.Connection) -> int:
        self._write_acknowledged(done, connection)
        count: int = connection.execute("SELECT count(*) FROM queue WHERE done = 0").get
        return count

    async def close(self) -> None:
        """See the port; the database stays open for who shares it."""
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        with suppress(StoreClosed):
            await self._database.write(partial(self._write_acknowledged, self._taken()))


def _insert_with(
    bus: SqliteBus, envelopes: Sequence[Envelope], connection: apsw.Connection
) -> list[Queued]:
    return bus.insert_rows(connection, envelopes)


def _waiting_of(row: tuple[int, str, str, int, int, int]) -> _Waiting:
    number, event, thread, slot, tries, not_before = row
    envelope = Envelope(event=EventId(event), thread=ThreadId(thread))
    return _Waiting(number, envelope, slot, tries, not_before)


def _remember(connection: apsw.Connection, *, row: int, tries: int, not_before: int = 0) -> None:
    connection.execute(
        "UPDATE queue SET tries = ?, not_before = ? WHERE id = ?", (tries, not_before, row)
    )
