"""Puts off what comes in while too much waits: what is not taken, its sender keeps.

The store is asked, not the bus: a broker that was killed may hold wake-ups anew for what was
processed long ago, and those are no reason to refuse anything.
"""

from __future__ import annotations

from datetime import timedelta

import structlog

from bot.errors import Overloaded, StoreClosed, StoreError
from bot.ports import Clock, Store

log = structlog.get_logger("samtal.pressure")

_EVERY = timedelta(seconds=1)
# Once it is too much, nothing is taken until the backlog is well below the limit: at the edge of
# it, every second sender would be put off.
_RELIEF = 0.8


class Pressure:
    """Whether there is room for one more message, as of a second ago."""

    def __init__(self, *, store: Store, clock: Clock, limit: int) -> None:
        self.limit = limit
        self.waiting = 0
        self._store = store
        self._clock = clock
        self._full = False

    @property
    def full(self) -> bool:
        """Whether new messages are put off."""
        return self._full

    def check(self) -> None:
        """Return when there is room; raises Overloaded."""
        if self._full:
            raise Overloaded(f"{self.waiting} messages wait already")

    async def run(self) -> None:
        """Look each second until cancelled."""
        while True:
            try:
                await self.look()
            except StoreClosed:
                raise
            except StoreError as error:
                # What was known last holds; whoever needs the store says loudly that it is away.
                log.debug("backlog unknown", error=type(error).__name__)
            await self._clock.sleep(_EVERY)

    async def look(self) -> None:
        """Look once; raises StoreError."""
        self.waiting = await self._store.waiting(most=self.limit + 1)
        full = self.waiting > self.limit * (_RELIEF if self._full else 1)
        if full != self._full:
            self._full = full
            if full:
                log.warning("putting off new messages", waiting=self.waiting, limit=self.limit)
            else:
                log.info("taking messages again", waiting=self.waiting)
