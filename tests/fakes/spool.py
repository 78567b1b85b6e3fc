"""A spool in memory."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from bot.errors import SpoolFull, StoreClosed
from bot.ports import SpoolDepth, Spooled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime, timedelta

    from bot.errors import StoreError
    from bot.model.record import Acceptance


@dataclass
class SpoolMemory:
    """What waits; give the same one to a second spool and it is as after a restart."""

    waiting: dict[int, tuple[datetime, Acceptance, int]] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))


class FakeSpool:
    """A `Spool` that keeps for as long as its memory lives.

    Set `failing` to a `StoreError` to have every operation raise it: a disk that breaks. Set `slow`
    to an event that `put` waits for: a disk that takes its time.
    """

    def __init__(
        self, memory: SpoolMemory | None = None, *, longest: timedelta, most_bytes: int
    ) -> None:
        self.memory = memory or SpoolMemory()
        self.failing: StoreError | None = None
        self.slow: asyncio.Event | None = None
        self._longest = longest
        self._most_bytes = most_bytes
        self._closed = False

    async def put(self, acceptance: Acceptance, *, at: datetime) -> None:
        if self.slow is not None:
            await self.slow.wait()
        depth = await self.depth()
        if depth.oldest_at is not None and at - depth.oldest_at > self._longest:
            raise SpoolFull("the oldest has waited too long")
        size = _size(acceptance)
        if depth.bytes + size > self._most_bytes:
            raise SpoolFull("too much waits")
        self.memory.waiting[next(self.memory.numbers)] = (at, acceptance, size)

    async def oldest(self, *, limit: int) -> list[Spooled]:
        self._begin()
        waiting = [
            Spooled(number=number, acceptance=acceptance)
            for number, (_, acceptance, _) in self.memory.waiting.items()
        ]
        return waiting[: max(limit, 0)]

    async def drop(self, numbers: Sequence[int]) -> None:
        self._begin()
        for number in numbers:
            self.memory.waiting.pop(number, None)

    async def depth(self) -> SpoolDepth:
        self._begin()
        moments = [at for at, _, _ in self.memory.waiting.values()]
        return SpoolDepth(
            count=len(moments),
            bytes=sum(size for _, _, size in self.memory.waiting.values()),
            oldest_at=moments[0] if moments else None,
        )

    async def close(self) -> None:
        self._closed = True

    def _begin(self) -> None:
        if self._closed:
            raise StoreClosed("the spool is closed")
        if self.failing is not None:
            raise self.failing


def _size(acceptance: Acceptance) -> int:
    if acceptance.request is None:
        return len(repr(acceptance))
    bare = acceptance.model_copy(update={"request": None})
    return len(repr(bare)) + len(acceptance.request.body)
