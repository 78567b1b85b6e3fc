"""Writing a thread's change: fenced, all of it or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import apsw

from bot.errors import StaleVersion, StoreError
from bot.model.crm import Push
from bot.model.decision import Gap
from bot.model.fact import Fact
from bot.model.ids import EntryId, ThreadId
from bot.model.landmarks import landmark_of
from bot.model.listing import Listing
from bot.model.moments import micros
from bot.model.record import Absorb, SendItem, ThreadChange, Timer
from bot.model.thread import Entry, ThreadState
from bot.stores.sqlite.facts import write_fact
from bot.stores.sqlite.links import insert_link, insert_marks
from bot.stores.sqlite.listing import list_on_channels, unlist_from_channels
from bot.stores.sqlite.pushes import write_push
from bot.stores.sqlite.rows import next_seq
from bot.stores.sqlite.search import index_entries
from bot.stores.sqlite.splitting import split_off

_REPLACE_STATE = """
UPDATE threads SET version = ?, epoch = ?, state = ?,
    owner = ?, holder = ?, since = ?, phase = ?, language = ?, last_at = ?
WHERE id = ? AND version = ? AND absorbed_by IS NULL
"""
_FIRST_STATE = """
INSERT OR IGNORE INTO threads
    (version, epoch, state, owner, holder, since, phase, language, last_at, id)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_MOVE_ON_CHANNELS = """
UPDATE thread_channels SET owner = ?, phase = ?, language = ?, last_at = ? WHERE thread = ?
"""
_FINISH_EVENT = """
UPDATE events SET state = 1, event = '', outcome = ? WHERE id = ? AND state = 0 RETURNING at
"""
_ABSORB = """
UPDATE threads SET absorbed_by = ?, state = ? WHERE id = ? AND version = ? AND absorbed_by IS NULL
"""
_ABSORB_UNSEEN = """
INSERT OR IGNORE INTO threads (id, version, epoch, owner, last_at, absorbed_by, state)
VALUES (?, 0, 0, 'bot', 0, ?, ?)
"""
_INSERT_SEND = """
INSERT INTO sends (id, identity, held, due, entry_seq, item)
VALUES (?1, ?2, EXISTS (SELECT 1 FROM sends WHERE identity = ?2 AND status < 2), ?3, ?4, ?5)
"""
_COUNT_GAP = """
INSERT INTO gaps (gap, count, last_at) VALUES (?, 1, ?)
ON CONFLICT DO UPDATE SET count = count + 1, last_at = max(last_at, excluded.last_at)
"""


def write_change(connection: apsw.Connection, change: ThreadChange) -> tuple[Entry, ...]:
    """Write a change; raises StaleVersion, and then the caller's savepoint undoes all of it."""
    if change.state.version != change.expected + 1:
        raise StoreError(
            f"thread {change.state.thread}: a change of version {change.expected} must make "
            f"version {change.expected + 1}, not {change.state.version}"
        )
    at = _finish_event(connection, change)
    write_state(connection, change.state, expected=change.expected)
    if change.code is not None:
        _use_code(connection, change.code)
    if change.link is not None:
        insert_link(connection, change.link)
    insert_marks(connection, change.marks)
    if change.absorb is not None:
        _absorb(connection, change.absorb, into=change.state.thread)
    if change.splits:
        split_off(connection, change)
    entries = _append(connection, change.entries)
    _queue_sends(connection, change.sends, entries)
    _set_timers(connection, change.timers)
    _count_gaps(connection, change.gaps, at=micros(entries[-1].at) if entries else at)
    _keep_facts(connection, change.facts)
    _let_wait(connection, change.pushes)
    return entries


def write_state(connection: apsw.Connection, state: ThreadState, *, expected: int) -> None:
    """Replace a snapshot that is still at the expected version; raises StaleVersion."""
    listing = Listing.of(state)
    row = (state.version, state.epoch, state.model_dump_json(), *listing, state.thread)
    connection.execute(_REPLACE_STATE, (*row, expected))
    if connection.changes():
        moved = (listing.owner, listing.phase, listing.language, listing.last_at, state.thread)
        connection.execute(_MOVE_ON_CHANNELS, moved)
        return
    if expected == 0:
        connection.execute(_FIRST_STATE, row)
    if connection.changes() == 0:
        raise StaleVersion(f"thread {state.thread} is no longer at version {expected}")
    list_on_channels(connection, state.thread)


