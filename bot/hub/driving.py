"""Makes the calls that a part without I/O yields."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

from bot.model.sending import Call, CallResult
from bot.ports import Wire

_Ended = TypeVar("_Ended")


async def driven(wire: Wire, calls: Generator[Call, CallResult, _Ended]) -> _Ended:
    """Make each call, hand its result back, and return what it all came to."""
    try:
        call = next(calls)
        while True:
            call = calls.send(await wire.call(call))
    except StopIteration as stop:
        ended: _Ended = stop.value
        return ended
