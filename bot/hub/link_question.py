"""The question that a link asks of whom a provider vouches for, and what counts as a yes (R5)."""

from __future__ import annotations

import hmac
from datetime import timedelta
from typing import Final

from pydantic import SecretStr

from bot.hub.levels import Levels
from bot.hub.linking import answers_key, five_digits
from bot.hub.router import Line
from bot.hub.scene import Scene
from bot.hub.settings import HubSettings
from bot.hub.tries import Tries
from bot.hub.whereabouts import whereabouts
from bot.model.ids import LinkId
from bot.model.people import ChannelIdentity, Link
from bot.model.record import LinkMade
from bot.ports import Store

# So long an answer is taken for one to the question.
_ASKED: Final = timedelta(minutes=10)
_WINDOW: Final = timedelta(hours=1)


class LinkQuestion:
    """Asks whether what is older may be shown.

    Where a sender can be made up, the yes has to repeat a number: only who holds the phone has
    read it. A no needs none, as it shows nothing to anybody.
    """

    def __init__(
        self, *, store: Store, tries: Tries, levels: Levels, settings: HubSettings, key: SecretStr
    ) -> None:
        self._store = store
        self._tries = tries
        self._levels = levels
        self._settings = settings
        self._key = key

    def is_weak(self, sender: ChannelIdentity) -> bool:
        """Whether anybody may write in the name of this sender."""
        return self._levels.assurance(sender, ()).weak

    def number(self, link: Link, to: ChannelIdentity) -> str | None:
        """What a yes to this link has to repeat there, or None."""
        return self._number(link.id) if self.is_weak(to) else None

    async def line(self, link: Link, number: str | None) -> Line:
        """The question; it says what is known of where the code was shown."""
        told = () if number is None else (("link.number", number),)
        where = await whereabouts(self._store, link.proof_id)
        return Line(slot="link.question", variables=(*told, *where))

    def waits(self, made: LinkMade, scene: Scene) -> bool:
        """Whether who writes was asked about this link just now, and has not said yes."""
        recent = scene.draft.now - made.link.at <= _ASKED
        return recent and not made.revealed and made.link.asked == scene.identity.id

    async def agreed(
        self, scene: Scene, asked: list[LinkMade], *, number: str | None
    ) -> list[LinkMade]:
        """Those links that a yes is good for."""
        if self.number(asked[0].link, scene.identity) is None:
            return asked
        if number is None:
            return []
        tries = await self._tries.count(scene, answers_key(scene.identity.id), _WINDOW)
        if tries > self._settings.link_tries:
            return []
        return [made for made in asked if hmac.compare_digest(self._number(made.link.id), number)]

    async def ask_again(self, scene: Scene, asked: list[LinkMade]) -> None:
        """Say once more how to answer."""
        link = asked[-1].link
        number = self.number(link, scene.identity)
        line = await self.line(link, number)
        scene.notice(line, rule="link.question", secret=number)

    def _number(self, link: LinkId) -> str:
        return five_digits(f"yes {link}", key=self._key)
