"""Time that stands still until a test lets it pass."""

from __future__ import annotations

import asyncio
import heapq
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING

from tests.builders import START

if TYPE_CHECKING:
    from datetime import datetime

_ROUNDS = 25


class FakeClock:
    """A `Clock` that moves by `advance` alone; sleepers wake in the order they are due."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._number = count()
        self._asleep = asyncio.Event()

    def now(self) -> datetime:
        return self._now

    async def sleep(self, duration: timedelta) -> None:
        if duration <= timedelta(0):
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + duration, next(self._number), woken))
        self._asleep.set()
        await woken

    @property
    def sleepers(self) -> int:
        """How many wait now."""
        return sum(1 for _, _, woken in self._sleepers if not woken.done())

    @property
    def next_wake(self) -> datetime | None:
        """When the first sleeper wakes, or None when nobody sleeps."""
        return min((due for due, _, woken in self._sleepers if not woken.done()), default=None)

    async def advance(self, duration: timedelta | float) -> None:
        """Let time pass (a bare number: seconds), waking each sleeper at its own moment.

        Whoever wakes gets to its next wait before time moves on, so a task that sleeps again and
        again wakes as often as it would have.
        """
        passing = duration if isinstance(duration, timedelta) else timedelta(seconds=duration)
        until = self._now + passing
        await settle()
        while self._sleepers and self._sleepers[0][0] <= until:
            due, _, woken = heapq.heappop(self._sleepers)
            if woken.done():  # cancelled while asleep
                continue
            self._now = due
            woken.set_result(None)
            await settle()
        self._now = until
        await settle()

    async def until_sleeping(self, number: int = 1) -> None:
        """Return when this many wait, so that a test does not advance too early."""
        while self.sleepers < number:
            self._asleep.clear()
            await self._asleep.wait()


async def settle() -> None:
    """Give every task that can go on the time to come to its next wait."""
    for _ in range(_ROUNDS):
        await asyncio.sleep(0)
