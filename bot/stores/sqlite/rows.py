"""Rows of the file as values of the model."""

from __future__ import annotations

from typing import Final

import apsw

from bot.model.channel import Address
from bot.model.ids import IdentityId, ThreadId
from bot.model.moments import moment
from bot.model.people import ChannelIdentity

_IDENTITY: Final = """
SELECT id, thread, channel, account, user, phone, name, username, language, created_at
FROM identities WHERE id = ?
"""
_IDENTITIES: Final = """
SELECT id, thread, channel, account, user, phone, name, username, language, created_at
FROM identities WHERE thread = ?
"""

IdentityRow = tuple[str, str, str, str, str, str | None, str | None, str | None, str | None, int]


def identity_of(row: IdentityRow) -> ChannelIdentity:
    """A row of `identities` as a value."""
    return ChannelIdentity(
        id=IdentityId(row[0]),
        thread=ThreadId(row[1]),
        address=Address(channel=row[2], account=row[3], user=row[4]),
        phone=row[5],
        name=row[6],
        username=row[7],
        language=row[8],
        created_at=moment(row[9]),
    )


def find_identity(connection: apsw.Connection, identity: IdentityId) -> ChannelIdentity | None:
    """The identity, or None."""
    row: IdentityRow | None = connection.execute(_IDENTITY, (identity,)).get
    return None if row is None else identity_of(row)


def identities_in(connection: apsw.Connection, thread: ThreadId) -> tuple[ChannelIdentity, ...]:
    """The identities that belong to a thread now, the oldest first."""
    found = [identity_of(row) for row in connection.execute(_IDENTITIES, (thread,))]
    if len(found) > 1:  # nearly always one: SQLite would set up a sorter all the same
        found.sort(key=lambda identity: (identity.created_at, identity.id))
    return tuple(found)


def next_seq(connection: apsw.Connection, table: str) -> int:
    """The first sequence number never used in a table, also not by a row that was erased."""
    last: int | None = connection.execute(
        "SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)
    ).get
    return (last or 0) + 1
