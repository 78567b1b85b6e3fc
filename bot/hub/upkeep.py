"""What must happen without anybody writing: timers, and events that the bus lost."""

from __future__ import annotations

from datetime import timedelta

import structlog

from bot.errors import StoreError
from bot.hub.ingress import Ingress
from bot.ports import Clock, Store

log = structlog.get_logger("samtal.upkeep")

_EVERY = timedelta(seconds=1)
_SWEEP_EVERY = 15
_LOST_AFTER = timedelta(seconds=30)
_BATCH = 500


class Upkeep:
    """Puts due timers on the line, and recorded events that nobody processed back on the bus."""

    def __init__(self, *, store: Store, ingress: Ingress, clock: Clock) -> None:
        self._store = store
        self._ingress = ingress
        self._clock = clock

    async def run(self) -> None:
        """Do so until cancelled."""
        round_number = 0
        while True:
            try:
                await self.timers()
                if round_number % _SWEEP_EVERY == 0:
                    await self.sweep()
            except StoreError:
                log.exception("upkeep failed; trying again")
            round_number += 1
            await self._clock.sleep(_EVERY)

    async def timers(self) -> int:
        """Put timers that are due on the line; returns how many."""
        due = await self._store.due_timers(now=self._clock.now(), limit=_BATCH)
        await self._ingress.publish(due)
        return len(due)

    async def sweep(self) -> int:
        """Put events on the bus again that were recorded long ago and not processed."""
        before = self._clock.now() - _LOST_AFTER
        lost = await self._store.unprocessed(before=before, limit=_BATCH)
        if lost:
            log.warning("swept", events=len(lost))
        await self._ingress.publish(lost)
        return len(lost)
