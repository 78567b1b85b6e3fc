"""Numbered messages of many senders, each posted until it is accepted, as a provider does."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Protocol

from tests.bench import twilio
from tests.bench.client import Client
from tests.crash.facts import Posted

# Each is a question that the shop's content answers by itself, with a number to tell it by.
QUESTIONS = (
    "när har ni öppet? {}",
    "vad kostar frakten? {}",
    "hur lång är leveranstiden? {}",
    "vilka betalsätt har ni? {}",
    "var ligger butiken? {}",
)
_AT_ONCE = 64  # webhooks under way at a time at one door, retries included
_MOST_OPEN = 1000  # messages without a 2xx: a machine that is too slow must not pile up more
_REPEATED = 0.05  # of the accepted messages come once more
_STUCK = 30.0  # seconds without any progress at the end


@dataclass(slots=True)
class Tally:
    """What the load met."""

    retries: int = 0
    repeats: int = 0
    statuses: Counter[int] = field(default_factory=Counter)


class Door:
    """One process that takes webhooks, so many at a time."""

    def __init__(self, host: str, port: int, *, name: str = "", patience: float = 10.0) -> None:
        self.name = name
        self.room = asyncio.Semaphore(_AT_ONCE)
        self.client = Client(host, port)
        self._patience = patience

    async def post(self, request: twilio.Signed) -> int:
        """The status, 0 for none."""
        try:
            async with asyncio.timeout(self._patience):
                return (await self.client.post(request)).status
        except (OSError, TimeoutError):
            return 0


class Doors(Protocol):
    """Which door a sender's messages go to."""

    async def of(self, sender: str) -> Door:
        """The door for the next try."""

    async def post(self, door: Door, sender: str, request: twilio.Signed) -> int:
        """Try it there; the status, 0 for none (also when it is not the sender's door any more)."""

    def took(self, one: Posted) -> None:
        """A message was accepted."""

    def close(self) -> None:
        """End the connections."""


class OneDoor:
    """Where there is one process only."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def of(self, sender: str) -> Door:
        return self._door

    async def post(self, door: Door, sender: str, request: twilio.Signed) -> int:
        return await door.post(request)

    def took(self, one: Posted) -> None:
        """Nothing hangs on it."""

    def close(self) -> None:
        self._door.client.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How many messages a second, of how many senders, and how many in all (None: no end)."""

    rate: float
    senders: int
    most: int | None = None


class Load:
    """Posts numbered messages of many senders at a steady rate, and each until it is accepted.

    Every other sender waits for the 2xx before the next message; the others do not. `base` is the
    public URL that signatures cover.
    """

    def __init__(self, doors: Doors, pace: Pace, chance: random.Random, *, base: str) -> None:
        self.posted: list[Posted] = []
        self.tally = Tally()
        self._doors = doors
        self._pace = pace
        self._chance = chance
        self._base = base
        self._open = asyncio.Semaphore(_MOST_OPEN)
        self._turns: dict[str, asyncio.Lock] = {}
        self._counts: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, enough: asyncio.Event) -> None:
        """Post by the clock until told that it is enough."""
        meant = time.monotonic()
        for number in itertools.count():
            meant = max(meant + 1 / self._pace.rate, time.monotonic() - 1)
            await asyncio.sleep(max(meant - time.monotonic(), 0))
            await self._open.acquire()
            if enough.is_set() or number == self._pace.most:
                return
            self._start(self._message(number % self._pace.senders, number))

    async def finish(self) -> None:
        """Return when everything was accepted and repeated."""
        await until_none(self._under_way)
        self._doors.close()

    async def _under_way(self) -> int:
        return len(self._tasks)

    def stop(self) -> None:
        """Drop what is under way."""
        for task in self._tasks:
            task.cancel()

    async def _message(self, sender: int, number: int) -> None:
        phone = f"+4670{sender:07d}"
        self._counts[phone] += 1
        text = QUESTIONS[number % len(QUESTIONS)].format(self._counts[phone])
        waits = sender % 2 == 0
        async with self._turns.setdefault(phone, asyncio.Lock()) if waits else _no_lock():
            one = Posted(f"SM{number:032x}", phone, text, time.monotonic())
            self.posted.append(one)
            one.edge = await self._post(one)
            one.accepted_at = time.monotonic()
            self._doors.took(one)
            self._open.release()
        if self._chance.random() < _REPEATED:
            self.tally.repeats += 1
            self._start(self._again(one))

    async def _again(self, one: Posted) -> None:
        await asyncio.sleep(self._chance.uniform(0, 3))
        await self._post(one)

    async def _post(self, one: Posted) -> str:
        """Post until there is a 2xx, as a provider does; returns whose it was."""
        request = twilio.message(self._base, sid=one.sid, sender=one.sender, text=one.text)
        while True:
            door = await self._doors.of(one.sender)
            async with door.room:
                status = await self._doors.post(door, one.sender, request)
                self.tally.statuses[status] += 1
                if 200 <= status < 300:
                    return door.name
                self.tally.retries += 1
                # Within the room: a storm of tries would keep the server from starting.
                await asyncio.sleep(self._chance.uniform(0.2, 0.8))

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def until_none(look: Callable[[], Awaitable[int]], *, stuck: float = _STUCK) -> None:
    """Return when nothing is left, or nothing moves any more: the check tells what that was."""
    left, since = await look(), time.monotonic()
    while left and time.monotonic() - since < stuck:
        await asyncio.sleep(0.2)
        now = await look()
        if now != left:
            left, since = now, time.monotonic()


def _no_lock() -> contextlib.AbstractAsyncContextManager[None]:
    return contextlib.nullcontext()
