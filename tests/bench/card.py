"""What a customer's card costs: `python -m tests.bench.card [--entries N] [--customers N]`.

The card of one customer with twenty identities is read in two stores on SQLite: one that has
nothing else, and one of many customers, where the customer's thread is long. It is to cost the
same: the two are read in turn, and the ratio of their p99 is told. At most 1.5 is the target.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bot.edge.clock import SystemClock
from bot.embedded.database import Database
from bot.hub.cards import Cards
from bot.hub.knowing import Knowing
from bot.hub.levels import Levels
from bot.hub.settings import HubSettings
from bot.hub.suggesting import Suggesting
from bot.hub.vouching import Vouching
from bot.model.channel import Address
from bot.model.fact import Claimed, ClaimKind, Purchased, TrafficSource, Visited
from bot.model.ids import EpisodeId, EventId, FactId
from bot.model.moments import micros
from bot.model.record import Absorb, Arrival
from bot.model.thread import EpisodeChanged, Linked, Note, Phase, ThreadState
from bot.stores.sqlite import SqliteStore
from tests.builders import START, acceptance, address, arrival, at, change, entry, fact, link

if TYPE_CHECKING:
    import apsw

    from bot.model.event import ThreadEvent
    from bot.model.fact import FactBody
    from bot.model.thread import EntryBody

IDENTITIES = 20
CASES = 40
PURCHASES, PAGES = 100, 200
TARGET = 1.5
_AT_A_TIME = 500
_CROWD_AT_A_TIME = 10_000
ANNA = address("anna")

Row = tuple[object, ...]


def others() -> list[Address]:
    """The customer's other addresses."""
    return [address(f"anna-{number}", channel="telegram") for number in range(1, IDENTITIES)]


async def grown(store: SqliteStore, *, entries: int) -> None:
    """One customer with everything that a card shows, and so many entries beside."""
    await store.accept(acceptance(arrival(ANNA, "first")))
    await _commit(store, (await store.turn(ANNA.home_thread)).events[0], [])
    for where in others():
        await _join(store, where)
    for first in range(0, entries, _AT_A_TIME):
        notes: list[EntryBody] = [Note(text="Vi hörs") for _ in range(_AT_A_TIME)]
        await _event(store, ANNA, f"talk-{first}", notes)
    for number in range(CASES):
        where = [ANNA, *others()][number % IDENTITIES]
        case = EpisodeChanged(
            episode=EpisodeId.of(str(number)), phase=Phase.OPEN, opened_at=at(), reason="opened"
        )
        done = case.model_copy(update={"phase": Phase.RESOLVED, "reason": "solved"})
        await _event(store, where, f"case-{number}", [case, done])
    await store.put_facts([fact(ANNA, key, when=when, body=body) for key, when, body in _facts()])


def _facts() -> Iterator[tuple[str, float, FactBody]]:
    for number in range(IDENTITIES):
        mail = f"anna{number}@mail.se"
        yield f"c{number}", number, Claimed(what=ClaimKind.EMAIL, value=mail, raw=mail)
    for number in range(PURCHASES):
        order = Purchased(order=f"A-{number}", amount="100.00", currency="SEK")
        yield f"p{number}", number, order
    for number in range(PAGES):
        yield f"v{number}", number, Visited(page=f"shop/{number}", source=TrafficSource.DIRECT)


async def _join(store: SqliteStore, where: Address) -> None:
    (event,) = (await store.accept(acceptance(arrival(where, "first")))).events
    made = link(ANNA, where)
    told = Linked(link=made.id, one=made.one, other=made.other, proof=made.proof)
    joined = change(await store.turn(ANNA.home_thread), event, entry(event, body=told))
    absorb = Absorb(thread=where.home_thread, version=0)
    await store.commit(joined.model_copy(update={"link": made, "absorb": absorb}))


async def _event(store: SqliteStore, where: Address, key: str, bodies: list[EntryBody]) -> None:
    told = Arrival(
        id=EventId.of(where.user, key),
        identity=where.identity,
        at=START,
        body=arrival(where, key).body,
    )
    (event,) = (await store.accept(acceptance(told))).events
    await _commit(store, event, bodies)


async def _commit(store: SqliteStore, event: ThreadEvent, bodies: list[EntryBody]) -> None:
    written = [entry(event, nth, body=body) for nth, body in enumerate(bodies)]
    await store.commit(change(await store.turn(event.thread), event, *written))


