"""What the customers' phones show."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Literal

from bot.model.phone import PhoneChoice
from bot.model.value import AwareDatetime, Value

# A phone in a sandbox need not remember more.
_KEPT = 500

Phone = tuple[str, str, str]


class OnPhone(Value):
    """One message on a phone: `me` is the customer who holds it."""

    n: int
    side: Literal["me", "them"]
    text: str = ""
    choices: tuple[PhoneChoice, ...] = ()
    attachments: tuple[str, ...] = ()
    at: AwareDatetime


class Screen(Value):
    """Messages on a phone after a number, and the last number there is."""

    messages: tuple[OnPhone, ...]
    last: int


class Phones:
    """All phones, by channel, account and user."""

    def __init__(self, numbers: Iterator[int]) -> None:
        """`numbers` grow."""
        self._messages: dict[Phone, deque[OnPhone]] = {}
        self._numbers = numbers

    def show(self, phone: Phone, message: OnPhone) -> None:
        """Put a message on a phone; it gets its number here."""
        numbered = message.model_copy(update={"n": next(self._numbers)})
        self._messages.setdefault(phone, deque(maxlen=_KEPT)).append(numbered)

    def screen(self, phone: Phone, *, after: int) -> Screen:
        """What came after a number."""
        messages = self._messages.get(phone, ())
        return Screen(
            messages=tuple(message for message in messages if message.n > after),
            last=max((message.n for message in messages), default=0),
        )

    def users(self, channel: str, account: str) -> list[str]:
        """Who has been seen on an account."""
        return [user for name, where, user in self._messages if (name, where) == (channel, account)]
