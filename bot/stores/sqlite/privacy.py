"""Forgetting people: their rows, the words they are found by, and what is left of both on disk."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Final

import apsw

from bot.embedded.database import Database
from bot.errors import Denied, StoreError
from bot.model.channel import Address
from bot.model.event import Done
from bot.model.fact import FactKind
from bot.model.forgetting import FirstWords, WordsGone
from bot.model.ids import BlobId, IdentityId, ThreadId
from bot.model.listing import ThreadPlace
from bot.model.moments import micros, moment
from bot.model.numbers import SEND_NUMBERS
from bot.model.privacy import LegalHold
from bot.model.thread import SendStatus
from bot.stores.sqlite.forgetting import first_words, forget_words
from bot.stores.sqlite.search import forget_customers, forget_entries
from bot.stores.sqlite.texts import texts

# Looked for ahead, on another thread: there is no index, and many rows.
_EVENTS: Final = "SELECT seq FROM events WHERE identity IN (SELECT value FROM json_each(:who))"
_THEIRS: Final = """
SELECT thread, channel, account, user FROM identities
WHERE id IN (SELECT value FROM json_each(:who))
"""
_STRANGER: Final = """
SELECT id FROM identities WHERE id NOT IN (SELECT value FROM json_each(:who)) AND thread IN (
    SELECT thread FROM identities WHERE id IN (SELECT value FROM json_each(:who))
) LIMIT 1
"""
_SENDING: Final = """
SELECT id FROM sends WHERE identity IN (SELECT value FROM json_each(:who)) AND status = :sending
LIMIT 1
"""
_HOLDS: Final = """
SELECT hold FROM holds WHERE identity IN (SELECT value FROM json_each(:who)) ORDER BY identity
"""
_END_HOLDS: Final = "DELETE FROM holds WHERE identity IN (SELECT value FROM json_each(:who))"
# Of events the ids stay. Those that came since the look and wait are found by an index.
_ERASE: Final = """
DELETE FROM dead_letters WHERE event IN (
    SELECT id FROM events WHERE seq IN (SELECT value FROM json_each(:events))
);
DELETE FROM requests WHERE id IN (
    SELECT request FROM events WHERE seq IN (SELECT value FROM json_each(:events))
);
UPDATE events SET state = 1, event = '', outcome = :done, request = NULL
WHERE seq IN (SELECT value FROM json_each(:events));
UPDATE events SET state = 1, event = '', outcome = :done, request = NULL
WHERE state = 0 AND identity IN (SELECT value FROM json_each(:who));

DELETE FROM threads WHERE id IN (SELECT value FROM json_each(:threads))
    OR (id IN (SELECT value FROM json_each(:homes)) AND absorbed_by IS NOT NULL);
DELETE FROM thread_channels WHERE thread IN (SELECT value FROM json_each(:threads));

DELETE FROM parts WHERE place IN (
    SELECT place FROM sends WHERE identity IN (SELECT value FROM json_each(:who))
);
DELETE FROM sends WHERE identity IN (SELECT value FROM json_each(:who));
DELETE FROM timers WHERE identity IN (SELECT value FROM json_each(:who));
DELETE FROM watermarks WHERE identity IN (SELECT value FROM json_each(:who));
DELETE FROM facts WHERE identity IN (SELECT value FROM json_each(:who));
DELETE FROM pushes WHERE identity IN (SELECT value FROM json_each(:who));
DELETE FROM codes WHERE source IN (SELECT value FROM json_each(:who))
    OR only IN (SELECT value FROM json_each(:who));
DELETE FROM aliases WHERE alias IN (SELECT value FROM json_each(:who))
    OR identity IN (SELECT value FROM json_each(:who));
DELETE FROM link_marks WHERE link IN (
    SELECT id FROM links WHERE one IN (SELECT value FROM json_each(:who))
        OR other IN (SELECT value FROM json_each(:who))
);
DELETE FROM links WHERE one IN (SELECT value FROM json_each(:who))
    OR other IN (SELECT value FROM json_each(:who));
DELETE FROM blobs WHERE owner IN (SELECT value FROM json_each(:who))
    OR id IN (SELECT value FROM json_each(:blobs));
DELETE FROM entries WHERE identity IN (SELECT value FROM json_each(:who));
DELETE FROM identities WHERE id IN (SELECT value FROM json_each(:who));
"""
_PRUNE: Final = """
DELETE FROM facts WHERE rowid IN (
    SELECT rowid FROM facts WHERE kind = ? AND at < ?
        AND identity NOT IN (SELECT identity FROM holds) LIMIT ?
)
"""
_SILENT: Final = """
SELECT last_at, id FROM threads INDEXED BY threads_last
WHERE absorbed_by IS NULL AND last_at >= :at AND last_at < :before
    AND (last_at > :at OR id < :thread)
