"""Accepting events: identities made and joined, each event once."""

from __future__ import annotations

from collections.abc import Iterator

import apsw
from pydantic_core import to_json

from bot.errors import NotFound
from bot.model.event import IdentityJoined, ThreadEvent
from bot.model.ids import EventId, IdentityId, LinkId, ThreadId
from bot.model.moments import micros
from bot.model.people import Link, Proof
from bot.model.record import Acceptance, Arrival, IdentitySeed, RawRequest
from bot.stores.sqlite.links import insert_link
from bot.stores.sqlite.listing import list_on_channels
from bot.stores.sqlite.rows import next_seq
from bot.stores.sqlite.search import index_customer

_INSERT_EVENT = """
INSERT OR IGNORE INTO events (seq, id, identity, at, event, request) VALUES (?, ?, ?, ?, ?, ?)
"""
_FILL_IN = """
UPDATE identities SET phone = coalesce(phone, ?), name = coalesce(name, ?),
    username = coalesce(username, ?), language = coalesce(language, ?)
WHERE id = ?
"""
_INSERT_IDENTITY = """
INSERT INTO identities (id, thread, channel, account, user, phone, name, username, language,
    created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


def accept_arrivals(connection: apsw.Connection, acceptance: Acceptance) -> list[ThreadEvent]:
    """Record what is new of an acceptance, with its request; repeats leave no trace."""
    if not (acceptance.arrivals or acceptance.unreadable):
        return []
    request = _keep_request(connection, acceptance.request)
    events = _Events(connection, request)
    for arrival in acceptance.arrivals:
        events.accept(arrival)
    kept = bool(events.fresh)
    if acceptance.unreadable is not None:
        kept |= _set_aside(connection, acceptance, request=request)
    if request is not None and not kept:
        connection.execute("DELETE FROM requests WHERE id = ?", (request,))
    return events.fresh


class _Events:
    """The fresh events of one acceptance, in order."""

    def __init__(self, connection: apsw.Connection, request: int | None) -> None:
        self.fresh: list[ThreadEvent] = []
        self._connection = connection
        self._request = request
        self._seq = next_seq(connection, "events")

    def accept(self, arrival: Arrival) -> None:
        """Record one arrival, after the event that tells of its joining, if it is joined."""
        if _is_forgotten(self._connection, arrival):
            return
        thread, link = _place(self._connection, arrival)
        if link is not None:
            joined = Arrival(
                id=EventId.of("joined", link.id),
                identity=arrival.identity,
                at=arrival.at,
                body=IdentityJoined(link=link),
            )
            self._insert(joined, thread)
        self._insert(arrival, thread)

    def _insert(self, arrival: Arrival, thread: ThreadId) -> None:
        event = ThreadEvent(
            id=arrival.id,
            identity=arrival.identity,
            thread=thread,
            at=arrival.at,
            body=arrival.body,
            seq=self._seq,
        )
        if insert_event(self._connection, event, request=self._request):
            self._seq += 1
            self.fresh.append(event)


def insert_event(
    connection: apsw.Connection, event: ThreadEvent, *, request: int | None = None
) -> bool:
    """Record an event under its own sequence number; False when it is there already."""
    connection.execute(
        _INSERT_EVENT,
        (
            event.seq,
            event.id,
            event.identity,
            micros(event.at),
            event.model_dump_json(),
            request,
        ),
    )
    return connection.changes() > 0


def thread_of(connection: apsw.Connection, identity: IdentityId) -> ThreadId | None:
    """The thread that an identity belongs to now, or None for an unknown one."""
    thread: str | None = connection.execute(
        "SELECT thread FROM identities WHERE id = ?", (identity,)
    ).get
    return None if thread is None else ThreadId(thread)


def _is_forgotten(connection: apsw.Connection, arrival: Arrival) -> bool:
    """Whether it repeats what came from somebody who was erased since: it brings nobody back."""
    if arrival.seed is None or thread_of(connection, arrival.identity) is not None:
        return False
    return connection.execute("SELECT 1 FROM events WHERE id = ?", (arrival.id,)).get is not None


def _place(connection: apsw.Connection, arrival: Arrival) -> tuple[ThreadId, Link | None]:
    """The thread an arrival belongs to; and on first sight the link that put it there."""
    thread, link = thread_of(connection, arrival.identity), None
    seed = arrival.seed
    if seed is None:
        if thread is None:
            raise NotFound(f"event {arrival.id}: no identity {arrival.identity}, and no seed")
        return thread, None
    if thread is None:
        thread, link = _make_identity(connection, arrival, seed)
    else:
        _fill_in(connection, arrival.identity, seed)
    for alias in seed.aliases:
        connection.execute(
            "INSERT OR IGNORE INTO aliases (alias, identity) VALUES (?, ?)",
            (alias, arrival.identity),
        )
    return thread, link


def _fill_in(connection: apsw.Connection, identity: IdentityId, seed: IdentitySeed) -> None:
    """Add what was not known of an identity; what is known stays."""
    told = _told(seed)
    if told == (None, None, None, None):
        return
    row: tuple[str | None, ...] = connection.execute(
        "SELECT phone, name, username, language FROM identities WHERE id = ?", (identity,)
    ).get
    if any(new is not None and old is None for old, new in zip(row, told, strict=True)):
        connection.execute(_FILL_IN, (*told, identity))
        index_customer(connection, identity)


def _make_identity(
    connection: apsw.Connection, arrival: Arrival, seed: IdentitySeed
) -> tuple[ThreadId, Link | None]:
    found = _holder(connection, arrival.identity, seed)
    thread, link = seed.address.home_thread, None
    if found is not None:
        holder, thread, proof, proof_id = found
        link = Link(
            id=LinkId.of(proof, arrival.identity, holder, arrival.id),
            one=arrival.identity,
            other=holder,
            proof=proof,
            proof_id=proof_id,
            at=arrival.at,
        )
        insert_link(connection, link)
    address = seed.address
    connection.execute(
        _INSERT_IDENTITY,
        (
            arrival.identity,
            thread,
            address.channel,
            address.account,
            address.user,
            *_told(seed),
            micros(arrival.at),
        ),
    )
    index_customer(connection, arrival.identity)
    if link is not None:
        list_on_channels(connection, thread)
    return thread, link


def _holder(
    connection: apsw.Connection, identity: IdentityId, seed: IdentitySeed
) -> tuple[IdentityId, ThreadId, Proof, str] | None:
    """Whom a new identity is joined with: an alias of its own payload before an equal phone."""
    for alias in (identity, *seed.aliases):
        for holder in _alias_holders(connection, alias):
            thread = None if holder == identity else thread_of(connection, holder)
            if thread is not None:
                return holder, thread, Proof.ALIAS, alias
    if not (seed.phone and seed.join_phone):
        return None
    held: tuple[str, str] | None = connection.execute(
        "SELECT id, thread FROM identities WHERE phone = ? ORDER BY created_at, id LIMIT 1",
        (seed.phone,),
    ).get
    if held is None:
        return None
    return IdentityId(held[0]), ThreadId(held[1]), Proof.ATTESTED_PHONE, seed.phone


def _alias_holders(connection: apsw.Connection, alias: IdentityId) -> Iterator[IdentityId]:
    """Whom an alias may stand for: the identity of that id, and who was first to name it."""
    yield alias
    named: str | None = connection.execute(
        "SELECT identity FROM aliases WHERE alias = ?", (alias,)
    ).get
    if named is not None:
        yield IdentityId(named)


def _told(seed: IdentitySeed) -> tuple[str | None, str | None, str | None, str | None]:
    """What a seed tells; an empty text tells nothing."""
    return seed.phone or None, seed.name or None, seed.username or None, seed.language or None


def _keep_request(connection: apsw.Connection, request: RawRequest | None) -> int | None:
    if request is None:
        return None
    connection.execute(
        "INSERT INTO requests (channel, account, method, url, headers, body, at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            request.channel,
            request.account,
            request.method,
            request.url,
            to_json(request.headers).decode(),
            request.body,
            micros(request.at),
        ),
    )
    return connection.last_insert_rowid()


def _set_aside(connection: apsw.Connection, acceptance: Acceptance, *, request: int | None) -> bool:
    """Keep an unreadable request as a dead letter; False when the same one is kept already."""
    raw = acceptance.request
    named: tuple[str, ...] = ("unreadable", acceptance.unreadable or "")
    if raw is not None:
        named = ("unreadable", raw.channel, raw.account, raw.method, raw.url, raw.body.hex())
    connection.execute(
        "INSERT OR IGNORE INTO dead_letters (event, reason, tries, at, request) "
        "VALUES (?, ?, 0, ?, ?)",
        (
            EventId.of(*named),
            acceptance.unreadable,
            0 if raw is None else micros(raw.at),
            request,
        ),
    )
    return connection.changes() > 0
