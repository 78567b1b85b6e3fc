"""One text for one purpose, and for whom, where and when it is meant."""

from __future__ import annotations

import hashlib
from enum import StrEnum

from bot.model.sending import Card, Choice
from bot.model.understanding import Need
from bot.model.value import AwareDatetime, Value


class ContentType(StrEnum):
    """What a text is for; campaigns keep a mix of these."""

    SERVICE = "service"
    TIP = "tip"
    EDUCATION = "education"
    PROMO = "promo"
    REMINDER = "reminder"
    INSPIRATION = "inspiration"


class Operator(StrEnum):
    """How a condition compares a variable; the values are texts, any case."""

    IS = "is"
    IS_NOT = "is_not"
    IN = "in"
    NOT_IN = "not_in"
    EXISTS = "exists"
    MISSING = "missing"


class Condition(Value):
    """What must hold for a variant to be said: a variable compared with values.

    A variable that is not known fits `is_not`, `not_in` and `missing` only.
    """

    field: str
    op: Operator
    values: tuple[str, ...] = ()

    @property
    def wording(self) -> str:
        """The condition as a trace shows it: `order.status in packed, shipped`."""
        return " ".join((self.field, self.op.value, ", ".join(self.values))).rstrip()


class Variant(Value):
    """One text of a slot. An empty axis (persona, stage, channel, need) means any.

    `name` is its path in the content folder without the suffix. `channel` holds channel names, or
    the last word of such names: `sms` stands for every `*_sms`. `valid_to` is exclusive.
    """

    name: str
    slot: str
    locale: str
    persona: tuple[str, ...] = ()
    stage: tuple[str, ...] = ()
    channel: tuple[str, ...] = ()
    need: Need | None = None
    type: ContentType = ContentType.SERVICE
    valid_from: AwareDatetime | None = None
    valid_to: AwareDatetime | None = None
    when: tuple[Condition, ...] = ()
    choices: tuple[Choice, ...] = ()
    cards: tuple[Card, ...] = ()
    goal: str = ""
    revision_note: str = ""
    text: str

    @property
    def revision(self) -> str:
        """A hash of all but the name: equal content has equal revisions, however it is set out."""
        content = self.model_dump_json(exclude={"name"})
        return hashlib.blake2b(content.encode(), digest_size=6).hexdigest()

    @property
    def id(self) -> str:
        """Name and revision: what a decision's trace points to."""
        return f"{self.name}@{self.revision}"

    @property
    def specificity(self) -> int:
        """How narrow it is: persona 8, stage 4, channel 2 (an exact locale adds 1 when asked)."""
        return 8 * bool(self.persona) + 4 * bool(self.stage) + 2 * bool(self.channel)

    @property
    def strings(self) -> int:
        """How many conditions hang on it; more of them win between equally specific variants."""
        return len(self.when) + (self.need is not None)
