"""Loading, changing and reading threads."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import groupby

import apsw

from bot.embedded.database import Database
from bot.model.decision import Gap
from bot.model.event import ThreadEvent
from bot.model.ids import EntryId, IdentityId, SendId, ThreadId
from bot.model.listing import ALL_THREADS, HolderCount, ThreadFilter, ThreadOrder, ThreadPlace
from bot.model.moments import moment
from bot.model.numbers import RECEIPT_STATUSES, SEND_STATUSES
from bot.model.people import ChannelIdentity
from bot.model.record import GapCount, LinkMade, Span, ThreadChange, ThreadRow, Turn
from bot.model.sending import FailureKind
from bot.model.thread import Entry, PartState, SendState, ThreadState
from bot.stores.sqlite.changes import write_change, write_state
from bot.stores.sqlite.links import links_among
from bot.stores.sqlite.listing import count_held, count_threads, list_threads, queue_of
from bot.stores.sqlite.rows import find_identity, identities_in
from bot.stores.sqlite.texts import texts

# So many events at most are handed to one turn: the rest wait for the next.
_TURN = 100
# Up to here a read is quick enough for the event loop's own thread.
_FEW = 100

_WAITING = """
SELECT seq, event FROM events WHERE identity = ? AND state = 0 ORDER BY seq LIMIT ?
"""
_OLDEST = """
SELECT seq, entry FROM entries WHERE identity = ? AND seq >= ? AND seq < ? ORDER BY seq LIMIT ?
"""
_NEWEST = """
SELECT seq, entry FROM entries WHERE identity = ? AND seq >= ? AND seq < ? ORDER BY seq DESC LIMIT ?
"""
_SENDS = """
SELECT id, status, tries, failure, detail, warnings FROM sends
WHERE id IN (SELECT value FROM json_each(?))
"""
_PARTS = """
SELECT s.id, p.external_id, p.status, p.error_code
FROM sends s JOIN parts p ON p.place = s.place
WHERE s.id IN (SELECT value FROM json_each(?)) ORDER BY p.place, p.number
"""
_NO_BEFORE = 2**62


class SqliteThreads:
    """The `Threads` section of the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def turn(self, thread: ThreadId) -> Turn:
        """See the port; the cost does not depend on the thread's length."""
        return self._database.glance(partial(_turn, thread))

    async def commit(self, change: ThreadChange) -> tuple[Entry, ...]:
        """See the port."""
        return await self._database.write(partial(_commit, change))

    async def entries(
        self,
        spans: Sequence[Span],
        *,
        after: int = 0,
        before: int | None = None,
        limit: int = 100,
        newest: bool = False,
    ) -> list[Entry]:
        """See the port."""
        work = partial(
            _entries,
            spans=spans,
            bounds=(after, _NO_BEFORE if before is None else before),
            limit=max(limit, 0),
            newest=newest,
        )
        found = self._database.glance(work) if limit <= _FEW else await self._database.read(work)
        return [Entry.model_validate_json(text) for text in found]

    async def entry(self, entry: EntryId) -> Entry | None:
        """See the port."""
        text: str | None = self._database.glance(
            lambda look: look.execute("SELECT entry FROM entries WHERE id = ?", (entry,)).get
        )
        return None if text is None else Entry.model_validate_json(text)

    async def sends(self, sends: Sequence[SendId]) -> list[SendState]:
        """See the port."""
        work = partial(_sends, sends)
        if len(sends) <= _FEW:
            return self._database.glance(work)
        return await self._database.read(work)

    async def threads(
        self,
        wanted: ThreadFilter = ALL_THREADS,
        *,
        order: ThreadOrder = ThreadOrder.NEWEST,
        after: ThreadPlace | None = None,
        limit: int = 50,
    ) -> list[ThreadRow]:
        """See the port; threads that were absorbed are not listed."""
        return await self._database.read(
            partial(list_threads, wanted=wanted, order=order, after=after, limit=max(limit, 0))
        )

    async def counts(self) -> list[HolderCount]:
        """See the port."""
        return await self._database.read(count_held)

    async def queue(self, name: str, *, most: int) -> list[ThreadId]:
        """See the port."""
        work = partial(queue_of, name=name, most=max(most, 0))
        return self._database.glance(work) if most <= _FEW else await self._database.read(work)

    async def count(self, wanted: ThreadFilter, *, most: int) -> int:
        """See the port."""
        return await self._database.read(partial(count_threads, wanted=wanted, most=most))

    async def thread_ids(self) -> list[ThreadId]:
        """See the port: every thread that has an identity, with or without a snapshot."""
        rows: list[tuple[str]] = await self._database.read(
            lambda look: list(
                look.execute("SELECT DISTINCT thread FROM identities ORDER BY thread")
            )
        )
        return [ThreadId(thread) for (thread,) in rows]

    async def put_state(self, thread: ThreadRow) -> None:
        """See the port."""
        state = thread.state
        await self._database.write(
            lambda connection: write_state(connection, state, expected=state.version)
        )

    async def identity(self, identity: IdentityId) -> ChannelIdentity | None:
        """See the port."""
        return self._database.glance(partial(_identity, identity))

    async def links(self, identities: Sequence[IdentityId]) -> list[LinkMade]:
        """See the port."""
        return self._database.glance(partial(links_among, identities))

    async def gaps(self, *, limit: int = 100) -> list[GapCount]:
        """See the port."""
        rows: list[tuple[str, int, int]] = await self._database.read(
            lambda look: list(
                look.execute(
                    "SELECT gap, count, last_at FROM gaps "
                    "ORDER BY count DESC, last_at DESC, gap LIMIT ?",
                    (max(limit, 0),),
                )
            )
        )
        return [
            GapCount(gap=Gap.model_validate_json(gap), count=count, last_at=moment(last_at))
            for gap, count, last_at in rows
        ]


