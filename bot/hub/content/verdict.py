"""What can be said of a variant that was looked at, in a trace."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """Whether a variant was chosen, or why not; the console knows these words in Swedish too."""

    CHOSEN = "chosen"
    CLOSER = "another is closer"
    LOCALE = "locale is not in the chain"
    PERSONA = "persona is not {wanted}"
    STAGE = "stage is not {wanted}"
    CHANNEL = "channel is not {wanted}"
    NEED = "need is not {wanted}"
    BEGINS = "begins {at}"
    ENDED = "ended {at}"
    CONDITION = "condition fails: {condition}"
    EMPTY = "the text is empty"
    GROUP = "{name} is a group of variables, not one"
    UNKNOWN = "variable {name} is not known"
    BROKEN = "cannot be filled in: {problem}"

    def of(self, **parts: str) -> str:
        """The sentence with its parts."""
        return self.value.format(**parts)
