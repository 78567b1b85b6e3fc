"""Turns the router's lines into words: content for this moment, in the customer's language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from bot.hub.content import ContentSet, Moment, Resolution, Variables
from bot.hub.content.choices import answers, written_out
from bot.hub.draft import Words
from bot.hub.journey import likeliest
from bot.hub.router import Line
from bot.hub.settings import HubSettings
from bot.model.channel import Capabilities
from bot.model.people import ChannelIdentity
from bot.model.sending import Choice
from bot.model.thread import ThreadState
from bot.model.understanding import Language, Need
from bot.ports import Channel

_NO_CARDS = "the channel shows no cards: they were written out"
_NOTHING = Capabilities(text_limit=0)


class Speaking(NamedTuple):
    """To whom something is said, where the thread stands, and the need of what they wrote."""

    state: ThreadState
    identity: ChannelIdentity
    now: datetime
    need: Need | None = None


class Voice:
    """Finds and fills the content for what is to be said."""

    def __init__(
        self,
        *,
        content: ContentSet,
        channels: Mapping[tuple[str, str], Channel],
        settings: HubSettings,
    ) -> None:
        self._content = content
        self._channels = channels
        self._settings = settings

    def words(self, lines: tuple[Line, ...], speaking: Speaking, *, rule: str) -> Words:
        """One message out of all lines; the first line's content is the decision that is kept."""
        found = [self._resolve(line, speaking) for line in lines]
        given = [
            self._titled(line.choices, speaking) or one.choices
            for line, one in zip(lines, found, strict=True)
        ]
        choices = next((each for each in given if each), ())
        locale = found[0].decision.locale
        cards = next((one.variant.cards for one in found if one.variant.cards), ())
        text = "\n\n".join(one.text for one in found)
        notes: tuple[str, ...] = ()
        if cards and not self._capabilities(speaking.identity).cards:
            text, choices = written_out(text, cards), (*choices, *answers(cards))
            cards, notes = (), (_NO_CARDS,)
        buttons = len(choices) <= self._capabilities(speaking.identity).max_choices
        return Words(
            text=text if buttons else _numbered(text, choices),
            buttons=buttons,
            choices=choices,
            cards=cards,
            question=next((one.field.question(locale) for one in lines if one.field), None),
            language=locale,
            decision=found[0].decision.model_copy(update={"rule": rule, "notes": notes}),
            gap=next((one.gap for one in found if one.gap), None),
        )

    def moment(self, speaking: Speaking, *variables: tuple[str, str]) -> Moment:
        """What the choice of content rests on here; `variables` beside what is known anyhow."""
        channel = speaking.identity.address.channel
        known = {**_customer(speaking.identity), "channel": channel, **dict(variables)}
        return Moment(
            channel=channel,
            locale=self._language(speaking),
            persona=speaking.state.facet,
            stage=likeliest(speaking.state.belief),
            need=speaking.need,
            now=speaking.now,
            variables=Variables.of(known),
        )

    def _resolve(self, line: Line, speaking: Speaking) -> Resolution:
        return self._content.resolve(line.slot, self.moment(speaking, *line.variables))

    def _language(self, speaking: Speaking) -> Language:
        """What the customer writes, else what the provider says of them, else the default."""
        told = (speaking.identity.language or "")[:2].lower()
        known: dict[str, Language] = {"sv": "sv", "en": "en"}
        return speaking.state.language or known.get(told) or self._settings.default_language

    def _titled(self, choices: tuple[Choice, ...], speaking: Speaking) -> tuple[Choice, ...]:
        """Choices of the router carry a slot as title; marketers wrote the words for it."""
        return tuple(
            choice.model_copy(
                update={"title": self._resolve(Line(slot=choice.title), speaking).text}
            )
            for choice in choices
        )

    def _capabilities(self, identity: ChannelIdentity) -> Capabilities:
        address = identity.address
        channel = self._channels.get((address.channel, address.account))
        return channel.capabilities if channel else _NOTHING


def _customer(identity: ChannelIdentity) -> dict[str, str]:
    if not identity.name or not identity.name.strip():
        return {}
    return {
        "customer.name": identity.name,
        "customer.first_name": identity.name.split()[0],
    }


def _numbered(text: str, choices: tuple[Choice, ...]) -> str:
    numbered = "\n".join(
        f"{number}. {choice.title}" + (f" {choice.url}" if choice.url else "")
        for number, choice in enumerate(choices, 1)
    )
    return f"{text}\n{numbered}"
