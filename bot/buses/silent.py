"""No bus at all: what is recorded is left to the sweeper of a running server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bot.model.record import Envelope
from bot.ports import Handle


class SilentBus:
    """For commands that record something beside a server; wakes nobody, delivers nothing."""

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Leave it to the sweeper, which finds what is recorded and not processed."""

    async def run(self, handle: Handle) -> None:
        """Wait until cancelled."""
        del handle
        await asyncio.Event().wait()

    async def depth(self) -> int:
        """Nothing ever waits here."""
        return 0

    async def close(self) -> None:
        """Nothing is held."""
