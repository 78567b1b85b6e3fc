"""Searching, in full-text indexes that hold folded words and no texts."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Final

import apsw

from bot.embedded.database import Database
from bot.model.channel import Address
from bot.model.ids import EntryId, IdentityId, ThreadId
from bot.model.record import ThreadRow
from bot.model.search import (
    Found,
    SearchQuery,
    Term,
    customer_words,
    entry_words,
)
from bot.model.thread import Entry, ThreadState
from bot.model.words import one_edit_from
from bot.stores.sqlite.rows import identities_in

_ENTRIES: Final = """
SELECT rowid FROM entry_words WHERE entry_words MATCH ? AND rowid < ? ORDER BY rowid DESC LIMIT ?
"""
_CUSTOMERS: Final = """
SELECT rowid FROM customer_words WHERE customer_words MATCH ? AND rowid < ?
ORDER BY rowid DESC LIMIT ?
"""
_ENTRY: Final = """
SELECT i.thread, e.identity, e.entry FROM entries e JOIN identities i ON i.id = e.identity
WHERE e.seq = ?
"""
_CUSTOMER: Final = """
SELECT i.thread, i.id FROM customers c JOIN identities i ON i.id = c.identity WHERE c.number = ?
"""
_KNOWN: Final = """
SELECT c.number, i.channel, i.account, i.user, i.phone, i.name, i.username
FROM identities i LEFT JOIN customers c ON c.identity = i.id WHERE i.id = ?
"""
_SAID_BY: Final = """
SELECT e.seq, e.entry, i.channel FROM entries e JOIN identities i ON i.id = e.identity
WHERE e.identity IN (SELECT value FROM json_each(?))
"""
_SAID_IN: Final = """
SELECT e.seq, e.entry, i.channel FROM entries e JOIN identities i ON i.id = e.identity
WHERE e.id = ?
"""
_NUMBERS: Final = """
SELECT number FROM customers WHERE identity IN (SELECT value FROM json_each(?))
"""
_NO_BEFORE: Final = 2**62


class SqliteSearch:
    """The `Search` section of the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_customers(
        self, query: SearchQuery, *, before: int | None = None, limit: int = 20
    ) -> list[Found]:
        """See the port."""
        if not query.terms:
            return []
        bindings = _bindings(query, before, limit)
        return await self._database.read(partial(_find_customers, bindings))

    async def find_entries(
        self, query: SearchQuery, *, before: int | None = None, limit: int = 20
    ) -> list[Found]:
        """See the port."""
        if not query.terms:
            return []
        bindings = _bindings(query, before, limit)
        return await self._database.read(partial(_find_entries, bindings))


# --- writing ---------------------------------------------------------------------------------


def index_entries(connection: apsw.Connection, entries: Iterable[Entry]) -> None:
    """Make entries of known identities be found by what was said in them."""
    channels: dict[IdentityId, str] = {}
    for entry in entries:
        if entry.identity not in channels:
            channels[entry.identity] = connection.execute(
                "SELECT channel FROM identities WHERE id = ?", (entry.identity,)
            ).get
        words = entry_words(entry, channels[entry.identity])
        if words:
            connection.execute(
                "INSERT INTO entry_words (rowid, words) VALUES (?, ?)", (entry.seq, " ".join(words))
            )


def index_customer(connection: apsw.Connection, identity: IdentityId) -> None:
    """Make an identity be found by what is known of it now."""
    number, channel, account, user, phone, name, username = connection.execute(
        _KNOWN, (identity,)
    ).get
    if number is None:
        connection.execute("INSERT INTO customers (identity) VALUES (?)", (identity,))
        number = connection.last_insert_rowid()
    address = Address(channel=channel, account=account, user=user)
    words = customer_words(address, phone=phone, name=name, username=username)
    connection.execute(
        "INSERT OR REPLACE INTO customer_words (rowid, words) VALUES (?, ?)",
        (number, " ".join(words)),
    )


def forget_entries(connection: apsw.Connection, who: str) -> None:
    """Let entries of these identities (a JSON list) be found no more; no word of them is left."""
    _forget_said(connection, list(connection.execute(_SAID_BY, (who,))))


def forget_entry(connection: apsw.Connection, entry: EntryId) -> None:
    """Let one entry be found no more, as it is written now; no word of it is left."""
    _forget_said(connection, list(connection.execute(_SAID_IN, (entry,))))


def _forget_said(connection: apsw.Connection, said: Iterable[tuple[int, str, str]]) -> None:
    # The index has no texts: what is taken out of it has to be named.
    connection.execute("INSERT INTO entry_words (entry_words, rank) VALUES ('secure-delete', 1)")
    for seq, text, channel in said:
        words = entry_words(Entry.model_validate_json(text), channel)
        if words:
            connection.execute(
                "INSERT INTO entry_words (entry_words, rowid, words) VALUES ('delete', ?, ?)",
                (seq, " ".join(words)),
            )


def forget_customers(connection: apsw.Connection, who: str) -> None:
    """Let these identities be found no more; rewrites the index, as it cannot name their words."""
    for (number,) in list(connection.execute(_NUMBERS, (who,))):
        connection.execute("DELETE FROM customer_words WHERE rowid = ?", (number,))
        connection.execute("DELETE FROM customers WHERE number = ?", (number,))
    connection.execute("INSERT INTO customer_words (customer_words) VALUES ('optimize')")


# --- reading ---------------------------------------------------------------------------------


def _bindings(query: SearchQuery, before: int | None, limit: int) -> tuple[str, int, int]:
    match = " AND ".join(_expression(term) for term in query.terms)
    return match, _NO_BEFORE if before is None else before, max(limit, 0)


def _expression(term: Term) -> str:
    """A term in the index's own words: nothing that is quoted here has a quote in it."""
    if term.near:
        return "(" + " OR ".join(f'"{word}"' for word in sorted(one_edit_from(term.words[0]))) + ")"
    return f'"{" ".join(term.words)}"' + (" *" if term.prefix else "")


def _find_customers(bindings: tuple[str, int, int], connection: apsw.Connection) -> list[Found]:
    rows = _Rows(connection)
    found: list[Found] = []
    for (number,) in list(connection.execute(_CUSTOMERS, bindings)):
        thread, identity = connection.execute(_CUSTOMER, (number,)).get
        row = rows.of(ThreadId(thread))
        found.append(Found(number=number, row=row, identity=IdentityId(identity)))
    return found


def _find_entries(bindings: tuple[str, int, int], connection: apsw.Connection) -> list[Found]:
    rows = _Rows(connection)
    found: list[Found] = []
    for (number,) in list(connection.execute(_ENTRIES, bindings)):
        thread, identity, text = connection.execute(_ENTRY, (number,)).get
        found.append(
            Found(
                number=number,
                row=rows.of(ThreadId(thread)),
                identity=IdentityId(identity),
                entry=Entry.model_validate_json(text),
            )
        )
    return found


class _Rows:
    """The threads of one page, each read once."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._known: dict[ThreadId, ThreadRow] = {}

    def of(self, thread: ThreadId) -> ThreadRow:
        """The thread; one in which nothing has happened yet is empty."""
        if thread not in self._known:
            text: str | None = self._connection.execute(
                "SELECT state FROM threads WHERE id = ?", (thread,)
            ).get
            state = (
                ThreadState(thread=thread)
                if text is None
                else ThreadState.model_validate_json(text)
            )
            identities = identities_in(self._connection, thread)
            self._known[thread] = ThreadRow(state=state, identities=identities)
        return self._known[thread]
