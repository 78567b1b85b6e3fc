"""How often somebody tried something; an event that is made anew counts once."""

from __future__ import annotations

from collections import OrderedDict
from datetime import timedelta
from typing import Final

from bot.hub.scene import Scene
from bot.model.ids import EventId
from bot.ports import Store

_REMEMBERED: Final = 1000


class Tries:
    """Counts what events do, in windows that slide."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._counted: OrderedDict[tuple[str, EventId], int] = OrderedDict()

    async def count(self, scene: Scene, key: str, window: timedelta) -> int:
        """Count once more under a key; how often that is within the window."""
        counted = key, scene.draft.event.id
        if counted not in self._counted:
            self._counted[counted] = await self._store.count_attempt(
                key, now=scene.draft.now, window=window
            )
        while len(self._counted) > _REMEMBERED:
            self._counted.popitem(last=False)
        return self._counted[counted]