def _commit(change: ThreadChange, connection: apsw.Connection) -> tuple[Entry, ...]:
    return write_change(connection, change)


def _identity(identity: IdentityId, connection: apsw.Connection) -> ChannelIdentity | None:
    return find_identity(connection, identity)


def _turn(thread: ThreadId, connection: apsw.Connection) -> Turn:
    state = _state(connection, thread)
    identities = identities_in(connection, state.thread)
    waiting: dict[int, str] = {}
    for identity in identities:
        waiting.update(connection.execute(_WAITING, (identity.id, _TURN)))
    return Turn(
        state=state,
        identities=identities,
        events=tuple(
            ThreadEvent.model_validate_json(waiting[seq]) for seq in sorted(waiting)[:_TURN]
        ),
    )


def _state(connection: apsw.Connection, thread: ThreadId) -> ThreadState:
    """The snapshot of the thread that this one went up in, or of this one."""
    while True:
        row: tuple[str | None, str] | None = connection.execute(
            "SELECT absorbed_by, state FROM threads WHERE id = ?", (thread,)
        ).get
        if row is None:
            return ThreadState(thread=thread)
        survivor, state = row
        if survivor is None:
            return ThreadState.model_validate_json(state)
        thread = ThreadId(survivor)


def _entries(
    connection: apsw.Connection,
    *,
    spans: Sequence[Span],
    bounds: tuple[int, int],
    limit: int,
    newest: bool,
) -> list[str]:
    after, before = bounds
    sql = _NEWEST if newest else _OLDEST
    found: dict[int, str] = {}
    for span in spans:
        first = max(after + 1, span.from_seq)
        found.update(connection.execute(sql, (span.identity, first, before, limit)))
    chosen = sorted(found, reverse=newest)[:limit]
    return [found[seq] for seq in sorted(chosen)]


def _sends(sends: Sequence[SendId], connection: apsw.Connection) -> list[SendState]:
    wanted = texts.dump_json(tuple(sends)).decode()
    parts = {
        send: tuple(
            PartState(
                external_id=external_id, status=RECEIPT_STATUSES[status], error_code=error_code
            )
            for _, external_id, status, error_code in rows
        )
        for send, rows in groupby(connection.execute(_PARTS, (wanted,)), key=_send_of)
    }
    states = {
        send: SendState(
            send=SendId(send),
            status=SEND_STATUSES[status],
            parts=parts.get(send, ()),
            failure=None if failure is None else FailureKind(failure),
            detail=detail,
            warnings=texts.validate_json(warnings),
            tries=tries,
        )
        for send, status, tries, failure, detail, warnings in connection.execute(_SENDS, (wanted,))
    }
    return [states[send] for send in sends if send in states]


def _send_of(row: tuple[str, str, int, str | None]) -> str:
    return row[0]
