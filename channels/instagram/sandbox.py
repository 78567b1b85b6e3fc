"""Instagram played on the loopback, on its real wire format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.kit.meta.messaging.played import Played

if TYPE_CHECKING:
    from channels.instagram import Settings


class Loopback(Played):
    """One account's Instagram; see `bot.ports.Provider`."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(
            settings, known="instagram", account=settings.ig_account_id, carrier=settings.carrier
        )
