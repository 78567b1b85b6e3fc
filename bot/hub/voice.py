"""Turns the router's lines into words: content for this moment, in the customer's language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from bot.hub.content import ContentSet, Moment, Resolution, Variables
from bot.hub.draft import Words
from bot.hub.journey import likeliest
from bot.hub.router import Line
from bot.hub.settings import HubSettings
from bot.model.channel import Choice
from bot.model.people import ChannelIdentity
from bot.model.thread import ThreadState
from bot.ports import Channel


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

    def words(
        self,
        lines: tuple[Line, ...],
        *,
        state: ThreadState,
        identity: ChannelIdentity,
        rule: str,
        now: datetime,
    ) -> Words:
        """One message out of all lines; the first line's content is the decision that is kept."""
        found = [self._resolve(line, state=state, identity=identity, now=now) for line in lines]
        given = [
            self._titled(line.choices, state=state, identity=identity, now=now) or one.choices
            for line, one in zip(lines, found, strict=True)
        ]
        choices = next((each for each in given if each), ())
        text = "\n\n".join(one.text for one in found)
        buttons = len(choices) <= self._max_choices(identity)
        return Words(
            text=text if buttons else _numbered(text, choices),
            buttons=buttons,
            choices=choices,
            language=found[0].decision.locale,
            decision=found[0].decision.model_copy(update={"rule": rule}),
            gap=next((one.gap for one in found if one.gap), None),
        )

    def _resolve(
        self, line: Line, *, state: ThreadState, identity: ChannelIdentity, now: datetime
    ) -> Resolution:
        return self._content.resolve(
            line.slot,
            Moment(
                channel=identity.address.channel,
                locale=state.language or self._settings.default_language,
                stage=likeliest(state.belief),
                now=now,
                variables=Variables.of(
                    {
                        **_customer(identity),
                        "channel": identity.address.channel,
                        **dict(line.variables),
                    }
                ),
            ),
        )

    def _titled(
        self,
        choices: tuple[Choice, ...],
        *,
        state: ThreadState,
        identity: ChannelIdentity,
        now: datetime,
    ) -> tuple[Choice, ...]:
        """Choices of the router carry a slot as title; marketers wrote the words for it."""
        return tuple(
            choice.model_copy(
                update={
                    "title": self._resolve(
                        Line(slot=choice.title), state=state, identity=identity, now=now
                    ).text
                }
            )
            for choice in choices
        )

    def _max_choices(self, identity: ChannelIdentity) -> int:
        address = identity.address
        channel = self._channels.get((address.channel, address.account))
        return channel.capabilities.max_choices if channel else 0


def _customer(identity: ChannelIdentity) -> dict[str, str]:
    if not identity.name or not identity.name.strip():
        return {}
    return {
        "customer.name": identity.name,
        "customer.first_name": identity.name.split()[0],
    }


def _numbered(text: str, choices: tuple[Choice, ...]) -> str:
    numbered = "\n".join(f"{number}. {choice.title}" for number, choice in enumerate(choices, 1))
    return f"{text}\n{numbered}" if numbered else text
