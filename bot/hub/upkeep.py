"""What must happen without anybody writing: timers, and events that the bus lost."""

from __future__ import annotations

from datetime import timedelta

import structlog

from bot.errors import StoreError
from bot.model.event import ThreadEvent
from bot.model.record import Envelope
from bot.ports import Bus, Clock, Store

log = structlog.get_logger("samtal.upkeep")

_EVERY = timedelta(seconds=1)
_SWEEP_EVERY = 15
_LOST_AFTER = timedelta(seconds=30)
_BATCH = 500


class Upkeep:
    """Puts due timers on the line, and recorded events that nobody processed back on the bus."""

    def __init__(self, *, store: Store, bus: Bus, clock: Clock) -> None:
        self._store = store
        self._bus = bus
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
        return await self._publish(
            await self._store.due_timers(now=self._clock.now(), limit=_BATCH)
        )

    async def sweep(self) -> int:
        """Put events on the bus again that were recorded long ago and not processed."""
        before = self._clock.now() - _LOST_AFTER
        lost = await self._store.unprocessed(before=before, limit=_BATCH)
        if lost:
            log.warning("swept", events=len(lost))
        return await self._publish(lost)

    async def _publish(self, events: list[ThreadEvent]) -> int:
        if events:
            await self._bus.publish(
                [Envelope(event=event.id, thread=event.thread) for event in events]
            )
        return len(events)