async def crowded(database: Database, *, customers: int) -> None:
    """So many other customers, each with a thread, an entry and a claim of their own."""
    for first in range(0, customers, _CROWD_AT_A_TIME):
        people = range(first, min(first + _CROWD_AT_A_TIME, customers))

        def work(connection: apsw.Connection, people: range = people) -> None:
            rows = [_somebody(number) for number in people]
            for place, sql in enumerate(_CROWD):
                connection.executemany(sql, (row[place] for row in rows))

        await database.write(work)


_CROWD = (
    """INSERT INTO identities (id, thread, channel, account, user, phone, created_at)
    VALUES (?, ?, ?, ?, ?, ?, ?)""",
    "INSERT INTO threads (id, version, epoch, owner, last_at, state) VALUES (?, 1, 0, 'bot', ?, ?)",
    "INSERT INTO entries (id, identity, entry, landmark) VALUES (?, ?, ?, 'case')",
    "INSERT INTO facts (id, identity, kind, at, claim, fact) VALUES (?, ?, 'claimed', ?, ?, '{}')",
)


def _somebody(number: int) -> tuple[Row, Row, Row, Row]:
    user = f"+4670{number:08}"
    where = address(user)
    identity, thread, now = where.identity, where.home_thread, micros(START)
    state = ThreadState(thread=thread, version=1).model_dump_json()
    return (
        (identity, thread, where.channel, where.account, user, user, now),
        (thread, now, state),
        (f"ent_{number}", identity, "{}"),
        (FactId.of(user), identity, now, f"email:somebody{number}@mail.se"),
    )


def cards(store: SqliteStore) -> Cards:
    """What reads cards there."""
    knowing, settings, clock = Knowing(store), HubSettings(vip_amount=1_000_000), SystemClock()
    return Cards(
        store=store,
        clock=clock,
        knowing=knowing,
        vouching=Vouching(store=store, knowing=knowing, settings=settings),
        suggesting=Suggesting(store=store, clock=clock, settings=settings),
        levels=Levels({}),
        settings=settings,
    )


async def measured(stores: tuple[SqliteStore, SqliteStore], *, looks: int) -> list[list[float]]:
    """How long each look took in either, one after the other so that both see the same machine."""
    readers = [cards(store) for store in stores]
    took: list[list[float]] = [[], []]
    for look in range(looks + looks // 10):
        for place, reader in enumerate(readers):
            gc.collect(0)
            before = time.perf_counter()
            card = await reader.card(ANNA.identity)
            if look >= looks // 10:  # the first ones warm up
                took[place].append(time.perf_counter() - before)
            if len(card.identities) != IDENTITIES or len(card.episodes) == 0:
                raise SystemExit("NO RESULT: the card is not whole")
    return took


def percentile(took: list[float], share: float) -> timedelta:
    """The time that so large a share of the looks did not exceed."""
    ranked = sorted(took)
    return timedelta(seconds=ranked[min(int(len(ranked) * share), len(ranked) - 1)])


async def run(folder: Path, *, entries: int, customers: int, looks: int) -> float:
    """Fill both stores, measure, tell; returns the ratio."""
    databases = [Database.open(folder / name) for name in ("alone.db", "crowd.db")]
    alone, crowd = SqliteStore(databases[0]), SqliteStore(databases[1])
    try:
        await crowded(databases[1], customers=customers)
        await grown(alone, entries=_AT_A_TIME)
        await grown(crowd, entries=entries)
        took = await measured((alone, crowd), looks=looks)
    finally:
        for store in (alone, crowd):
            await store.close()
    for name, one in zip(
        ("alone", f"{customers:,} customers, {entries:,} entries"), took, strict=True
    ):
        p50, p99 = (percentile(one, share) / timedelta(milliseconds=1) for share in (0.5, 0.99))
        print(f"  {name:<42} p50 {p50:6.2f} ms   p99 {p99:6.2f} ms")
    ratio = percentile(took[1], 0.99) / percentile(took[0], 0.99)
    print(f"  p99 ratio {ratio:.2f} (target {TARGET})")
    return ratio


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--looks", type=int, default=300)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="samtal-bench-") as folder:
        asyncio.run(
            run(
                Path(folder),
                entries=given.entries,
                customers=given.customers,
                looks=given.looks,
            )
        )


if __name__ == "__main__":
    main()
