"""Work that outlives a store or a bus that is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import TypeVar

import structlog

from bot.errors import BusError, StoreClosed, StoreError
from bot.ports import Clock

log = structlog.get_logger("samtal.persisting")

_FIRST = timedelta(milliseconds=200)
_LONGEST = timedelta(seconds=5)
_Done = TypeVar("_Done")

# Work that went well for this long has got over its trouble: the next wait is short again.
_WELL = timedelta(seconds=30)


async def persist(name: str, work: Callable[[], Awaitable[None]], *, clock: Clock) -> None:
    """Do work that ends by itself never; begin again when the store or the bus fails it.

    Waits 0.2 s before that, doubling up to 5 s. A store that is closed stays so: StoreClosed ends
    it, as every fault of ours does.
    """
    wait = _FIRST
    while True:
        began = clock.now()
        try:
            return await work()
        except StoreClosed:
            raise
        except (BusError, StoreError) as error:
            if clock.now() - began > _WELL:
                wait = _FIRST
            log.warning("beginning again", work=name, error=f"{type(error).__name__}: {error}")
            await clock.sleep(wait)
            wait = min(wait * 2, _LONGEST)


async def wholly(work: Coroutine[object, object, _Done], *, grace: timedelta) -> _Done:
    """Do work without being cut short: what is cancelled meanwhile has so long to end."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=grace.total_seconds())
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise
