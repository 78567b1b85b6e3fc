"""What another system is to be told, and whose turn it is to ask it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

import apsw

from bot.embedded.database import Database
from bot.errors import NotFound
from bot.model.crm import Pull, Push, PushCounts, PushEnd, PushRow, PushStatus
from bot.model.ids import IdentityId
from bot.model.moments import micros, moment
from bot.model.numbers import PUSH_NUMBERS, PUSH_STATUSES
from bot.stores.sqlite.texts import texts

_PUT: Final = """
INSERT INTO pushes (identity, field, number, again, status, due, push) VALUES (?, ?, ?, ?, 0, ?, ?)
ON CONFLICT DO UPDATE SET number = excluded.number, again = excluded.again, status = 0,
    due = excluded.due, tries = 0, reason = '', push = excluded.push
WHERE (excluded.number, excluded.again) > (number, again)
"""
_OF: Final = """
SELECT push, status, due, tries, held_until, reason FROM pushes
WHERE identity IN (SELECT value FROM json_each(?))
ORDER BY identity, field
"""
_BY_STATUS: Final = """
SELECT push, status, due, tries, held_until, reason FROM pushes WHERE status = ?
ORDER BY number, identity, field LIMIT ?
"""
_CLAIM: Final = """
UPDATE pushes SET held_until = :until, tries = tries + 1 WHERE rowid IN (
    SELECT rowid FROM pushes WHERE status = 0 AND due <= :now AND held_until <= :now
    ORDER BY number, identity, field LIMIT :limit
) RETURNING push, status, due, tries, held_until, reason
"""
_GIVE_BACK: Final = """
UPDATE pushes SET held_until = 0 WHERE identity = ? AND field = ? AND held_until = ?
"""
_END: Final = """
UPDATE pushes SET status = ?, due = ?, reason = ?
WHERE identity = ? AND field = ? AND number = ? AND again = ? AND status IN (0, 2)
"""
_NEXT: Final = """
SELECT max(due, held_until) FROM pushes WHERE status = 0 ORDER BY max(due, held_until) LIMIT 1
"""
_COUNT: Final = "SELECT status, count(*) FROM pushes WHERE status IN (0, 2) GROUP BY status"
_BEGIN: Final = """
INSERT INTO pulls (name, held_until) VALUES (:name, :until)
ON CONFLICT DO UPDATE SET held_until = :until WHERE due <= :now AND held_until <= :now
RETURNING cursor
"""
_END_PULL: Final = """
UPDATE pulls SET held_until = 0, cursor = ?, due = ? WHERE name = ? AND held_until = ?
"""

_Row = tuple[str, int, int, int, int, str]


class SqlitePushes:
    """The `Pushes` section of the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put_push(self, push: Push) -> bool:
        """See the port."""
        return await self._database.write(partial(_put, push))

    async def pushes(self, identities: Sequence[IdentityId]) -> list[PushRow]:
        """See the port."""
        who = texts.dump_json(tuple(identities)).decode()
        rows: list[_Row] = await self._database.read(lambda look: list(look.execute(_OF, (who,))))
        return [_row(row) for row in rows]

    async def claim_pushes(self, *, now: datetime, until: datetime, limit: int) -> list[PushRow]:
        """See the port."""
        wanted = {"now": micros(now), "until": micros(until), "limit": max(limit, 0)}

        def work(connection: apsw.Connection) -> list[PushRow]:
            rows: list[_Row] = list(connection.execute(_CLAIM, wanted))
            return sorted(map(_row, rows), key=_order)

        return await self._database.write(work)

    async def end_push(self, end: PushEnd) -> bool:
        """See the port."""
        return await self._database.write(partial(_end, end))

    async def next_push(self) -> datetime | None:
        """See the port."""
        due: int | None = self._database.glance(lambda look: look.execute(_NEXT).get)
        return None if due is None else moment(due)

    async def find_pushes(self, status: PushStatus, *, limit: int) -> list[PushRow]:
        """See the port."""
        wanted = (PUSH_NUMBERS[status], max(limit, 0))
        rows: list[_Row] = await self._database.read(
            lambda look: list(look.execute(_BY_STATUS, wanted))
        )
        return [_row(row) for row in rows]

    async def count_pushes(self) -> PushCounts:
        """See the port."""
        found: dict[int, int] = await self._database.read(lambda look: dict(look.execute(_COUNT)))
        return PushCounts(
            waiting=found.get(PUSH_NUMBERS[PushStatus.WAITING], 0),
            failed=found.get(PUSH_NUMBERS[PushStatus.FAILED], 0),
        )

    async def begin_pull(self, name: str, *, now: datetime, until: datetime) -> Pull | None:
        """See the port."""
        wanted = {"name": name, "now": micros(now), "until": micros(until)}

        def work(connection: apsw.Connection) -> list[tuple[str | None]]:
            return list(connection.execute(_BEGIN, wanted))

        taken = await self._database.write(work)
        return Pull(name=name, held_until=until, cursor=taken[0][0]) if taken else None

    async def end_pull(self, pull: Pull, *, cursor: str | None, due: datetime) -> bool:
        """See the port."""
        row = (cursor, micros(due), pull.name, micros(pull.held_until))

        def work(connection: apsw.Connection) -> bool:
            connection.execute(_END_PULL, row)
            return connection.changes() > 0

        return await self._database.write(work)


def write_push(connection: apsw.Connection, push: Push) -> bool:
    """Let a push wait; False when the same or a later one is there.

    Raises ConstraintError for an unknown identity.
    """
    row = (push.identity, push.field, push.number, push.again, micros(push.at))
    connection.execute(_PUT, (*row, push.model_dump_json()))
    return connection.changes() > 0


def _put(push: Push, connection: apsw.Connection) -> bool:
    known: int = connection.execute(
        "SELECT count(*) FROM identities WHERE id = ?", (push.identity,)
    ).get
    if not known:
        raise NotFound(f"no identity {push.identity} to tell another system of")
    return write_push(connection, push)


def _end(end: PushEnd, connection: apsw.Connection) -> bool:
    push = end.push
    if end.held_until is not None:
        connection.execute(_GIVE_BACK, (push.identity, push.field, micros(end.held_until)))
    ended = (PUSH_NUMBERS[end.status], micros(end.due), end.reason)
    connection.execute(_END, (*ended, push.identity, push.field, push.number, push.again))
    return connection.changes() > 0


def _row(row: _Row) -> PushRow:
    push, status, due, tries, held_until, reason = row
    return PushRow(
        push=Push.model_validate_json(push),
        status=PUSH_STATUSES[status],
        due=moment(due),
        tries=tries,
        held_until=moment(held_until) if held_until else None,
        reason=reason,
    )


def _order(row: PushRow) -> tuple[int, str, str]:
    return row.push.number, row.push.identity, row.push.field
