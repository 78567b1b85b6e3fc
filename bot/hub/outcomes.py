"""Lets the one who put an event on the line wait for what became of it."""

from __future__ import annotations

import asyncio

from bot.hub.feed import Announcement, EventEnded
from bot.model.event import Outcome
from bot.model.ids import EventId


class Outcomes:
    """Futures by event, for callers in this process; listens on the feed."""

    def __init__(self) -> None:
        self._waiting: dict[EventId, list[asyncio.Future[Outcome]]] = {}

    def expect(self, event: EventId) -> asyncio.Future[Outcome]:
        """A future that gets the outcome; give it back with `forget`."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(event, []).append(future)
        return future

    def hear(self, announcement: Announcement) -> None:
        """Tell the callers of an event that ended, in whichever process it did."""
        if isinstance(announcement, EventEnded):
            self.tell(announcement.event, announcement.outcome)

    def tell(self, event: EventId, outcome: Outcome) -> None:
        """The event ended so."""
        for future in self._waiting.pop(event, ()):
            if not future.done():
                future.set_result(outcome)

    def forget(self, event: EventId, future: asyncio.Future[Outcome]) -> None:
        """The caller waits no longer."""
        waiting = self._waiting.get(event)
        if waiting and future in waiting:
            waiting.remove(future)
            if not waiting:
                del self._waiting[event]
