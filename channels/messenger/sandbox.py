"""Messenger played on the loopback, on its real wire format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.kit.meta.messaging.played import Played

if TYPE_CHECKING:
    from channels.messenger import Settings


class Loopback(Played):
    """One page's Messenger; see `bot.ports.Provider`."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, known="page", account=settings.page_id, carrier=settings.carrier)
