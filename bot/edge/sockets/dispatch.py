"""Hands the hub's announcements to the namespaces, one after another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from bot.hub.feed import Announcement, Feed

log = structlog.get_logger("samtal.dispatch")


class Hearer(Protocol):
    """A namespace that tells its sockets what happened."""

    def concerns(self, announcement: Announcement) -> bool:
        """Whether anybody here may want to know; quick, as nobody waits for it."""

    async def tell(self, announcement: Announcement) -> None:
        """Tell the sockets it concerns."""


class Dispatcher:
    """Keeps the order of announcements; what concerns nobody is never queued."""

    def __init__(self, hearers: Sequence[Hearer]) -> None:
        self._hearers = tuple(hearers)
        self._queue: asyncio.Queue[Announcement] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._unsubscribe: Callable[[], None] | None = None

    def start(self, feed: Feed) -> None:
        """Listen from now on."""
        self._unsubscribe = feed.subscribe(self._hear)
        self._task = asyncio.create_task(self._run(), name="samtal-dispatch")

    async def close(self) -> None:
        """Stop listening."""
        if self._unsubscribe is not None:
            self._unsubscribe()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _hear(self, announcement: Announcement) -> None:
        if any(hearer.concerns(announcement) for hearer in self._hearers):
            self._queue.put_nowait(announcement)

    async def _run(self) -> None:
        while True:
            announcement = await self._queue.get()
            for hearer in self._hearers:
                try:
                    await hearer.tell(announcement)
                except Exception:  # outermost: one announcement must not end all
                    log.exception("an announcement was not told", kind=announcement.kind)
