"""Files that were uploaded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial

import apsw

from bot.embedded.database import Database
from bot.model.blob import Blob, BlobFacts, Uploader, owner
from bot.model.ids import BlobId
from bot.model.moments import micros

_PUT = "INSERT OR IGNORE INTO blobs (id, owner, created_at, facts) VALUES (?, ?, ?, ?)"
_PUT_BODY = "INSERT INTO blob_bodies (id, body) VALUES (?, ?)"
_BLOB = """
SELECT b.facts, c.body FROM blobs b JOIN blob_bodies c ON c.id = b.id WHERE b.id = ?
"""
_KEEP = "UPDATE blobs SET kept = 1 WHERE id = ? AND owner = ? RETURNING facts"
_FORGET = """
DELETE FROM blobs WHERE id IN (
    SELECT id FROM blobs WHERE kept = 0 AND created_at < ? ORDER BY created_at LIMIT ?
)
"""
# Each may be large, and everybody else's writes wait meanwhile.
_AT_A_CALL = 20


class SqliteBlobs:
    """The `Blobs` section of the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put_blob(self, blob: Blob) -> None:
        """See the port."""
        await self._database.write(partial(_put, blob))

    async def blob(self, blob: BlobId) -> Blob | None:
        """See the port."""
        row: tuple[str, bytes] | None = await self._database.read(
            lambda look: look.execute(_BLOB, (blob,)).get
        )
        if row is None:
            return None
        facts, body = row
        return Blob(facts=BlobFacts.model_validate_json(facts), body=body)

    async def keep_blobs(self, blobs: Sequence[BlobId], *, by: Uploader) -> list[BlobFacts]:
        """See the port."""
        return await self._database.write(partial(_keep, blobs, by))

    async def prune_blobs(self, *, before: datetime) -> int:
        """See the port; at most 20 go at a call."""
        return await self._database.write(partial(_prune, micros(before)))


def _put(blob: Blob, connection: apsw.Connection) -> None:
    facts = blob.facts
    row = (facts.id, owner(facts.by), micros(facts.created_at), facts.model_dump_json())
    connection.execute(_PUT, row)
    if connection.changes():
        connection.execute(_PUT_BODY, (facts.id, blob.body))


def _keep(blobs: Sequence[BlobId], by: Uploader, connection: apsw.Connection) -> list[BlobFacts]:
    found: list[str | None] = [
        connection.execute(_KEEP, (blob, owner(by))).get for blob in dict.fromkeys(blobs)
    ]
    return [BlobFacts.model_validate_json(facts) for facts in found if facts is not None]


def _prune(before: int, connection: apsw.Connection) -> int:
    connection.execute(_FORGET, (before, _AT_A_CALL))
    return connection.changes()
