"""One event about to change one thread: what every handler gets."""

from __future__ import annotations

from dataclasses import dataclass

from bot.hub.draft import Draft
from bot.hub.router import Line
from bot.hub.voice import Voice
from bot.model.channel import Origin
from bot.model.people import Actor, ByBot, ByCustomer, BySystem, ChannelIdentity
from bot.model.record import Turn


@dataclass(frozen=True)
class Scene:
    """The thread as loaded, the identity that the event is about, and the draft of its effect."""

    turn: Turn
    identity: ChannelIdentity
    draft: Draft
    voice: Voice

    @property
    def customer(self) -> Actor:
        """The customer, as the one who did it."""
        return ByCustomer(identity=self.identity.id)

    def bot_says(self, lines: tuple[Line, ...], *, rule: str) -> None:
        """The bot answers where the customer wrote; dropped if the owner changes meanwhile."""
        words = self.voice.words(
            lines,
            state=self.draft.state,
            identity=self.identity,
            rule=rule,
            now=self.draft.now,
        )
        self.draft.say(words, by=ByBot(), origin=Origin.BOT)

    def notice(self, *lines: Line, rule: str, to: ChannelIdentity | None = None) -> None:
        """The system tells the customer something, whoever owns the thread."""
        identity = to or self.identity
        words = self.voice.words(
            lines, state=self.draft.state, identity=identity, rule=rule, now=self.draft.now
        )
        self.draft.say(words, by=BySystem(), origin=Origin.SYSTEM, to=identity.id)
