"""Work that outlives a store or a bus that is away."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from bot.errors import BusError, StoreClosed, StoreError
from bot.ports import Clock

log = structlog.get_logger("samtal.persisting")

_FIRST = timedelta(milliseconds=200)
_LONGEST = timedelta(seconds=5)
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