ORDER BY last_at, id DESC LIMIT :limit
"""
_BEYOND: Final = "~"  # after every id
_AT_A_CALL: Final = 500


class SqlitePrivacy:
    """The `Privacy` section of the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def erase(
        self, identities: Sequence[IdentityId], *, blobs: Sequence[BlobId] = ()
    ) -> None:
        """See the port; nothing of it can be read in the file afterwards either."""
        named = {"who": _json(identities), "blobs": _json(blobs)}
        events = await self._database.read(partial(_events, named["who"]))
        await self._database.write(partial(_erase, {**named, "events": events}))
        await self._database.scrub()

    async def put_holds(self, holds: Sequence[LegalHold]) -> None:
        """See the port."""
        rows = [(hold.identity, hold.model_dump_json()) for hold in holds]
        sql = "INSERT OR REPLACE INTO holds (identity, hold) VALUES (?, ?)"

        def work(connection: apsw.Connection) -> None:
            connection.executemany(sql, rows)

        await self._database.write(work)

    async def holds(self, identities: Sequence[IdentityId]) -> list[LegalHold]:
        """See the port."""
        return await self._database.read(partial(_holds, _json(identities)))

    async def end_holds(self, identities: Sequence[IdentityId]) -> None:
        """See the port."""
        who = {"who": _json(identities)}

        def work(connection: apsw.Connection) -> None:
            connection.execute(_END_HOLDS, who)

        await self._database.write(work)

    async def prune_facts(self, kinds: Collection[FactKind], *, before: datetime) -> int:
        """See the port; at most 500 of each kind go at a call."""
        return await self._database.write(partial(_prune, kinds, micros(before)))

    async def silent(
        self, *, before: datetime, after: ThreadPlace | None = None, limit: int = 100
    ) -> list[ThreadPlace]:
        """See the port."""
        bindings = {
            "before": micros(before),
            "at": 1 if after is None else micros(after.at),
            "thread": _BEYOND if after is None else after.thread,
            "limit": max(limit, 0),
        }
        return await self._database.read(partial(_silent, bindings))

    async def first_words(
        self, *, after: IdentityId | None = None, limit: int = 100
    ) -> list[FirstWords]:
        """See the port."""
        return await self._database.read(partial(first_words, after, limit))

    async def forget_words(self, gone: Sequence[WordsGone]) -> None:
        """See the port; nothing of it can be read in the file afterwards either."""
        await self._database.write(partial(_forget_words, gone))
        await self._database.scrub()


def _json(values: Iterable[str]) -> str:
    return texts.dump_json(tuple(values)).decode()


def _events(who: str, connection: apsw.Connection) -> str:
    """The numbers of their events, as JSON."""
    return str([seq for (seq,) in connection.execute(_EVENTS, {"who": who})])


def _silent(bindings: dict[str, int | str], connection: apsw.Connection) -> list[ThreadPlace]:
    return [
        ThreadPlace(at=moment(last_at), thread=ThreadId(thread))
        for last_at, thread in connection.execute(_SILENT, bindings)
    ]


def _holds(who: str, connection: apsw.Connection) -> list[LegalHold]:
    rows = connection.execute(_HOLDS, {"who": who})
    return [LegalHold.model_validate_json(hold) for (hold,) in rows]


def _erase(named: dict[str, str], connection: apsw.Connection) -> None:
    _refuse(connection, named["who"])
    theirs: list[tuple[str, str, str, str]] = list(
        connection.execute(_THEIRS, {"who": named["who"]})
    )
    homes = [Address(channel=c, account=a, user=u).home_thread for _, c, a, u in theirs]
    bindings = {
        **named,
        "threads": _json(sorted({thread for thread, *_ in theirs})),
        "homes": _json(homes),
        "done": Done().model_dump_json(),
    }
    forget_entries(connection, named["who"])
    forget_customers(connection, named["who"])
    connection.execute(_ERASE, bindings)


def _forget_words(gone: Sequence[WordsGone], connection: apsw.Connection) -> None:
    _refuse_held(connection, _json(one.identity for one in gone))
    for one in gone:
        forget_words(connection, one)


def _refuse_held(connection: apsw.Connection, who: str) -> None:
    held = _holds(who, connection)
    if held:
        raise Denied(f"{held[0].identity} is under a legal hold: {held[0].reason}")


def _refuse(connection: apsw.Connection, who: str) -> None:
    _refuse_held(connection, who)
    stranger: str | None = connection.execute(_STRANGER, {"who": who}).get
    if stranger is not None:
        raise StoreError(f"identity {stranger} is in the same thread, and was not named")
    sending = SEND_NUMBERS[SendStatus.SENDING]
    if connection.execute(_SENDING, {"who": who, "sending": sending}).get is not None:
        raise StoreError("a message to them is being sent: try again in a moment")


def _prune(kinds: Collection[FactKind], before: int, connection: apsw.Connection) -> int:
    gone = 0
    for kind in kinds:
        connection.execute(_PRUNE, (kind, before, _AT_A_CALL))
        gone += connection.changes()
    return gone
