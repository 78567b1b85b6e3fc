"""A thread's document, and the change it was last given."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from bot.model.ids import EventId, IdentityId, ThreadId
from bot.model.thread import ThreadState
from bot.stores.mongo.moving import UNNUMBERED

HEAD: Final = (
    "version",
    "absorbed_by",
    "absorbed_at",
    "absorbing",
    "pending.attempt",
    "pending.event",
)
TURN: Final = (*HEAD, "value")


class Found(BaseModel):
    """Some fields of a document."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Mark(Found):
    """Who wants this: one attempt to commit, decided in the document of the thread `into`."""

    attempt: str
    into: ThreadId

    def document(self) -> dict[str, object]:
        """As it is kept."""
        return {"attempt": self.attempt, "into": self.into}


class LastChange(Found):
    """Which change a thread was last given."""

    attempt: str
    event: EventId


class Head(Found):
    """Where a thread stands; `value` only where it was asked for, and once there is a snapshot.

    `absorbed_at` is the number of the change that lets it lead elsewhere.
    """

    id: ThreadId = Field(alias="_id")
    version: int = 0
    absorbed_by: ThreadId | None = None
    absorbed_at: int = UNNUMBERED
    absorbing: Mark | None = None
    pending: LastChange | None = None
    value: str | None = None

    def state(self) -> ThreadState:
        """The snapshot; that of a thread without one is empty."""
        if self.value is None:
            return ThreadState(thread=self.id)
        return ThreadState.model_validate_json(self.value)


class Part(Found):
    """What is split off: its thread as it will be there again, and who goes there."""

    thread: ThreadId
    version: int
    identities: list[IdentityId]
    channels: list[str]
    snapshot: dict[str, object]


class Lead(Found):
    """Where a thread leads that is not there."""

    thread: ThreadId
    to: ThreadId


class Pending(LastChange):
    """A change as its thread's document holds it: the documents that it is copied out to.

    `absorb` is the thread that goes up in this one, `code` the hash of the code that is used up.
    `number` is that of the moves from thread to thread, if there are any.
    """

    outcome: str
    absorb: ThreadId | None = None
    code: str | None = None
    entries: list[dict[str, object]] = []
    sends: list[dict[str, object]] = []
    timers: list[dict[str, object]] = []
    gap_hits: list[dict[str, object]] = []
    links: list[dict[str, object]] = []
    facts: list[dict[str, object]] = []
    pushes: list[dict[str, object]] = []
    marks: list[dict[str, object]] = []
    number: int = UNNUMBERED
    parts: list[Part] = []
    leads: list[Lead] = []
