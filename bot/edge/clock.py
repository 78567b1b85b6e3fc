"""The time of the machine."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta


class SystemClock:
    """The wall clock, and the event loop's own waiting."""

    def now(self) -> datetime:
        """The time, aware, UTC."""
        return datetime.now(UTC)

    async def sleep(self, duration: timedelta) -> None:
        """Return when this much time has passed; at once for no time or less."""
        await asyncio.sleep(max(duration.total_seconds(), 0.0))
