"""Around the bus's handler: figures, and an end without haste."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Protocol

import structlog

from bot.errors import StoreAway
from bot.hub.persisting import persist
from bot.model.record import Envelope
from bot.ports import Bus, Clock, Handle

log = structlog.get_logger("samtal.handling")

_FIRST_WAIT = timedelta(milliseconds=100)
_LONGEST_WAIT = timedelta(seconds=2)


class Observe(Protocol):
    """Is told of each delivery: how long it took, which try it was, whether it ended well."""

    def __call__(self, seconds: float, tries: int, *, well: bool) -> None:
        """Take note of it."""


class Handling:
    """Works off what the bus delivers; told to stop, what is in hand is finished first.

    `grace` bounds that. Deliveries that come meanwhile are not begun: the bus gives them back.
    """

    def __init__(self, handle: Handle, *, clock: Clock, grace: timedelta) -> None:
        self.in_hand = 0
        self.grace = grace
        self.observe: Observe | None = None
        self._handle = handle
        self._clock = clock
        self._stopping = False
        self._idle = asyncio.Event()

    async def run(self, bus: Bus) -> None:
        """Work until cancelled; begins again when the bus fails."""
        self._stopping = False
        delivering = asyncio.ensure_future(
            persist("deliveries", partial(bus.run, self.handle), clock=self._clock)
        )
        try:
            await asyncio.shield(delivering)
        finally:
            try:
                await self._finish()
            finally:
                delivering.cancel()
                await asyncio.gather(delivering, return_exceptions=True)

    async def handle(self, envelope: Envelope, *, tries: int) -> None:
        """See `Handle`."""
        if self._stopping:
            await asyncio.Event().wait()  # until cancelled: it is for somebody else
        began = time.perf_counter()
        self.in_hand += 1
        well = False
        try:
            await self._until_the_store_answers(envelope, tries)
            well = True
        finally:
            self.in_hand -= 1
            if not self.in_hand:
                self._idle.set()
            if self.observe is not None:
                self.observe(time.perf_counter() - began, tries, well=well)

    async def _until_the_store_answers(self, envelope: Envelope, tries: int) -> None:
        """Try once more while the store is away: it is not the event that fails.

        Raised to the bus, each time would count as one of the event's own tries.
        """
        wait = _FIRST_WAIT
        while True:
            try:
                return await self._handle(envelope, tries=tries)
            except StoreAway as error:
                if self._stopping:
                    raise
                log.warning("waiting for the store", event_id=envelope.event, error=str(error))
            await self._clock.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)

    async def _finish(self) -> None:
        self._stopping = True
        self._idle.clear()
        if self.in_hand:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), self.grace.total_seconds())
