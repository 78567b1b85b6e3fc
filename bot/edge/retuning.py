"""Limits that change while the edge runs."""

from __future__ import annotations

from collections.abc import Callable

from bot.edge.settings import EdgeSettings

Tune = Callable[[EdgeSettings], None]


class Retuning:
    """Tells whoever keeps a limit of its own that there are other settings."""

    def __init__(self) -> None:
        self._tunes: list[Tune] = []

    def subscribe(self, tune: Tune) -> None:
        """Call this with the settings from now on."""
        self._tunes.append(tune)

    def retune(self, settings: EdgeSettings) -> None:
        """Other settings hold."""
        for tune in self._tunes:
            tune(settings)
