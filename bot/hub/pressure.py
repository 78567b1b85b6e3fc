"""Puts off what comes in while too much waits: what is not taken, its sender keeps."""

from __future__ import annotations

from datetime import timedelta

import structlog

from bot.errors import BusError, Overloaded, StoreClosed, StoreError
from bot.ports import Bus, Clock

log = structlog.get_logger("samtal.pressure")

_EVERY = timedelta(seconds=1)
# Once it is too much, nothing is taken until the backlog is well below the limit: at the edge of
# it, every second sender would be put off.
_RELIEF = 0.8


class Pressure:
    """Whether there is room for one more message, as of a second ago."""

    def __init__(self, *, bus: Bus, clock: Clock, limit: int) -> None:
        self.limit = limit
        self.depth = 0
        self._bus = bus
        self._clock = clock
        self._full = False

    @property
    def full(self) -> bool:
        """Whether new messages are put off."""
        return self._full

    def check(self) -> None:
        """Return when there is room; raises Overloaded."""
        if self._full:
            raise Overloaded(f"{self.depth} messages wait already")

    async def run(self) -> None:
        """Look at the bus each second until cancelled."""
        while True:
            try:
                await self.look()
            except StoreClosed:
                raise
            except (BusError, StoreError) as error:
                # What was known last holds; whoever needs the bus says loudly that it is away.
                log.debug("depth unknown", error=type(error).__name__)
            await self._clock.sleep(_EVERY)

    async def look(self) -> None:
        """Look once; raises BusError."""
        self.depth = await self._bus.depth()
        full = self.depth > self.limit * (_RELIEF if self._full else 1)
        if full != self._full:
            self._full = full
            if full:
                log.warning("putting off new messages", waiting=self.depth, limit=self.limit)
            else:
                log.info("taking messages again", waiting=self.depth)
