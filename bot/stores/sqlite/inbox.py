"""Accepting, and what becomes of what was accepted."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import NamedTuple

import apsw
from pydantic import TypeAdapter

from bot.embedded.database import Database
from bot.embedded.queue import Queue, Queued
from bot.errors import NotFound
from bot.model.event import Outcome, ThreadEvent, TimerBody
from bot.model.ids import EventId, IdentityId, ThreadId
from bot.model.moments import micros, moment
from bot.model.record import Acceptance, Accepted, DeadLetter, Envelope, RawRequest
from bot.stores.sqlite.arrivals import accept_arrivals, insert_event, thread_of
from bot.stores.sqlite.receipts import accept_consents, accept_receipts
from bot.stores.sqlite.rows import next_seq

_OUTCOME: TypeAdapter[Outcome] = TypeAdapter(Outcome)
_TIMER_BODY: TypeAdapter[TimerBody] = TypeAdapter(TimerBody)
_HEADERS: TypeAdapter[tuple[tuple[str, str], ...]] = TypeAdapter(tuple[tuple[str, str], ...])
_BURY = """
INSERT INTO dead_letters (event, thread, reason, tries, at, request)
SELECT id, event ->> '$.thread', ?, ?, ?, request FROM events WHERE id = ? AND state = 0
"""
# Events that wait are few and have an index of their own: the processed ones need none.
_FORGET_REQUESTS = """
DELETE FROM requests WHERE id IN (
    SELECT id FROM requests
    WHERE at < ?
        AND id NOT IN (SELECT request FROM events WHERE state = 0 AND request IS NOT NULL)
        AND id NOT IN (SELECT request FROM dead_letters WHERE request IS NOT NULL)
    ORDER BY at LIMIT ?
)
"""
_FORGET_RECEIPTS = """
DELETE FROM early_receipts WHERE rowid IN (
    SELECT rowid FROM early_receipts WHERE at < ? ORDER BY at LIMIT ?
)
"""
# Everybody else's writes wait meanwhile.
_AT_A_CALL = 500


class _Recorded(NamedTuple):
    accepted: Accepted
    rows: list[Queued]


class SqliteInbox:
    """The `Inbox` section of the store."""

    def __init__(self, database: Database, queue: Queue | None) -> None:
        self._database = database
        self._queue = queue

    async def accept(self, acceptance: Acceptance) -> Accepted:
        """See the port."""
        recorded = await self._database.write(
            partial(_accept, acceptance, self._queue),
            after=self._wake if self._queue is not None else None,
        )
        return recorded.accepted

    def _wake(self, recorded: _Recorded) -> None:
        if self._queue is not None and recorded.rows:
            self._queue.committed(recorded.rows)

    async def outcome(self, event: EventId) -> Outcome | None:
        """See the port."""
        text: str | None = self._database.glance(
            lambda look: look.execute("SELECT outcome FROM events WHERE id = ?", (event,)).get
        )
        return None if text is None else _OUTCOME.validate_json(text)

    async def unprocessed(self, *, before: datetime, limit: int) -> list[ThreadEvent]:
        """See the port."""
        sql = "SELECT event FROM events WHERE state = 0 AND at < ? ORDER BY seq LIMIT ?"
        rows: list[tuple[str]] = await self._database.read(
            lambda look: list(look.execute(sql, (micros(before), max(limit, 0))))
        )
        return [ThreadEvent.model_validate_json(text) for (text,) in rows]

    async def due_timers(self, *, now: datetime, limit: int) -> list[ThreadEvent]:
        """See the port."""
        due = self._database.glance(
            lambda look: (
                look.execute("SELECT 1 FROM timers WHERE due <= ? LIMIT 1", (micros(now),)).get
            )
        )
        if due is None:
            return []
        return await self._database.write(partial(_ring, now=now, limit=limit))

    async def bury(self, event: EventId, *, reason: str, tries: int, at: datetime) -> None:
        """See the port; an event that was processed, or buried before, stays as it is."""

        def work(connection: apsw.Connection) -> None:
            connection.execute(_BURY, (reason, tries, micros(at), event))
            connection.execute("UPDATE events SET state = 2 WHERE id = ? AND state = 0", (event,))

        await self._database.write(work)

    async def dead_letters(self, *, limit: int = 100) -> list[DeadLetter]:
        """See the port."""
        return await self._database.read(partial(_dead_letters, limit=max(limit, 0)))

    async def revive(self, event: EventId) -> ThreadEvent:
        """See the port; an unreadable request has no event to revive: read it anew instead."""
        return await self._database.write(partial(_revive, event))

    async def discard_dead_letter(self, event: EventId) -> None:
        """See the port."""
        await self._database.write(partial(_discard, event))

    async def prune(self, *, before: datetime) -> int:
        """See the port; at most 500 requests and as many receipts go at a call."""
        return await self._database.write(partial(_prune, micros(before)))


def _accept(acceptance: Acceptance, queue: Queue | None, connection: apsw.Connection) -> _Recorded:
    events = accept_arrivals(connection, acceptance)
    accept_receipts(connection, acceptance.receipts)
    accept_consents(connection, acceptance.consents)
    rows: list[Queued] = []
    if queue is not None and events:
        envelopes = [Envelope(event=event.id, thread=event.thread) for event in events]
        rows = queue.insert_rows(connection, envelopes)
    return _Recorded(Accepted(events=tuple(events), queued=queue is not None), rows)


def _ring(connection: apsw.Connection, *, now: datetime, limit: int) -> list[ThreadEvent]:
    """Accept the events of timers that are due, and forget those timers."""
    rows: list[tuple[str, str, str]] = list(
        connection.execute(
            "SELECT id, identity, body FROM timers WHERE due <= ? ORDER BY due, id LIMIT ?",
            (micros(now), max(limit, 0)),
        )
    )
    events: list[ThreadEvent] = []
    seq = next_seq(connection, "events")
    for key, identity, body in rows:
        connection.execute("DELETE FROM timers WHERE id = ?", (key,))
        thread = thread_of(connection, IdentityId(identity))
        if thread is None:
            continue
        event = ThreadEvent(
            id=EventId(key),
            identity=IdentityId(identity),
            thread=thread,
            at=now,
            body=_TIMER_BODY.validate_json(body),
            seq=seq + len(events),
        )
        if insert_event(connection, event):
            events.append(event)
    return events


def _dead_letters(connection: apsw.Connection, *, limit: int) -> list[DeadLetter]:
    rows = connection.execute(
        "SELECT d.event, d.thread, d.reason, d.tries, d.at, "
        "r.channel, r.account, r.method, r.url, r.headers, r.body, r.at "
        "FROM dead_letters d LEFT JOIN requests r ON r.id = d.request "
        "ORDER BY d.at, d.rowid LIMIT ?",
        (limit,),
    )
    return [
        DeadLetter(
            event=EventId(event),
            thread=None if thread is None else ThreadId(thread),
            reason=reason,
            tries=tries,
            at=moment(at),
            request=None if row[0] is None else _request_of(row),
        )
        for event, thread, reason, tries, at, *row in rows
    ]


def _request_of(row: tuple[str, str, str, str, str, bytes, int]) -> RawRequest:
    channel, account, method, url, headers, body, at = row
    return RawRequest(
        channel=channel,
        account=account,
        method=method,
        url=url,
        headers=_HEADERS.validate_json(headers),
        body=body,
        at=moment(at),
    )


def _revive(event: EventId, connection: apsw.Connection) -> ThreadEvent:
    text: str | None = connection.execute(
        "SELECT event FROM events WHERE id = ? AND state = 2", (event,)
    ).get
    if text is None:
        raise NotFound(
            f"no dead letter {event} with an event to process. "
            "One without a thread could not be read: read its request anew"
        )
    connection.execute("UPDATE events SET state = 0 WHERE id = ?", (event,))
    connection.execute("DELETE FROM dead_letters WHERE event = ?", (event,))
    return ThreadEvent.model_validate_json(text)


def _discard(event: EventId, connection: apsw.Connection) -> None:
    connection.execute("DELETE FROM dead_letters WHERE event = ? AND thread IS NULL", (event,))
    if not connection.changes():
        raise NotFound(f"no dead letter {event} of a request that could not be read")


def _prune(before: int, connection: apsw.Connection) -> int:
    connection.execute(_FORGET_RECEIPTS, (before, _AT_A_CALL))
    connection.execute(_FORGET_REQUESTS, (before, _AT_A_CALL))
    return connection.changes()
