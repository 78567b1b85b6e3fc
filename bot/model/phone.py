"""What a customer's phone shows and writes, where a provider is played (the sandbox)."""

from __future__ import annotations

from bot.model.channel import Answer, Request
from bot.model.value import Value


class PhoneChoice(Value):
    """A button on a phone: opens a URL, or sends its payload, or only its title."""

    title: str
    payload: str | None = None
    url: str | None = None


class PhoneShows(Value):
    """What a customer's phone shows after the provider took a message."""

    user: str
    text: str = ""
    choices: tuple[PhoneChoice, ...] = ()
    attachments: tuple[str, ...] = ()


class PhoneWrites(Value):
    """What a customer does on a phone: writes a text, or presses a choice."""

    user: str
    text: str = ""
    payload: str | None = None
    name: str | None = None
    ref: str | None = None


class ProviderTook(Value):
    """What a provider does with a call: answers it, shows it, reports on it by webhook."""

    answer: Answer
    shows: tuple[PhoneShows, ...] = ()
    webhooks: tuple[Request, ...] = ()
