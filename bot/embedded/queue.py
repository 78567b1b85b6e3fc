"""What the embedded store asks of an embedded bus, so that recording and queueing are one step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import apsw

from bot.model.record import Envelope


class Queued(NamedTuple):
    """One envelope that was put on the queue; `slot` is the hash of its thread."""

    id: int
    envelope: Envelope
    slot: int


class Queue(Protocol):
    """A queue in the same file."""

    def insert_rows(
        self, connection: apsw.Connection, envelopes: Sequence[Envelope]
    ) -> list[Queued]:
        """Put envelopes on the queue within the caller's transaction; repeats are left out."""

    def committed(self, rows: Sequence[Queued]) -> None:
        """The transaction is durable: wake who waits for these. Called on the event loop."""
