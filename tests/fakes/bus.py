"""A bus in memory, for background tasks or for delivering by hand."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.model.ids import EventId, ThreadId
    from bot.model.record import Envelope
    from bot.ports import Clock, Handle

_FIRST_DELAY = timedelta(milliseconds=10)
_LONGEST = 8  # doublings


@dataclass
class BusMemory:
    """What is on the bus; give the same one to a second bus and nothing is forgotten."""

    waiting: dict[ThreadId, deque[Envelope]] = field(default_factory=dict)
    seen: set[EventId] = field(default_factory=set)
    tries: Counter[EventId] = field(default_factory=Counter)


class FakeBus:
    """A `Bus` with a partition for each thread.

    `run` delivers in the background, as the real one does; `deliver` hands over by hand, and a
    handler's error comes back to the test. With a `FakeClock`, redelivery waits until the test
    advances it. `published` holds all that was put on the bus, repeats too.
    """

    def __init__(self, memory: BusMemory | None = None, *, clock: Clock | None = None) -> None:
        self.memory = memory or BusMemory()
        self.published: list[Envelope] = []
        self._clock = clock
        self._wake = asyncio.Event()
        self._idle = asyncio.Condition()
        self._busy: set[ThreadId] = set()

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        await asyncio.sleep(0)
        self.put(envelopes)

    def put(self, envelopes: Sequence[Envelope]) -> None:
        """Publish without waiting: for a store that does it in the same step as its record."""
        for envelope in envelopes:
            self.published.append(envelope)
            if envelope.event not in self.memory.seen:
                self.memory.seen.add(envelope.event)
                self.memory.waiting.setdefault(envelope.thread, deque()).append(envelope)
        self._wake.set()

    async def run(self, handle: Handle) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    for thread in [one for one in self.memory.waiting if one not in self._busy]:
                        self._busy.add(thread)
                        group.create_task(self._serve(thread, handle))
                    self._wake.clear()
                    await self._wake.wait()
        finally:
            self._busy.clear()

    async def deliver(self, handle: Handle) -> int:
        """Hand over all that waits and all that comes of it; returns how many there were."""
        delivered = 0
        while self.memory.waiting:
            thread = next(iter(self.memory.waiting))
            await self._hand_over(thread, handle)
            delivered += 1
        return delivered

    async def idle(self) -> None:
        """Return when nothing waits and nothing is being handled."""
        async with self._idle:
            await self._idle.wait_for(lambda: not self.memory.waiting)

    async def depth(self) -> int:
        return sum(len(queue) for queue in self.memory.waiting.values())

    async def close(self) -> None:
        self._busy.clear()

    async def _serve(self, thread: ThreadId, handle: Handle) -> None:
        while thread in self.memory.waiting:
            envelope = self.memory.waiting[thread][0]
            try:
                await self._hand_over(thread, handle)
            except asyncio.CancelledError:
                if _told_to_stop():
                    raise
                await self._rest(self.memory.tries[envelope.event])
            except Exception:  # noqa: BLE001 - a bus redelivers whatever the handler raised
                await self._rest(self.memory.tries[envelope.event])
        self._busy.discard(thread)

    async def _hand_over(self, thread: ThreadId, handle: Handle) -> None:
        queue = self.memory.waiting[thread]
        envelope = queue[0]
        self.memory.tries[envelope.event] += 1
        await handle(envelope, tries=self.memory.tries[envelope.event])
        queue.popleft()
        if not queue:
            del self.memory.waiting[thread]
        async with self._idle:
            self._idle.notify_all()

    async def _rest(self, tries: int) -> None:
        delay = _FIRST_DELAY * 2 ** min(tries - 1, _LONGEST)
        if self._clock is None:
            await asyncio.sleep(delay.total_seconds())
        else:
            await self._clock.sleep(delay)


def _told_to_stop() -> bool:
    """Whether this task was cancelled, and not only something that the handler waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
