"""What was read in a message, and what that says about the journey."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from bot.model.value import Value

Language = Literal["sv", "en"]


class Need(StrEnum):
    """What kind of answer a person is after."""

    TECHNICAL = "technical"
    PROCESS = "process"
    COMMERCIAL = "commercial"
    SERVICE = "service"


class Guess(Value):
    """One intent and how sure the reader is of it (0..1, calibrated)."""

    intent: str
    confidence: float


class EntityFound(Value):
    """A piece of the text with a meaning, from `start` to `end`; `value` is normalised."""

    kind: str
    value: str
    text: str
    start: int
    end: int


QuoteKind = Literal["need", "mood", "urgency", "motive"]


class Quote(Value):
    """Words of the message, from `start` to `end`, that show something: `motive` `price`."""

    kind: QuoteKind
    value: str
    text: str
    start: int
    end: int


class StageShare(Value):
    """How likely a journey stage is (0..1)."""

    stage: str
    share: float


class PersonaShare(Value):
    """How surely a message shows a persona (0..1), and the words that show it best."""

    persona: str
    share: float
    quote: str


class Utterance(Value):
    """One text to read, with the language the thread has spoken so far."""

    text: str
    language: Language | None = None


class Understanding(Value):
    """What was read in one message.

    `guesses` are the likeliest intents, best first, at most five. `scope` is higher the more the
    text is within what the model knows; `in_scope` is that score against the model's threshold.
    `stages` sum to 1. `frustration`, `urgency` and `human_wanted` are 0..1, `sentiment` is from -1
    to 1. `quotes` are the words that show need, mood, urgency and motives, in order. `personas` are
    those that the words show, the surest first; most messages show none.
    `answer_at` and `ask_at` are the confidences from which the model had better answer, or ask
    back, as was found at its training.
    """

    language: Language | None
    language_confidence: float
    guesses: tuple[Guess, ...]
    scope: float
    in_scope: bool
    stages: tuple[StageShare, ...]
    need: Need | None = None
    entities: tuple[EntityFound, ...] = ()
    frustration: float = 0.0
    human_wanted: float = 0.0
    quotes: tuple[Quote, ...] = ()
    urgency: float = 0.0
    sentiment: float = 0.0
    personas: tuple[PersonaShare, ...] = ()
    answer_at: float | None = None
    ask_at: float | None = None
    model: str = ""

    @property
    def intent(self) -> str | None:
        """The likeliest intent, or None when the text is out of scope."""
        return self.guesses[0].intent if self.in_scope and self.guesses else None

    @property
    def confidence(self) -> float:
        """The confidence of the likeliest guess, 0 when there is none."""
        return self.guesses[0].confidence if self.guesses else 0.0

    @property
    def motives(self) -> tuple[str, ...]:
        """Why they want it, each once, in order of their words."""
        return tuple(dict.fromkeys(one.value for one in self.quotes if one.kind == "motive"))

    def entity(self, kind: str) -> str | None:
        """The first value of this kind of entity, or None."""
        return next((found.value for found in self.entities if found.kind == kind), None)
