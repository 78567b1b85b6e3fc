"""Has sockets come again when announcements of other processes may have been missed."""

from __future__ import annotations

from bot.edge.live import Live
from bot.hub.feed import Announcement, Missed


class Resync:
    """Turns `Missed` into reconnections: whoever comes again gets what was missed replayed."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def concerns(self, announcement: Announcement) -> bool:
        """Whether something was missed."""
        return isinstance(announcement, Missed)

    async def tell(self, announcement: Announcement) -> None:
        """Have all sockets come again."""
        if isinstance(announcement, Missed):
            self._live.resync()
