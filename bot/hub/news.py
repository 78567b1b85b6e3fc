"""Tells customers on their other channels what was joined without a word of theirs (R22)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from bot.hub.assurance import Level
from bot.hub.levels import Levels
from bot.hub.router import Line
from bot.hub.scene import Scene
from bot.model.ids import LinkId
from bot.model.landmarks import Landmark
from bot.model.people import ChannelIdentity, Proof
from bot.model.thread import Linked
from bot.ports import Store

# So long STOP LINK is an answer to it.
_NEW_FOR: Final = timedelta(days=1)
_ACTS: Final = 50
_TOLD: Final = frozenset({Proof.SIGNED, Proof.ATTESTED_PHONE})


class News:
    """Knows whom to tell, and what was told lately."""

    def __init__(self, *, store: Store, levels: Levels) -> None:
        self._store = store
        self._levels = levels

    def tell(self, scene: Scene, among: Iterable[ChannelIdentity], line: Line) -> None:
        """Tell each address that a provider vouches for, but for where it was done."""
        for one in among:
            if self.tells(one) and one.id != scene.identity.id:
                scene.notice(line, rule=line.slot, to=one)

    def tells(self, identity: ChannelIdentity) -> bool:
        """Whether this is an address that a provider vouches for."""
        return identity.reachable and self._levels.level(identity, ()) is Level.ATTESTED

    async def lately(self, scene: Scene) -> frozenset[LinkId]:
        """The links of the last day that the customer here was told of."""
        among = [one.id for one in scene.identities]
        acts = await self._store.landmarks(among, of={Landmark.LINK}, limit=_ACTS)
        return frozenset(
            entry.body.link
            for entry in acts
            if isinstance(entry.body, Linked)
            and entry.body.proof in _TOLD
            and scene.draft.now - entry.at <= _NEW_FOR
        )
