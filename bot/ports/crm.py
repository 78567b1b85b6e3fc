"""Another system that keeps customers too: speaking with it, and what waits to be told to it."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from datetime import datetime
from typing import Protocol

from bot.model.crm import (
    MappedField,
    Pull,
    PullFailed,
    Push,
    PushCounts,
    PushEnd,
    PushRow,
    PushStatus,
    RecordPage,
    Terms,
)
from bot.model.ids import IdentityId
from bot.model.sending import Call, CallResult, Refused, Retry, Sent

Pushing = Generator[Call, CallResult, Sent | Retry | Refused]
Pulling = Generator[Call, CallResult, RecordPage | PullFailed]


class Crm(Protocol):
    """A CRM, or a loyalty or commerce system. Does no I/O and keeps no state."""

    @property
    def terms(self) -> Terms:
        """What was agreed with it."""

    def push(self, push: Push, field: MappedField) -> Pushing:
        """Yield each call to make and be sent its result; the return value says how it ended.

        The same push again is taken once there.
        """

    def changed(self, cursor: str | None) -> Pulling:
        """Yield the calls that ask for a page of what changed since a cursor (None: all there is).

        Raises nothing, whatever is answered.
        """


class Pushes(Protocol):
    """What is to be told: of each field of each identity the latest push, with how it stands.

    A thread's change writes pushes too. And whose turn it is to ask for what changed there.
    """

    async def put_push(self, push: Push) -> bool:
        """Let a push wait in place of the one before; False when that is the same or later.

        Later is what has the higher `number`, then the higher `again`. While the one before is
        claimed, the new one waits for the end of that claim. Raises NotFound for an unknown
        identity.
        """

    async def pushes(self, identities: Sequence[IdentityId]) -> list[PushRow]:
        """The pushes of these identities, by identity and field."""

    async def claim_pushes(self, *, now: datetime, until: datetime, limit: int) -> list[PushRow]:
        """Claim pushes that are due, the oldest first; a try is counted.

        A claim ends by `end_push`, or at its moment (inclusive): then it may be claimed again.
        """

    async def end_push(self, end: PushEnd) -> bool:
        """Write what became of a push; False when another one has taken its place, or it is over.

        Over are those that were taken or left. The claim is given back in any case.
        """

    async def next_push(self) -> datetime | None:
        """When the earliest push that waits is due, whoever holds it; None when none waits."""

    async def find_pushes(self, status: PushStatus, *, limit: int) -> list[PushRow]:
        """Pushes of one status, by number."""

    async def count_pushes(self) -> PushCounts:
        """How many wait, and how many were refused."""

    async def begin_pull(self, name: str, *, now: datetime, until: datetime) -> Pull | None:
        """Take the turn to ask; None when it is not due yet, or another machine's."""

    async def end_pull(self, pull: Pull, *, cursor: str | None, due: datetime) -> bool:
        """Give the turn back and write where it ended; False when it was lost meanwhile."""
