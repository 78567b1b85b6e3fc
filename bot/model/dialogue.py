"""Where the talk stands, whatever channel it is on."""

from __future__ import annotations

from bot.model.sending import Choice
from bot.model.value import Value


class SlotFilled(Value):
    """One answer that a form got, and from which words."""

    name: str
    value: str


class FormPosition(Value):
    """Where a form stands: what is filled, and which step is asked now."""

    form: str
    step: str
    filled: tuple[SlotFilled, ...] = ()
    misses: int = 0

    def value(self, name: str) -> str | None:
        """What this step was answered with, or None."""
        return next((slot.value for slot in self.filled if slot.name == name), None)


class Dialogue(Value):
    """Where the talk stands, whatever channel it is on.

    `choices` are the ones offered last, so that "2" or a title can stand for a press. `unsure`
    counts messages in a row that were not understood.
    """

    form: FormPosition | None = None
    choices: tuple[Choice, ...] = ()
    unsure: int = 0