def _finish_event(connection: apsw.Connection, change: ThreadChange) -> int:
    rows: list[tuple[int]] = list(
        connection.execute(_FINISH_EVENT, (change.outcome.model_dump_json(), change.event))
    )
    if not rows:
        raise StaleVersion(f"event {change.event} does not wait any more")
    return rows[0][0]


def _use_code(connection: apsw.Connection, code: str) -> None:
    connection.execute("DELETE FROM codes WHERE hash = ?", (code,))
    if connection.changes() == 0:
        raise StaleVersion("the link code is used up or gone")


def _absorb(connection: apsw.Connection, absorb: Absorb, *, into: ThreadId) -> None:
    if absorb.thread == into:
        raise StoreError(f"thread {into} cannot absorb itself")
    empty = ThreadState(thread=absorb.thread).model_dump_json()
    connection.execute(_ABSORB, (into, empty, absorb.thread, absorb.version))
    if connection.changes() == 0 and absorb.version == 0:
        connection.execute(_ABSORB_UNSEEN, (absorb.thread, into, empty))
    if connection.changes() == 0:
        raise StaleVersion(f"thread {absorb.thread} is no longer at version {absorb.version}")
    connection.execute("UPDATE identities SET thread = ? WHERE thread = ?", (into, absorb.thread))
    unlist_from_channels(connection, absorb.thread)
    list_on_channels(connection, into)


def _append(connection: apsw.Connection, entries: Sequence[Entry]) -> tuple[Entry, ...]:
    if not entries:
        return ()
    first = next_seq(connection, "entries")
    numbered = tuple(
        entry.model_copy(update={"seq": seq}) for seq, entry in enumerate(entries, start=first)
    )
    for entry in numbered:
        try:
            connection.execute(
                "INSERT INTO entries (seq, id, identity, entry, landmark) VALUES (?, ?, ?, ?, ?)",
                (
                    entry.seq,
                    entry.id,
                    entry.identity,
                    entry.model_dump_json(),
                    landmark_of(entry.body.kind),
                ),
            )
        except apsw.ConstraintError as error:
            raise _refusal(error, f"entry {entry.id}", f"identity {entry.identity}") from error
    index_entries(connection, numbered)
    return numbered


def _queue_sends(
    connection: apsw.Connection, sends: Iterable[SendItem], entries: Iterable[Entry]
) -> None:
    places: dict[EntryId, int] = {entry.id: entry.seq for entry in entries}
    for item in sends:
        if item.entry not in places:
            raise StoreError(f"send {item.id}: its entry {item.entry} is not in the same change")
        try:
            connection.execute(
                _INSERT_SEND,
                (
                    item.id,
                    item.identity,
                    micros(item.at),
                    places[item.entry],
                    item.model_dump_json(),
                ),
            )
        except apsw.ConstraintError as error:
            raise _refusal(error, f"send {item.id}", f"identity {item.identity}") from error


def _set_timers(connection: apsw.Connection, timers: Iterable[Timer]) -> None:
    for timer in timers:
        connection.execute(
            "INSERT OR IGNORE INTO timers (id, identity, due, body) VALUES (?, ?, ?, ?)",
            (timer.id, timer.identity, micros(timer.due), timer.body.model_dump_json()),
        )


def _count_gaps(connection: apsw.Connection, gaps: Iterable[Gap], *, at: int) -> None:
    for gap in gaps:
        connection.execute(_COUNT_GAP, (gap.model_dump_json(), at))


def _keep_facts(connection: apsw.Connection, facts: Iterable[Fact]) -> None:
    for fact in facts:
        try:
            write_fact(connection, fact)
        except apsw.ConstraintError as error:
            raise _refusal(error, f"fact {fact.id}", f"identity {fact.identity}") from error


def _let_wait(connection: apsw.Connection, pushes: Iterable[Push]) -> None:
    for push in pushes:
        try:
            write_push(connection, push)
        except apsw.ConstraintError as error:
            raise _refusal(error, f"push {push.key}", f"identity {push.identity}") from error


def _refusal(error: apsw.ConstraintError, repeated: str, unknown: str) -> StoreError:
    if "FOREIGN KEY" in str(error):
        return StoreError(f"{repeated} is about an unknown {unknown}")
    return StaleVersion(f"{repeated} was written before")
