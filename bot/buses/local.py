"""The fan-out within one process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.buses.listening import MOST, MOST_BYTES, Listeners, checked
from bot.errors import BusError


class LocalFanout:
    """The `Fanout` port where all who tell and listen share one event loop."""

    def __init__(self, *, most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        self._listeners = Listeners(most=most, most_bytes=most_bytes)
        self._closed = False

    async def tell(self, subject: str, message: bytes) -> None:
        """See the port."""
        if self._closed:
            raise BusError("the fan-out is closed")
        self._listeners.hear(checked(subject), message)

    @asynccontextmanager
    async def listen(self, subject: str) -> AsyncIterator[AsyncIterator[bytes | None]]:
        """See the port."""
        listener = self._listeners.add(subject)
        try:
            yield listener
        finally:
            self._listeners.remove(subject, listener)

    async def close(self) -> None:
        """See the port."""
        self._closed = True
        self._listeners.end()
