"""What must happen without anybody writing: timers, lost events, counting, forgetting."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime, timedelta
from typing import Final

import structlog

from bot.errors import BusError, Denied, StoreError
from bot.hub import subjects
from bot.hub.forgetting import Forgetting
from bot.hub.health import USUAL, WINDOW
from bot.hub.ingress import Ingress
from bot.hub.knowing import Knowing
from bot.hub.tallying import Tallying
from bot.model.fact import FACT_KINDS, FactKind
from bot.model.health import Sign
from bot.model.ids import EventId
from bot.model.listing import ThreadPlace
from bot.ports import Clock, Store

log = structlog.get_logger("samtal.upkeep")

_EVERY = timedelta(seconds=1)
_SWEEP_EVERY = 15
_PRUNE_EVERY = timedelta(hours=1)
_LOST_AFTER = timedelta(seconds=30)
# What waits long because there is much work is not lost: once put on the bus again, it is left
# alone for a while. Several workers sweep the same; the bus drops what it has already.
_AGAIN_AFTER = timedelta(seconds=60)
# After that an uploaded file that no message has is forgotten, and where a code was shown.
_UNUSED = timedelta(days=1)
_BATCH = 500
_ERASED = 20  # customers at a time: each takes a moment
_CLOCKS = timedelta(seconds=30)  # by how much others' clocks may be ahead
_REMEMBERED = 20 * _BATCH
_VISITS: Final[tuple[FactKind, ...]] = ("visited",)
_CODES: Final[tuple[FactKind, ...]] = ("code_shown",)
_HEARD: Final = frozenset({Sign.HEARD})
_OTHER_SIGNS: Final = frozenset(Sign) - _HEARD
_OTHERS: Final = tuple(kind for kind in FACT_KINDS if kind not in {*_VISITS, *_CODES})


class Upkeep:
    """Puts due timers on the line, recorded events that nobody processed back on the bus.

    And counts who speaks as which persona; forgets raw requests that are older than
    `keep_requests`, files that nobody sent, facts and words that have been kept for long
    enough, and customers of whom nothing was heard for long.
    """

    def __init__(
        self,
        *,
        store: Store,
        ingress: Ingress,
        clock: Clock,
        tallying: Tallying,
        knowing: Knowing,
    ) -> None:
        # None: for ever.
        self.keep_requests: timedelta | None = None
        self.keep_visits: timedelta | None = None
        self.keep_facts: timedelta | None = None
        self.keep_customers: timedelta | None = None
        self.forgetting = Forgetting(store)
        self._silent: ThreadPlace | None = None
        self._store = store
        self._ingress = ingress
        self._clock = clock
        self._tallying = tallying
        self._knowing = knowing
        self._swept: OrderedDict[EventId, datetime] = OrderedDict()
        self._mend_before: datetime | None = None

    async def run(self) -> None:
        """Do so until cancelled."""
        round_number = 0
        prune_at = self._clock.now()
        while True:
            await self._try(self.timers)
            await self._try(self.mend)
            if round_number % _SWEEP_EVERY == 0:
                await self._try(self.sweep)
            await self._try(self._tallying.step)
            # A little in each round while there is more: nobody waits long behind it.
            if self._clock.now() >= prune_at and await self._try(self.prune) == 0:
                prune_at = self._clock.now() + _PRUNE_EVERY
            round_number += 1
            await self._clock.sleep(_EVERY)

    async def run_mending(self) -> None:
        """Only put on the bus what this process could not, until cancelled."""
        while True:
            await self._try(self.mend)
            await self._clock.sleep(_EVERY)

    async def timers(self) -> int:
        """Put timers that are due on the line; returns how many."""
        due = await self._store.due_timers(now=self._clock.now(), limit=_BATCH)
        await self._ingress.publish(due)
        return len(due)

    async def mend(self) -> int:
        """After the bus was away: put on it what was recorded meanwhile; returns how many.

        Some at a time, as fast as they are processed.
        """
        if self._ingress.unpublished:
            self._ingress.unpublished = False
            self._mend_before = self._clock.now() + _CLOCKS
            self._swept.clear()
        if self._mend_before is None:
            return 0
        found, swept = await self._sweep(before=self._mend_before)
        if found < _BATCH:
            self._mend_before = None
        return swept

    async def sweep(self) -> int:
        """Put events on the bus again that were recorded long ago and not processed."""
        _, swept = await self._sweep(before=self._clock.now() - _LOST_AFTER)
        return swept

    async def prune(self) -> int:
        """Forget some of what is old enough; returns how much, 0 for no more."""
        now = self._clock.now()
        requests = 0
        if self.keep_requests is not None:
            requests = await self._store.prune(before=now - self.keep_requests)
        files = await self._store.prune_blobs(before=now - _UNUSED)
        visits = await self._prune_facts(_VISITS, self.keep_visits)
        facts = await self._prune_facts(_OTHERS, self.keep_facts)
        facts += await self._prune_facts(_CODES, _UNUSED)
        await self._store.prune_signs(_HEARD, before=now - USUAL)
        await self._store.prune_signs(_OTHER_SIGNS, before=now - 2 * WINDOW)
        customers = await self._erase_silent()
        gone = requests + files + visits + facts
        if gone:
            log.info("pruned", requests=requests, files=files, visits=visits, facts=facts)
        return gone + customers + await self.forgetting.step(now)

    async def _erase_silent(self) -> int:
        """Erase some of those of whom nothing was heard for long; returns how many were looked at.

        A fact that somebody told of them counts as hearing of them, but for partners that are
        turned off. A hold keeps them.
        """
        if self.keep_customers is None:
            return 0
        before = self._clock.now() - self.keep_customers
        looked = await self._store.silent(before=before, after=self._silent, limit=_ERASED)
        for place in looked:
            customer = await subjects.find(self._store, place.thread)
            latest = await self._knowing.facts(customer.ids, limit=1)
            if any(fact.at >= before for fact in latest):
                continue
            try:
                await subjects.erase(self._store, customer)
            except Denied as error:
                log.info("kept", thread=place.thread, reason=str(error))
            else:
                log.info("erased", thread=place.thread, last_at=place.at)
        self._silent = looked[-1] if len(looked) == _ERASED else None
        return len(looked) if self._silent else 0

    async def _prune_facts(self, kinds: Collection[FactKind], keep: timedelta | None) -> int:
        if keep is None:
            return 0
        return await self._store.prune_facts(kinds, before=self._clock.now() - keep)

    async def _sweep(self, *, before: datetime) -> tuple[int, int]:
        """How many were found, and how many of them were put on the bus."""
        found = await self._store.unprocessed(before=before, limit=_BATCH)
        now = self._clock.now()
        lost = [event for event in found if not self._lately(event.id, now)]
        await self._ingress.publish(lost)
        if lost:
            log.warning("swept", events=len(lost))
        for event in lost:
            self._swept[event.id] = now
        while len(self._swept) > _REMEMBERED:
            self._swept.popitem(last=False)
        return len(found), len(lost)

    def _lately(self, event: EventId, now: datetime) -> bool:
        swept = self._swept.get(event)
        return swept is not None and now - swept < _AGAIN_AFTER

    async def _try(self, work: Callable[[], Awaitable[int]]) -> int | None:
        """What it did; None when the store or the bus failed it."""
        try:
            return await work()
        except BusError as error:
            self._ingress.unpublished = True
            log.warning("the bus is away", error=str(error))
        except StoreError as error:
            log.warning("upkeep failed; trying again", error=f"{type(error).__name__}: {error}")
        return None
