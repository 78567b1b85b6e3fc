"""One event about to change one thread: what every handler gets."""

from __future__ import annotations

from dataclasses import dataclass

from bot.hub.draft import Draft
from bot.hub.router import Line
from bot.hub.voice import Speaking, Voice
from bot.model.people import Actor, ByBot, ByCustomer, BySystem, ChannelIdentity
from bot.model.record import Turn
from bot.model.sending import Origin
from bot.model.understanding import Language, Need

_HIDDEN = "••••"


@dataclass(frozen=True)
class Scene:
    """The thread as loaded, the identity that the event is about, and the draft of its effect."""

    turn: Turn
    identity: ChannelIdentity
    draft: Draft
    voice: Voice

    @property
    def identities(self) -> tuple[ChannelIdentity, ...]:
        """Every address of the customer, as the thread was loaded."""
        return self.turn.identities

    @property
    def customer(self) -> Actor:
        """The customer, as the one who did it."""
        return ByCustomer(identity=self.identity.id)

    def bot_says(self, lines: tuple[Line, ...], *, rule: str, need: Need | None = None) -> None:
        """The bot answers where the customer wrote; dropped if the owner changes meanwhile."""
        words = self.voice.words(
            lines, Speaking(self.draft.state, self.identity, self.draft.now, need), rule=rule
        )
        self.draft.say(words, by=ByBot(), origin=Origin.BOT)

    def notice(
        self,
        *lines: Line,
        rule: str,
        to: ChannelIdentity | None = None,
        secret: str | None = None,
        language: Language | None = None,
    ) -> None:
        """The system tells the customer something, whoever owns the thread.

        `secret`: what the thread must not show of it. `language`: for whom none is known of.
        """
        identity = to or self.identity
        state = self.draft.state_of(identity.id)
        if state.language is None:
            state = state.model_copy(update={"language": language})
        words = self.voice.words(lines, Speaking(state, identity, self.draft.now), rule=rule)
        if secret is not None:
            words = words.model_copy(update={"shown": words.text.replace(secret, _HIDDEN)})
        self.draft.say(words, by=BySystem(), origin=Origin.SYSTEM, to=identity.id)
