"""What was accepted while the store was away: kept on this machine, and brought to it in order."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from bot.errors import SpoolFull, StoreAway, StoreClosed, StoreError
from bot.hub.lanes import identities_of, lanes
from bot.model.ids import IdentityId, ThreadId
from bot.model.record import Acceptance, Accepted, RawRequest
from bot.model.value import Value
from bot.ports import Clock, Spool, SpoolDepth, Spooled

log = structlog.get_logger("samtal.spooling")

_BATCH = 200
_SIDE_BY_SIDE = 16
_FIRST_WAIT = timedelta(milliseconds=200)
_LONGEST_WAIT = timedelta(seconds=5)
_PATIENCE = timedelta(seconds=2)
_LONGEST_LETTER = 1_000_000  # bytes


class Taker(Protocol):
    """Where spooled requests go; `Ingress` is one."""

    async def accept_again(self, acceptance: Acceptance, *, patience: timedelta) -> Accepted:
        """Record it, perhaps for the second time, and wake the workers.

        Raises StoreAway when the store does not answer within `patience`.
        """

    async def threads_of(
        self, identities: Collection[IdentityId], *, patience: timedelta
    ) -> Mapping[IdentityId, ThreadId]:
        """The threads of those identities that the store knows; raises StoreAway likewise."""


class SpoolState(Value):
    """How it stands with one spool; the counts are since this process began.

    `age` is how long the oldest has waited. `full`: the last that came was turned away.
    """

    waiting: SpoolDepth
    age: timedelta
    full: bool
    kept: int
    brought: int
    put_aside: int


class Spooling:
    """One edge's spool: `keep` while the store is away, `run` to bring it there afterwards.

    While anything waits in it, everything new has to wait behind it, so that the order in which
    this edge accepted stays the order in which it is recorded.
    """

    def __init__(self, spool: Spool, *, clock: Clock, patience: timedelta = _PATIENCE) -> None:
        self.patience = patience
        self._spool = spool
        self._clock = clock
        self._came = asyncio.Event()
        self._coming = 0
        self._full = False
        self._kept = self._brought = self._put_aside = 0

    async def waiting(self) -> bool:
        """Whether anything waits, or is about to."""
        return self._coming > 0 or (await self._spool.depth()).count > 0

    async def keep(self, acceptance: Acceptance) -> None:
        """Keep an acceptance until the store is back; durable when this returns.

        Raises SpoolFull, and StoreError when the spool's own disk fails; then nothing is kept.
        """
        self._coming += 1
        try:
            await self._spool.put(acceptance, at=self._clock.now())
        except SpoolFull:
            if not self._full:
                log.exception("the spool is full: nothing more is accepted")
            self._full = True
            raise
        finally:
            self._coming -= 1
        self._full = False
        self._kept += 1
        self._came.set()
        for arrival in acceptance.arrivals:
            log.info("spooled", event_id=arrival.id, kind=arrival.body.kind)

    async def state(self) -> SpoolState:
        """How it stands."""
        depth = await self._spool.depth()
        age = self._clock.now() - depth.oldest_at if depth.oldest_at else timedelta(0)
        return SpoolState(
            waiting=depth,
            age=age,
            full=self._full,
            kept=self._kept,
            brought=self._brought,
            put_aside=self._put_aside,
        )

    async def run(self, taker: Taker) -> None:
        """Bring what waits to the store whenever that answers, until cancelled."""
        wait = _FIRST_WAIT
        while True:
            before = self._brought
            try:
                await self._until_something_waits()
                await self.bring(taker)
                wait = _FIRST_WAIT
            except StoreError as error:
                if self._brought > before:  # it took some: it was there a moment ago
                    wait = _FIRST_WAIT
                log.warning("spooled requests wait", reason=str(error), again_in=wait)
                await self._clock.sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT)

    async def bring(self, taker: Taker) -> int:
        """Bring some of what has waited longest; returns how many went, 0 for nothing left.

        Customers side by side, each in order: one after the other, a busy edge would spool faster
        than it brings. Raises StoreError while the store does not take them. What it refuses for
        good becomes a dead letter there, so that it holds up no other.
        """
        trip = _Trip(taker, self.patience, at=self._clock.now())
        try:
            await trip.make(await self._spool.oldest(limit=_BATCH))
        finally:
            # Dying before this brings them once more, which changes nothing.
            await self._spool.drop(trip.done)
            self._brought += len(trip.done)
            self._put_aside += trip.put_aside
        if trip.done:
            self._full = False
            log.info("brought to the store", requests=len(trip.done))
        return len(trip.done)

    async def _until_something_waits(self) -> None:
        self._came.clear()
        if not (await self._spool.depth()).count:
            await self._came.wait()


class _Trip:
    """One batch on its way to the store."""

    def __init__(self, taker: Taker, patience: timedelta, *, at: datetime) -> None:
        self.done: list[int] = []
        self.put_aside = 0
        self._taker = taker
        self._patience = patience
        self._at = at
        self._failed: StoreError | None = None
        self._room = asyncio.Semaphore(_SIDE_BY_SIDE)

    async def make(self, batch: Sequence[Spooled]) -> None:
        """Bring them all; raises StoreError at the first that cannot be brought now."""
        if not batch:
            return
        threads = await self._taker.threads_of(identities_of(batch), patience=self._patience)
        async with asyncio.TaskGroup() as group:
            for lane in lanes(batch, threads):
                group.create_task(self._in_order(lane))
        if self._failed is not None:
            raise self._failed

    async def _in_order(self, lane: Sequence[Spooled]) -> None:
        async with self._room:
            for spooled in lane:
                if self._failed is not None:
                    return
                try:
                    await self._bring(spooled.acceptance)
                except StoreError as error:
                    self._failed = error
                else:
                    self.done.append(spooled.number)

    async def _bring(self, acceptance: Acceptance) -> None:
        try:
            await self._taker.accept_again(acceptance, patience=self._patience)
        except (StoreAway, StoreClosed):
            raise
        except Exception as error:  # whatever is wrong with one must not hold up all others
            log.exception("a spooled request was refused by the store")
            await self._set_aside(acceptance, error)

    async def _set_aside(self, acceptance: Acceptance, error: Exception) -> None:
        reason = f"refused after it was spooled: {type(error).__name__}: {error}"
        for request in _requests(acceptance, at=self._at):
            try:
                letter = Acceptance(request=request, unreadable=reason)
                await self._taker.accept_again(letter, patience=self._patience)
            except (StoreAway, StoreClosed):
                raise
            except Exception:  # perhaps the request is what cannot be written: the next is plain
                log.exception("a spooled request could not be put aside")
            else:
                self.put_aside += 1
                return
        raise StoreError(f"the store takes nothing, not even a dead letter ({reason})") from error


def _requests(acceptance: Acceptance, *, at: datetime) -> Iterator[RawRequest]:
    """What a dead letter may carry: the request as it came; else what was read of it, as ASCII."""
    request = acceptance.request
    if request is not None:
        yield request
    who = request or next(iter(acceptance.receipts), None)
    yield RawRequest(
        channel=who.channel if who is not None else "spool",
        account=who.account if who is not None else "spool",
        method="SPOOL",
        url="",
        headers=(),
        body=repr(acceptance).encode("ascii", "backslashreplace")[:_LONGEST_LETTER],
        at=at,
    )
