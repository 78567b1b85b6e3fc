"""Lists of threads: what they are filtered and ordered by, and where a page ends."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple, Self, get_args

from bot.model.ids import AgentId, ThreadId
from bot.model.moments import micros, moment
from bot.model.record import ThreadRow
from bot.model.thread import Offered, OwnedByAgent, OwnerKind, Phase, ThreadState
from bot.model.understanding import Language
from bot.model.value import AwareDatetime, Value

# Every value that a thread is listed under; the empty one where there is none.
OWNERS: Final[tuple[OwnerKind, ...]] = get_args(OwnerKind)
PHASES: Final = ("", *Phase)
LANGUAGES: Final = ("", *get_args(Language))


class ThreadFilter(Value):
    """Which threads: all that is named here must be so.

    `agent` owns it, `queue` is offered it, one of its identities is on `channel`, and its case is
    in `phase`.
    """

    owner: OwnerKind | None = None
    agent: AgentId | None = None
    queue: str | None = None
    phase: Phase | None = None
    channel: str | None = None
    language: Language | None = None

    @property
    def owners(self) -> tuple[OwnerKind, ...]:
        """The kinds of owner that a thread may have to be among these; none when they exclude."""
        found = set(OWNERS if self.owner is None else (self.owner,))
        if self.agent is not None:
            found &= {"agent"}
        if self.queue is not None:
            found &= {"offered"}
        return tuple(owner for owner in OWNERS if owner in found)

    @property
    def holder(self) -> str | None:
        """The agent or the queue, whichever is named."""
        return self.agent if self.agent is not None else self.queue

    @property
    def phases(self) -> tuple[str, ...]:
        """The phases that a thread may be listed under."""
        return PHASES if self.phase is None else (self.phase,)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that a thread may be listed under."""
        return LANGUAGES if self.language is None else (self.language,)


ALL_THREADS: Final = ThreadFilter()


class ThreadOrder(StrEnum):
    """NEWEST: by last activity, the latest first. WAITING: those offered, the longest first."""

    NEWEST = "newest"
    WAITING = "waiting"


class ThreadPlace(Value):
    """A place in an order: the moment that counts there, then the thread."""

    at: AwareDatetime
    thread: ThreadId

    @classmethod
    def of(cls, row: ThreadRow, order: ThreadOrder) -> Self:
        """Where a thread stands; one without a moment stands at the beginning of time."""
        listing = Listing.of(row.state)
        at = listing.since if order is ThreadOrder.WAITING else listing.last_at
        return cls(at=moment(at), thread=row.state.thread)


class Listing(NamedTuple):
    """What a thread is listed under; nothing is an empty text or 0, moments are microseconds.

    `holder` is the agent or the queue; `since` is only told of those that wait. A thread in which
    nothing has happened has a `last_at` below 0, and is in no list.
    """

    owner: OwnerKind
    holder: str
    since: int
    phase: str
    language: str
    last_at: int

    @classmethod
    def of(cls, state: ThreadState) -> Self:
        """The listing of a thread in this state."""
        owner = state.owner
        holder, since = "", 0
        if isinstance(owner, Offered):
            holder, since = owner.queue, micros(owner.since)
        elif isinstance(owner, OwnedByAgent):
            holder = owner.agent
        return cls(
            owner=owner.kind,
            holder=holder,
            since=since,
            phase="" if state.episode is None else state.episode.phase,
            language=state.language or "",
            last_at=_UNLISTED if state.is_untouched else _micros(state.last_at),
        )


class HolderCount(Value):
    """How many threads a queue is offered, or an agent owns."""

    owner: OwnerKind
    holder: str
    count: int


_UNLISTED: Final = -1


def _micros(at: datetime | None) -> int:
    return 0 if at is None else micros(at)
