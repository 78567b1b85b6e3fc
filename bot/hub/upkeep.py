"""What must happen without anybody writing: timers, events that the bus lost, forgetting."""

from __future__ import annotations

from datetime import timedelta

import structlog

from bot.errors import StoreError
from bot.hub.ingress import Ingress
from bot.ports import Clock, Store

log = structlog.get_logger("samtal.upkeep")

_EVERY = timedelta(seconds=1)
_SWEEP_EVERY = 15
_PRUNE_EVERY = timedelta(hours=1)
_LOST_AFTER = timedelta(seconds=30)
_BATCH = 500


class Upkeep:
    """Puts due timers on the line, recorded events that nobody processed back on the bus.

    And forgets raw requests that are older than `keep_requests`.
    """

    def __init__(
        self, *, store: Store, ingress: Ingress, clock: Clock, keep_requests: timedelta
    ) -> None:
        self._store = store
        self._ingress = ingress
        self._clock = clock
        self._keep_requests = keep_requests

    async def run(self) -> None:
        """Do so until cancelled."""
        round_number = 0
        prune_at = self._clock.now()
        while True:
            try:
                await self.timers()
                if round_number % _SWEEP_EVERY == 0:
                    await self.sweep()
                # A little in each round while there is more: nobody waits long behind it.
                if self._clock.now() >= prune_at and not await self.prune():
                    prune_at = self._clock.now() + _PRUNE_EVERY
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

    async def prune(self) -> int:
        """Forget some of the raw requests that are old enough; returns how many, 0 for no more."""
        went = await self._store.prune(before=self._clock.now() - self._keep_requests)
        if went:
            log.info("pruned", requests=went)
        return went
