"""The file's schema, as numbered steps; `user_version` says how many of them a file has had."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import apsw

from bot.embedded.schema import (
    VERSION_1,
    VERSION_2,
    VERSION_3,
    VERSION_4,
    VERSION_5,
    VERSION_6,
)
from bot.embedded.schema_7 import VERSION_7
from bot.errors import StoreError
from bot.model.channel import Address
from bot.model.landmarks import landmark_of
from bot.model.moments import micros
from bot.model.search import customer_words, entry_words
from bot.model.thread import Entry

# "Samt" and "SamS": tell our files from other programs' SQLite files, and from each other.
APPLICATION_ID = 0x53616D74
SPOOL_ID = 0x53616D53
_KINDS = {APPLICATION_ID: "database", SPOOL_ID: "spool"}

# A step that was released is never edited: files out there have had it. Add the next one.
MIGRATIONS: tuple[str, ...] = (
    VERSION_1,
    VERSION_2,
    VERSION_3,
    VERSION_4,
    VERSION_5,
    VERSION_6,
    VERSION_7,
)


class Schema(NamedTuple):
    """What a file is brought up to, and the number that tells whose it is."""

    steps: Sequence[str] = MIGRATIONS
    application_id: int = APPLICATION_ID


def migrate(connection: apsw.Connection, schema: Schema, *, name: str) -> int:
    """Bring a file up to date, each step in a transaction; returns the number of steps made.

    Raises StoreError for a file of a newer program or of another program.
    """
    version = check(connection, schema, name=name)
    for function in (micros_of, words_of_entry, words_of_customer, landmark_in):
        connection.create_scalar_function(function.__name__, function, deterministic=True)
    for number, statements in enumerate(schema.steps[version:], start=version + 1):
        with connection:
            connection.execute(statements)
            connection.pragma("application_id", schema.application_id)
            connection.pragma("user_version", number)
    return len(schema.steps) - version


def check(connection: apsw.Connection, schema: Schema, *, name: str) -> int:
    """The version a file is at; raises StoreError when it is not ours or newer than we are."""
    version: int = connection.pragma("user_version")
    owner: int = connection.pragma("application_id")
    tables: int = connection.execute("SELECT count(*) FROM sqlite_schema").get
    if owner != schema.application_id and (owner or version or tables):
        found = f"is a Samtal {_KINDS[owner]}" if owner in _KINDS else "belongs to another program"
        raise StoreError(
            f"{name}: this SQLite file {found}. Give the path of a Samtal "
            f"{_KINDS[schema.application_id]}, or of a file that does not exist yet"
        )
    if version > len(schema.steps):
        raise StoreError(
            f"{name}: the file is at schema version {version}, this program knows "
            f"{len(schema.steps)}. Use the newer program, or restore a backup made before the "
            "upgrade"
        )
    return version


# --- what the steps may call -----------------------------------------------------------------


def micros_of(*moments: apsw.SQLiteValue) -> int:
    """A moment as JSON tells it, as the columns keep it."""
    (text,) = moments
    return micros(datetime.fromisoformat(str(text)))


def landmark_in(*columns: apsw.SQLiteValue) -> str | None:
    """What entries of a kind are landmarks of."""
    (kind,) = columns
    return landmark_of(str(kind))


def words_of_entry(*columns: apsw.SQLiteValue) -> str:
    """The words that an entry is found by: of its JSON and its channel."""
    text, channel = columns
    return " ".join(entry_words(Entry.model_validate_json(str(text)), str(channel)))


def words_of_customer(*columns: apsw.SQLiteValue) -> str:
    """The words that an identity is found by: of its channel, account, user, phone and names."""
    address, told = columns[:3], columns[3:]
    channel, account, user = map(str, address)
    phone, name, username = (None if one is None else str(one) for one in told)
    where = Address(channel=channel, account=account, user=user)
    return " ".join(customer_words(where, phone=phone, name=name, username=username))
