"""What an edge keeps on its own disk while the store is away: a small file beside everything."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple, Self

import apsw
from pydantic import ValidationError

from bot.embedded.database import Database
from bot.embedded.migrations import SPOOL_ID
from bot.errors import SpoolFull, StoreError
from bot.model.moments import micros, moment
from bot.model.record import Acceptance, RawRequest
from bot.ports import SpoolDepth, Spooled

_VERSION_1 = """
-- acceptance: the value as JSON, its request without the body, which is bytes and stands beside it
CREATE TABLE waiting (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    size INTEGER NOT NULL,
    acceptance TEXT NOT NULL,
    body BLOB NOT NULL
) STRICT;

-- what waits in all: asked for at each request
CREATE TABLE total (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    count INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) STRICT;
INSERT INTO total VALUES (1, 0, 0);
CREATE TRIGGER came AFTER INSERT ON waiting BEGIN
    UPDATE total SET count = count + 1, bytes = bytes + new.size;
END;
CREATE TRIGGER went AFTER DELETE ON waiting BEGIN
    UPDATE total SET count = count - 1, bytes = bytes - old.size;
END;
"""
_STEPS = (_VERSION_1,)
_DEPTH = "SELECT count, bytes, (SELECT at FROM waiting ORDER BY number LIMIT 1) FROM total"


class _Row(NamedTuple):
    at: int
    size: int
    acceptance: str
    body: bytes


class SqliteSpool:
    """The `Spool` port on a file of its own, for one process at a time.

    It takes nothing once it would hold more than `most_bytes` (of content: the file is somewhat
    larger, and keeps its size for the next time), or once the oldest has waited for `longest`.
    """

    def __init__(self, database: Database, *, longest: timedelta, most_bytes: int) -> None:
        self._database = database
        self._longest = longest
        self._most_bytes = most_bytes

    @classmethod
    def open(cls, path: Path | str, *, longest: timedelta, most_bytes: int) -> Self:
        """Open the file, made as needed; raises StoreError with the mend."""
        database = Database.open(path, migrations=_STEPS, application_id=SPOOL_ID)
        return cls(database, longest=longest, most_bytes=most_bytes)

    async def put(self, acceptance: Acceptance, *, at: datetime) -> None:
        """See the port; a disk without room is a full spool too."""
        row = _row(acceptance, at)
        try:
            await self._database.write(partial(self._put, row))
        except StoreError as error:
            if isinstance(error.__cause__, apsw.FullError):
                full = f"{self._database.path}: the disk has no room left for what waits. Free some"
                raise SpoolFull(full) from error
            raise

    async def oldest(self, *, limit: int) -> list[Spooled]:
        """See the port."""
        sql = "SELECT number, at, acceptance, body FROM waiting ORDER BY number LIMIT ?"
        rows: list[tuple[int, int, str, bytes]] = await self._database.read(
            lambda look: list(look.execute(sql, (max(limit, 0),)))
        )
        return [
            Spooled(number=number, acceptance=_read(text, body, at=moment(at)))
            for number, at, text, body in rows
        ]

    async def drop(self, numbers: Sequence[int]) -> None:
        """See the port."""

        def work(connection: apsw.Connection) -> None:
            connection.executemany(
                "DELETE FROM waiting WHERE number = ?", ((number,) for number in numbers)
            )

        if numbers:
            await self._database.write(work)

    async def depth(self) -> SpoolDepth:
        """See the port."""
        return self._database.glance(_depth)

    async def close(self) -> None:
        """See the port; again is harmless."""
        await self._database.close()

    def _put(self, row: _Row, connection: apsw.Connection) -> None:
        depth = _depth(connection)
        if depth.oldest_at is not None and moment(row.at) - depth.oldest_at > self._longest:
            raise SpoolFull(
                f"{self._database.path}: the oldest of {depth.count} has waited since "
                f"{depth.oldest_at.isoformat()}, longer than {self._longest}. Bring the store back"
            )
        if depth.bytes + row.size > self._most_bytes:
            raise SpoolFull(
                f"{self._database.path}: {depth.count} wait with {depth.bytes} bytes, and no more "
                f"than {self._most_bytes} may. Bring the store back, or allow more"
            )
        connection.execute(
            "INSERT INTO waiting (at, size, acceptance, body) VALUES (?, ?, ?, ?)", row
        )


def _depth(connection: apsw.Connection) -> SpoolDepth:
    count, size, oldest = connection.execute(_DEPTH).get
    return SpoolDepth(count=count, bytes=size, oldest_at=None if oldest is None else moment(oldest))


def _row(acceptance: Acceptance, at: datetime) -> _Row:
    body = b"" if acceptance.request is None else acceptance.request.body
    text = _with_body(acceptance, b"").model_dump_json()
    return _Row(at=micros(at), size=len(text.encode()) + len(body), acceptance=text, body=body)


def _read(text: str, body: bytes, *, at: datetime) -> Acceptance:
    """What was put; from another version of this program perhaps only as something unreadable."""
    try:
        return _with_body(Acceptance.model_validate_json(text), body)
    except ValidationError:
        return Acceptance(
            request=RawRequest(
                channel="spool",
                account="spool",
                method="SPOOL",
                url="",
                headers=(),
                body=text.encode() + b"\n" + body,
                at=at,
            ),
            unreadable="it was spooled by another version, whose words are not known here",
        )


def _with_body(acceptance: Acceptance, body: bytes) -> Acceptance:
    """The acceptance with these bytes in its request, if it has one."""
    if acceptance.request is None:
        return acceptance
    request = acceptance.request.model_copy(update={"body": body})
    return acceptance.model_copy(update={"request": request})
