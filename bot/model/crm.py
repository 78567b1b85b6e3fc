"""Another system that keeps customers too (a CRM, a loyalty system): what goes there and comes."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from pydantic import Field

from bot.model.fact import FieldKey
from bot.model.ids import FactId, IdentityId
from bot.model.value import AwareDatetime, Value

# --- what was agreed with it -----------------------------------------------------------------


class Rule(StrEnum):
    """Whose word counts when a field was changed on both sides.

    OURS: an agent's correction here. THEIRS: theirs. NEWEST: the later change.
    """

    OURS = "ours"
    THEIRS = "theirs"
    NEWEST = "newest"


class ValuePair(Value):
    """One value by the name it has here, and by the one it has there."""

    ours: str
    theirs: str


class MappedField(Value):
    """A field that both sides keep; a value without a pair is called the same on both.

    `pushed`: corrections made here go there.
    """

    key: FieldKey
    theirs: str
    values: tuple[ValuePair, ...] = ()
    rule: Rule = Rule.NEWEST
    pushed: bool = True

    def as_theirs(self, value: str) -> str:
        """A value of ours as it is called there."""
        return next((pair.theirs for pair in self.values if pair.ours == value), value)

    def as_ours(self, value: str) -> str:
        """A value of theirs as it is called here."""
        return next((pair.ours for pair in self.values if pair.theirs == value), value)


class Terms(Value):
    """What was agreed: which fields, and how each side is known to the other.

    `source` is the name under which it tells facts; its customers are the log-ins of `realm`.
    """

    name: str
    source: str
    realm: str
    fields: tuple[MappedField, ...]
    pull_every: timedelta | None = None

    def field(self, key: FieldKey) -> MappedField | None:
        """How a field is kept there, or None."""
        return next((one for one in self.fields if one.key == key), None)


# --- what goes there -------------------------------------------------------------------------


class Push(Value):
    """An agent's correction on its way: `field` of the customer known there as `customer`.

    `change` is the correction, `identity` the log-in, `number` rises with each correction of the
    customer; `again` counts how often the same one was pushed anew, as they had changed it.
    """

    identity: IdentityId
    field: FieldKey
    customer: str
    value: str
    change: FactId
    at: AwareDatetime
    number: int
    again: int = 0

    @property
    def key(self) -> str:
        """What a repeat of the same call has too."""
        return f"{self.change}.{self.again}"


class PushStatus(StrEnum):
    """How far a push has come.

    WAITING: to be made, perhaps once more. TAKEN: they hold the value. FAILED: they refused it.
    LEFT: not to be made, as their word won.
    """

    WAITING = "waiting"
    TAKEN = "taken"
    FAILED = "failed"
    LEFT = "left"


class PushRow(Value):
    """A push with how far it has come; `held_until`: who claimed it makes it until then."""

    push: Push
    status: PushStatus = PushStatus.WAITING
    due: AwareDatetime
    tries: int = 0
    held_until: AwareDatetime | None = None
    reason: str = ""


class PushEnd(Value):
    """What became of a push; WAITING: to be tried again when `due`.

    `held_until` gives the claim back that was held until then.
    """

    push: Push
    status: PushStatus
    due: AwareDatetime
    reason: str = ""
    held_until: AwareDatetime | None = None


class PushCounts(Value):
    """How many pushes wait, and how many were refused."""

    waiting: int
    failed: int


# --- what comes ------------------------------------------------------------------------------


class FieldTold(Value):
    """What a field of a record holds, by our names."""

    key: FieldKey
    value: str


class Record(Value):
    """A customer as they keep them, by the id they have there; fields that are empty are left out.

    `version` is theirs, where they tell one.
    """

    id: str
    changed_at: AwareDatetime
    version: str | None = None
    fields: tuple[FieldTold, ...] = ()


class RecordPage(Value):
    """Records that were changed; `cursor` is where to go on, `more`: at once.

    `unread` says of records that cannot be read which they are and why.
    """

    records: tuple[Record, ...]
    cursor: str
    more: bool = False
    unread: tuple[str, ...] = ()


class PullFailed(Value):
    """What changed could not be asked for, or the answer not be read."""

    reason: str
    after: timedelta | None = None


class Pull(Value):
    """One machine's turn to ask what changed, until a moment; `cursor` is where the last ended."""

    name: str
    held_until: AwareDatetime
    cursor: str | None = Field(None, max_length=2_000)
