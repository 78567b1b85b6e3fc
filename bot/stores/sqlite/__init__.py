"""The store in one SQLite file."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from bot.errors import StoreClosed
from bot.stores.sqlite.blobs import SqliteBlobs
from bot.stores.sqlite.cards import SqliteCards
from bot.stores.sqlite.counting import SqliteCounting
from bot.stores.sqlite.directory import SqliteDirectory
from bot.stores.sqlite.facts import SqliteFacts
from bot.stores.sqlite.health import SqliteHealth
from bot.stores.sqlite.inbox import SqliteInbox
from bot.stores.sqlite.outbox import SqliteOutbox
from bot.stores.sqlite.privacy import SqlitePrivacy
from bot.stores.sqlite.pushes import SqlitePushes
from bot.stores.sqlite.search import SqliteSearch
from bot.stores.sqlite.threads import SqliteThreads

if TYPE_CHECKING:
    import apsw

    from bot.embedded.database import Database
    from bot.embedded.queue import Queue

__all__ = ["SqliteStore"]


class SqliteStore(
    SqliteInbox,
    SqliteThreads,
    SqliteOutbox,
    SqliteDirectory,
    SqliteSearch,
    SqliteBlobs,
    SqliteFacts,
    SqliteCards,
    SqliteCounting,
    SqlitePrivacy,
    SqlitePushes,
    SqliteHealth,
):
    """The `Store` port over an open database.

    With a bus in the same file, accepting an event and queueing it are one transaction.
    """

    def __init__(self, database: Database, bus: Queue | None = None) -> None:
        SqliteInbox.__init__(self, database, bus)
        SqliteOutbox.__init__(self, database)

    async def ready(self) -> None:
        """See the port: writes a heartbeat, so that a full disk is found out."""
        await self._database.write(_beat)

    async def close(self) -> None:
        """Close the database; close the bus that shares it first. Again is harmless."""
        with suppress(StoreClosed):
            await self._database.close()


def _beat(connection: apsw.Connection) -> None:
    connection.execute("UPDATE pulse SET beats = beats + 1")
