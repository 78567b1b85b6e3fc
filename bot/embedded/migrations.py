"""The file's schema, as numbered steps; `user_version` says how many of them a file has had."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from bot.embedded.schema import VERSION_1, VERSION_2, VERSION_3
from bot.errors import StoreError

# "Samt": tells our files from other programs' SQLite files.
APPLICATION_ID = 0x53616D74

# A step that was released is never edited: files out there have had it. Add the next one.
MIGRATIONS: tuple[str, ...] = (VERSION_1, VERSION_2, VERSION_3)


def migrate(
    connection: apsw.Connection, *, name: str, migrations: Sequence[str] = MIGRATIONS
) -> int:
    """Bring a file up to date, each step in a transaction; returns the number of steps made.

    Raises StoreError for a file of a newer program or of another program.
    """
    version = check(connection, name=name, migrations=migrations)
    for number, statements in enumerate(migrations[version:], start=version + 1):
        with connection:
            connection.execute(statements)
            connection.pragma("application_id", APPLICATION_ID)
            connection.pragma("user_version", number)
    return len(migrations) - version


def check(connection: apsw.Connection, *, name: str, migrations: Sequence[str] = MIGRATIONS) -> int:
    """The version a file is at; raises StoreError when it is not ours or newer than we are."""
    version: int = connection.pragma("user_version")
    owner: int = connection.pragma("application_id")
    tables: int = connection.execute("SELECT count(*) FROM sqlite_schema").get
    if owner != APPLICATION_ID and (owner or version or tables):
        raise StoreError(
            f"{name}: this SQLite file belongs to another program. "
            "Give the path of a Samtal database, or of a file that does not exist yet"
        )
    if version > len(migrations):
        raise StoreError(
            f"{name}: the file is at schema version {version}, this program knows "
            f"{len(migrations)}. Use the newer program, or restore a backup made before the upgrade"
        )
    return version
