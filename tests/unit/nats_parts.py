"""What tests of the bus over NATS have in common."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bot.buses.nats import ConnectionSettings, NatsBus, NatsConnection, Settings
from bot.edge.clock import SystemClock
from bot.errors import BusError
from bot.model.ids import EventId, ThreadId
from bot.model.record import Envelope
from tests.unit.nats_worker import lines_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from bot.ports import Handle
    from tests.unit.nats_worker import Line, Plan

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0  # seconds; never waited for when all is well
QUICK = ConnectionSettings(
    beat=timedelta(seconds=0.2),
    silence=timedelta(seconds=0.6),
    longest_delay=timedelta(seconds=0.2),
)
SHORT = Settings(ack_wait=timedelta(seconds=1), patience=timedelta(seconds=1))
A = ThreadId.of("thread", "a")


def envelope(name: str, thread: ThreadId = A) -> Envelope:
    return Envelope(event=EventId.of("event", name), thread=thread)


def envelopes(count: int, thread: ThreadId = A, *, start: int = 0) -> list[Envelope]:
    return [envelope(f"{thread} {n}", thread) for n in range(start, start + count)]


def threads(count: int) -> list[ThreadId]:
    return [ThreadId.of("thread", str(n)) for n in range(count)]


@asynccontextmanager
async def connected(
    url: str, settings: ConnectionSettings = QUICK
) -> AsyncIterator[NatsConnection]:
    connection = await NatsConnection.open([url], name="test", settings=settings)
    try:
        yield connection
    finally:
        await connection.close()


def bus_over(
    connection: NatsConnection, name: str, *, partitions: int = 4, settings: Settings = SHORT
) -> NatsBus:
    return NatsBus(
        connection, clock=SystemClock(), partitions=partitions, name=name, settings=settings
    )


@asynccontextmanager
async def running(bus: NatsBus, handle: Handle) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(bus.run(handle))
    try:
        yield task
    finally:
        task.cancel()
        async with asyncio.timeout(PATIENCE):
            with suppress(asyncio.CancelledError):
                await task


class Worker:
    """A handler that notes what it is given and may be made to wait."""

    def __init__(self) -> None:
        self.attempts: list[tuple[EventId, int]] = []
        self.handled: list[EventId] = []
        self.free = asyncio.Event()
        self.free.set()

    async def __call__(self, envelope: Envelope, *, tries: int) -> None:
        self.attempts.append((envelope.event, tries))
        await self.free.wait()
        self.handled.append(envelope.event)


async def until(true: Callable[[], bool], *, patience: float = PATIENCE) -> float:
    """Return when it is true, with the seconds that it took."""
    began = time.monotonic()
    async with asyncio.timeout(patience):
        while not true():  # noqa: ASYNC110 - it is told by files and servers too
            await asyncio.sleep(0.005)
    return time.monotonic() - began


async def until_empty(bus: NatsBus) -> None:
    async with asyncio.timeout(PATIENCE):
        while await bus.depth():  # noqa: ASYNC110 - the port tells no other way
            await asyncio.sleep(0.005)


async def publish_until_taken(bus: NatsBus, envelope: Envelope) -> float:
    """As the sweeper does: again and again; returns the seconds that it took."""
    began = time.monotonic()
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await bus.publish([envelope])
            except BusError:
                await asyncio.sleep(0.01)
            else:
                return time.monotonic() - began


@asynccontextmanager
async def worker_process(plan: Plan) -> AsyncIterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(  # noqa: ASYNC220 - it starts in a moment, and is not waited for
        [sys.executable, "-m", "tests.unit.nats_worker", plan.model_dump_json()], cwd=ROOT
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def until_line(file: Path, what: str, count: int = 1) -> Line:
    """The line with which a worker did something the so-manieth time."""
    async with asyncio.timeout(PATIENCE):
        while len(found := lines_of(file, what)) < count:  # noqa: ASYNC110 - a process writes it
            await asyncio.sleep(0.005)
    return found[count - 1]
