"""Lists of threads, each read from an index in its own order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from heapq import merge
from itertools import islice, product
from typing import Final

import apsw

from bot.model.ids import ThreadId
from bot.model.listing import HolderCount, ThreadFilter, ThreadOrder, ThreadPlace
from bot.model.moments import micros
from bot.model.record import ThreadRow
from bot.model.thread import ThreadState
from bot.stores.sqlite.rows import identities_in

Bindings = dict[str, int | str | None]
_Place = tuple[int, str]  # in rising order: the moment, counted backwards in NEWEST, and the thread

_LAST: Final = """
SELECT -last_at, id FROM threads
WHERE absorbed_by IS NULL AND last_at BETWEEN 0 AND :at AND (last_at < :at OR id > :thread)
ORDER BY last_at DESC, id LIMIT :limit
"""
# One cell: threads that are listed under the same three values.
_CELL: Final = """
SELECT -last_at, id FROM threads
WHERE absorbed_by IS NULL AND owner = :owner AND phase = :phase AND language = :language
    AND last_at BETWEEN 0 AND :at AND (last_at < :at OR id > :thread)
ORDER BY last_at DESC, id LIMIT :limit
"""
_CELL_ON_CHANNEL: Final = """
SELECT -last_at, thread FROM thread_channels
WHERE channel = :channel AND owner = :owner AND phase = :phase AND language = :language
    AND last_at BETWEEN 0 AND :at AND (last_at < :at OR thread > :thread)
ORDER BY last_at DESC, thread LIMIT :limit
"""
# What one agent or one queue has, and what waits, is little: the rest is looked at row by row.
_HELD: Final = """
SELECT -last_at, id FROM threads
WHERE absorbed_by IS NULL AND owner = :owner AND owner <> 'bot' AND holder = :holder
    AND last_at BETWEEN 0 AND :at AND (last_at < :at OR id > :thread)
    AND phase = coalesce(:phase, phase) AND language = coalesce(:language, language)
    AND (:channel IS NULL OR EXISTS (
        SELECT 1 FROM thread_channels c WHERE c.thread = threads.id AND c.channel = :channel
    ))
ORDER BY last_at DESC, id LIMIT :limit
"""
_WAITING: Final = """
SELECT since, id FROM threads INDEXED BY threads_waiting
WHERE absorbed_by IS NULL AND owner = 'offered'
    AND since >= :at AND (since > :at OR id > :thread)
    AND holder = coalesce(:holder, holder)
    AND phase = coalesce(:phase, phase) AND language = coalesce(:language, language)
    AND (:channel IS NULL OR EXISTS (
        SELECT 1 FROM thread_channels c WHERE c.thread = threads.id AND c.channel = :channel
    ))
ORDER BY since, id LIMIT :limit
"""
_COUNTS: Final = """
SELECT owner, holder, count(*) FROM threads
WHERE absorbed_by IS NULL AND owner <> 'bot' AND holder <> '' GROUP BY owner, holder
"""
_QUEUE: Final = """
SELECT id FROM threads INDEXED BY threads_queue
WHERE absorbed_by IS NULL AND owner = 'offered' AND holder = ? ORDER BY since, id LIMIT ?
"""
# A thread that has a snapshot, on every channel that its identities are on.
_ON_CHANNELS: Final = """
INSERT OR IGNORE INTO thread_channels (thread, channel, owner, phase, language, last_at)
SELECT t.id, i.channel, t.owner, t.phase, t.language, t.last_at
FROM threads t JOIN identities i ON i.thread = t.id
WHERE t.id = ? AND t.absorbed_by IS NULL
"""
_LATEST: Final = 2**62


def list_threads(
    connection: apsw.Connection,
    wanted: ThreadFilter,
    *,
    order: ThreadOrder,
    after: ThreadPlace | None,
    limit: int,
) -> list[ThreadRow]:
    """See the port: the cost is that of the page, and not of how many threads there are."""
    found = _places(connection, wanted, order=order, after=after, limit=limit)
    return [_row(connection, thread) for _, thread in islice(_merged(found), limit)]


def count_threads(connection: apsw.Connection, wanted: ThreadFilter, *, most: int) -> int:
    """See the port: the cost is that of a page without its rows."""
    found = _places(connection, wanted, order=ThreadOrder.NEWEST, after=None, limit=most)
    return min(sum(1 for rows in found for _ in rows), most)


def _places(
    connection: apsw.Connection,
    wanted: ThreadFilter,
    *,
    order: ThreadOrder,
    after: ThreadPlace | None,
    limit: int,
) -> Iterator[Iterable[_Place]]:
    """The first places of each of the statements."""
    return (
        connection.execute(sql, {**bindings, **_from(order, after), "limit": limit})
        for sql, bindings in queries(wanted, order)
    )


def queries(wanted: ThreadFilter, order: ThreadOrder) -> Iterator[tuple[str, Bindings]]:
    """The statements whose rows, merged, are the list; each in the list's order."""
    rest: Bindings = {
        "phase": wanted.phase,
        "language": wanted.language,
        "channel": wanted.channel,
    }
    if order is ThreadOrder.WAITING:
        if "offered" in wanted.owners:
            yield _WAITING, {"holder": wanted.holder, **rest}
    elif wanted.holder is not None:
        for owner in wanted.owners:
            yield _HELD, {"owner": owner, "holder": wanted.holder, **rest}
    elif wanted == ThreadFilter():
        yield _LAST, {}
    else:
        sql = _CELL if wanted.channel is None else _CELL_ON_CHANNEL
        where: Bindings = {} if wanted.channel is None else {"channel": wanted.channel}
        for owner, phase, language in product(wanted.owners, wanted.phases, wanted.languages):
            yield sql, {**where, "owner": owner, "phase": phase, "language": language}


def count_held(connection: apsw.Connection) -> list[HolderCount]:
    """See the port; the bot's threads are not looked at."""
    return [
        HolderCount(owner=owner, holder=holder, count=count)
        for owner, holder, count in connection.execute(_COUNTS)
    ]


def queue_of(connection: apsw.Connection, *, name: str, most: int) -> list[ThreadId]:
    """See the port: read from the index alone."""
    return [ThreadId(thread) for (thread,) in connection.execute(_QUEUE, (name, most))]


def list_on_channels(connection: apsw.Connection, thread: ThreadId) -> None:
    """List a thread under the channels it has got; those it has already stay."""
    connection.execute(_ON_CHANNELS, (thread,))


def unlist_from_channels(connection: apsw.Connection, thread: ThreadId) -> None:
    """List a thread under no channel."""
    connection.execute("DELETE FROM thread_channels WHERE thread = ?", (thread,))


def _merged(found: Iterable[Iterable[_Place]]) -> Iterator[_Place]:
    return merge(*(list(rows) for rows in found))


def _from(order: ThreadOrder, after: ThreadPlace | None) -> Mapping[str, int | str]:
    if after is not None:
        return {"at": micros(after.at), "thread": after.thread}
    return {"at": 0 if order is ThreadOrder.WAITING else _LATEST, "thread": ""}


def _row(connection: apsw.Connection, thread: str) -> ThreadRow:
    text: str = connection.execute("SELECT state FROM threads WHERE id = ?", (thread,)).get
    state = ThreadState.model_validate_json(text)
    return ThreadRow(state=state, identities=identities_in(connection, state.thread))
