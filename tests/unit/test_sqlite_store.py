"""What is particular to the SQLite store: the contract suite has the rest."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import pytest
from pydantic import SecretStr

from bot.embedded.database import Database
from bot.errors import StaleVersion, StoreClosed, StoreError
from bot.model.channel import ReceiptStatus
from bot.model.ids import AgentId, IdentityId, SendId
from bot.model.people import Agent, Role, Session
from bot.model.record import Acceptance, Envelope
from bot.model.search import parsed
from bot.model.sending import PartSent
from bot.model.thread import Note
from bot.stores.sqlite import (
    SqliteStore,
    cards,
    changes,
    inbox,
    links,
    listing,
    outbox,
    receipts,
    rows,
    search,
    threads,
)
from tests.builders import (
    LAPSES,
    acceptance,
    address,
    arrival,
    at,
    change,
    entry,
    receipt,
    reply,
    request,
    send_item,
)
from tests.unit.killed_writer import CALLERS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from bot.embedded.queue import Queued
    from bot.model.channel import Address

ROOT = Path(__file__).resolve().parents[2]
ANNA = address("anna")
BO = address("bo")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database.open(tmp_path / "samtal.db")
    yield database
    await database.close()


@pytest.fixture
def store(database: Database) -> SqliteStore:
    return SqliteStore(database)


def count(database: Database, table: str) -> int:
    number: int = database.glance(
        lambda look: look.execute("SELECT count(*) FROM " + table).get  # noqa: S608 - our own names
    )
    return number


async def queue_send(store: SqliteStore, where: Address = ANNA, key: str = "m1") -> SendId:
    (event,) = (await store.accept(acceptance(arrival(where, key)))).events
    turn = await store.turn(event.thread)
    out = reply(event)
    await store.commit(
        change(turn, event, out).model_copy(update={"sends": (send_item(turn, out),)})
    )
    return SendId.of(event.id, "1")


# --- requests --------------------------------------------------------------------------------


async def test_a_request_is_kept_once_whole_and_only_for_something_new(
    store: SqliteStore, database: Database
) -> None:
    body = bytes(range(256))
    batch = acceptance(arrival(ANNA, "m1"), arrival(BO, "m2"), body=body)
    await store.accept(batch)
    await store.accept(batch)
    await store.accept(Acceptance(request=request(), receipts=(receipt("x", ReceiptStatus.READ),)))
    await store.accept(acceptance(arrival(ANNA, "m3")))
    kept: list[tuple[object, ...]] = database.glance(
        lambda look: list(look.execute("SELECT method, url, headers, body FROM requests"))
    )
    assert kept == [
        (
            "POST",
            "https://hub.example.com/webhooks/twilio_sms/demo",
            '[["content-type","application/json"]]',
            body,
        )
    ]
    events: list[tuple[object, ...]] = database.glance(
        lambda look: list(look.execute("SELECT request FROM events ORDER BY seq"))
    )
    assert events == [(1,), (1,), (None,)]


# --- with a queue in the same file -----------------------------------------------------------


class Noting:
    """A queue that notes what it is given, and refuses when told to."""

    def __init__(self) -> None:
        self.inserted: list[Envelope] = []
        self.woken: list[object] = []
        self.refuses = False

    def insert_rows(
        self, connection: apsw.Connection, envelopes: Sequence[Envelope]
    ) -> list[Queued]:
        if self.refuses:
            raise StoreError("the queue is full")
        assert connection.in_transaction
        self.inserted.extend(envelopes)
        return [(number, one, 0) for number, one in enumerate(envelopes)]  # type: ignore[misc]  # any rows will do

    def committed(self, rows: Sequence[Queued]) -> None:
        self.woken.append(len(rows))


async def test_an_event_is_queued_in_its_own_transaction(database: Database) -> None:
    queue = Noting()
    store = SqliteStore(database, queue)
    accepted = await store.accept(acceptance(arrival(ANNA, "m1"), arrival(ANNA, "m2")))
    assert accepted.queued
    assert queue.inserted == [
        Envelope(event=event.id, thread=event.thread) for event in accepted.events
    ]
    again = await store.accept(acceptance(arrival(ANNA, "m1")))
    assert (again.events, again.queued) == ((), True)
    assert queue.woken == [2]
    queue.refuses = True
    with pytest.raises(StoreError, match="the queue is full"):
        await store.accept(acceptance(arrival(BO, "m3"), body=b"{}"))
    assert await store.identity(BO.identity) is None
    assert (count(database, "events"), count(database, "requests")) == (2, 0)
    assert queue.woken == [2]


# --- guards ----------------------------------------------------------------------------------


async def test_an_entry_or_a_send_to_nobody_is_refused_whole(
    store: SqliteStore, database: Database
) -> None:
    (event,) = (await store.accept(acceptance(arrival(ANNA, "m1")))).events
    turn = await store.turn(event.thread)
    lost = entry(event).model_copy(update={"identity": BO.identity})
    out = reply(event)
    send = send_item(turn, out).model_copy(update={"identity": BO.identity})
    astray = send_item(turn, out).model_copy(update={"entry": lost.id})
    for wrong in (
        change(turn, event, lost),
        change(turn, event, out).model_copy(update={"sends": (send,)}),
        change(turn, event, out).model_copy(update={"sends": (astray,)}),
    ):
        with pytest.raises(StoreError) as refused:
            await store.commit(wrong)
        assert not isinstance(refused.value, StaleVersion)
    assert count(database, "entries") == count(database, "sends") == 0
    assert (await store.turn(event.thread)) == turn
    assert len(await store.commit(change(turn, event, out))) == 1


async def test_an_entry_written_before_makes_the_change_stale(store: SqliteStore) -> None:
    one, two = (await store.accept(acceptance(arrival(ANNA, "m1"), arrival(ANNA, "m2")))).events
    (written,) = await store.commit(change(await store.turn(one.thread), one))
    turn = await store.turn(one.thread)
    with pytest.raises(StaleVersion):
        await store.commit(change(turn, two, entry(two), written.model_copy(update={"seq": 0})))
    assert await store.turn(one.thread) == turn


async def test_a_secret_is_kept_and_not_its_mask(store: SqliteStore) -> None:
    agent = Agent(
        id=AgentId.new(),
        email="Åsa@Example.com",
        name="Åsa",
        role=Role.ADMIN,
        password_hash=SecretStr("argon2-hash"),
    )
    await store.put_agent(agent)
    found = await store.agent_by_email("ÅSA@example.COM")
    assert found is not None
    assert found.password_hash.get_secret_value() == "argon2-hash"
    assert found == agent


async def test_expired_logins_do_not_pile_up(store: SqliteStore, database: Database) -> None:
    for number in range(3):
        await store.put_session(
            Session(
                token_hash=f"h{number}", agent=AgentId.new(), csrf="c", expires_at=at(60 * number)
            )
        )
    assert await store.session("h1", now=at(60)) is None
    await store.ready()  # after the tidying, which nobody waits for
    assert count(database, "sessions") == 1
    assert await store.session("h2", now=at(60)) is not None


async def test_attempts_are_forgotten_and_bounded(store: SqliteStore, database: Database) -> None:
    window = timedelta(seconds=60)
    counts = await asyncio.gather(
        *(store.count_attempt("flood", now=at(0), window=window) for _ in range(1_010))
    )
    assert counts[:3] == [1, 2, 3]
    assert counts[-1] == 1_001
    assert count(database, "attempts") == 1_000
    assert await store.count_attempt("other", now=at(61), window=window) == 1
    assert count(database, "attempts") == 1


async def test_early_receipts_do_not_pile_up(store: SqliteStore, database: Database) -> None:
    send = await queue_send(store)
    early = receipt("SM1", ReceiptStatus.DELIVERED)
    await store.accept(Acceptance(receipts=(early,)))
    await store.accept(Acceptance(receipts=(early,)))
    assert count(database, "early_receipts") == 1
    await store.part_sent(send, PartSent(external_id="SM1"), at=at(1))
    await store.accept(Acceptance(receipts=(early, receipt("SM1", ReceiptStatus.READ))))
    assert count(database, "early_receipts") == 0


async def test_a_closed_store_is_not_ready(store: SqliteStore) -> None:
    await store.ready()
    await store.close()
    with pytest.raises(StoreClosed):
        await store.ready()


# --- cost ------------------------------------------------------------------------------------

HOT = {
    "waiting events": threads._WAITING,  # noqa: SLF001 - the very text that runs
    "oldest entries": threads._OLDEST,  # noqa: SLF001 - the very text that runs
    "newest entries": threads._NEWEST,  # noqa: SLF001 - the very text that runs
    "latest threads": listing._LAST,  # noqa: SLF001 - the very text that runs
    "a cell of threads": listing._CELL,  # noqa: SLF001 - the very text that runs
    "a cell of a channel": listing._CELL_ON_CHANNEL,  # noqa: SLF001 - the very text that runs
    "threads of an agent": listing._HELD,  # noqa: SLF001 - the very text that runs
    "threads that wait": listing._WAITING,  # noqa: SLF001 - the very text that runs
    "a queue": listing._QUEUE,  # noqa: SLF001 - the very text that runs
    "counts": listing._COUNTS,  # noqa: SLF001 - the very text that runs
    "channels": listing._ON_CHANNELS,  # noqa: SLF001 - the very text that runs
    "search": search._ENTRIES,  # noqa: SLF001 - the very text that runs
    "search for customers": search._CUSTOMERS,  # noqa: SLF001 - the very text that runs
    "found entry": search._ENTRY,  # noqa: SLF001 - the very text that runs
    "found customer": search._CUSTOMER,  # noqa: SLF001 - the very text that runs
    "known of a customer": search._KNOWN,  # noqa: SLF001 - the very text that runs
    "moved on channels": changes._MOVE_ON_CHANNELS,  # noqa: SLF001 - the very text that runs
    "sends": threads._SENDS,  # noqa: SLF001 - the very text that runs
    "parts": threads._PARTS,  # noqa: SLF001 - the very text that runs
    "links": links._LINKS,  # noqa: SLF001 - the very text that runs
    "landmarks": cards._LANDMARKS,  # noqa: SLF001 - the very text that runs
    "consents": cards._CONSENTS,  # noqa: SLF001 - the very text that runs
    "attested": cards._ATTESTED,  # noqa: SLF001 - the very text that runs
    "first fact": cards._FIRST,  # noqa: SLF001 - the very text that runs
    "identity": rows._IDENTITY,  # noqa: SLF001 - the very text that runs
    "identities": rows._IDENTITIES,  # noqa: SLF001 - the very text that runs
    "due sends": outbox._DUE,  # noqa: SLF001 - the very text that runs
    "next due": outbox._NEXT_DUE,  # noqa: SLF001 - the very text that runs
    "settle": outbox._SETTLE,  # noqa: SLF001 - the very text that runs
    "release": outbox._RELEASE_NEXT,  # noqa: SLF001 - the very text that runs
    "receipt": receipts._MOVE,  # noqa: SLF001 - the very text that runs
    "bury": inbox._BURY,  # noqa: SLF001 - the very text that runs
}


@pytest.mark.parametrize("name", sorted(HOT))
def test_no_call_looks_through_a_table_or_sorts(name: str, database: Database) -> None:
    def plan(look: apsw.Connection) -> list[str]:
        sql = HOT[name]
        names = re.findall(r":(\w+)", sql)
        values = dict.fromkeys(names) if names else (None,) * sql.count("?")
        return [row[3] for row in look.execute("EXPLAIN QUERY PLAN " + sql, values)]

    steps = database.glance(plan)
    assert steps
    scans = [
        step
        for step in steps
        if step.startswith("SCAN")
        and not any(word in step for word in ("USING", "json_each", "VIRTUAL TABLE INDEX"))
    ]
    assert scans == []
    # Rows of the very same moment are sorted, and the few of a list of ids.
    sorted_anew = [step for step in steps if "B-TREE" in step and "LAST TERM" not in step]
    assert sorted_anew == [] or name in {"parts", "links", "attested"}


async def test_a_turn_costs_the_same_in_a_long_thread(
    store: SqliteStore, database: Database
) -> None:
    async def steps() -> int:
        """SQLite's own count of work, which no other process disturbs."""
        work = 0

        def tick() -> bool:
            nonlocal work
            work += 1
            return False

        await queue_send(store, key=f"m{await next_number()}")
        database.glance(lambda look: look.set_progress_handler(tick, 1))
        await store.turn(ANNA.home_thread)
        await store.next_due()
        database.glance(lambda look: look.set_progress_handler(None))
        return work

    numbers = iter(range(10_000))

    async def next_number() -> int:
        return next(numbers)

    await queue_send(store, key="first")
    await store.claim_sends(now=at(0), limit=1, until=LAPSES)
    short = await steps()
    for _ in range(300):
        await queue_send(store, key=f"m{next(numbers)}")
    assert short > 20
    assert await steps() <= short * 1.2


async def test_an_undone_write_leaves_no_words(store: SqliteStore, database: Database) -> None:
    """The index is undone with the transaction that it is written in."""
    (event,) = (await store.accept(acceptance(arrival(ANNA, "m1")))).events
    turn = await store.turn(event.thread)
    lost = entry(event).model_copy(update={"identity": BO.identity})
    found = change(turn, event, entry(event, 1, body=Note(text="leverans")))
    results = await asyncio.gather(
        store.commit(found.model_copy(update={"entries": (*found.entries, lost)})),
        store.accept(acceptance(arrival(BO, "m2"))),
        return_exceptions=True,
    )
    assert isinstance(results[0], StoreError)
    assert await store.find_entries(parsed("leverans")) == []
    assert len(await store.find_customers(parsed("bo"))) == 1
    await store.commit(change(turn, event, entry(event, 1, body=Note(text="leverans"))))
    assert len(await store.find_entries(parsed("leverans"))) == 1
    assert database.glance(lambda look: look.pragma("integrity_check")) == "ok"


# --- killed ----------------------------------------------------------------------------------


WRITTEN = """
SELECT (SELECT count(*) FROM entries WHERE identity = ?1),
    (SELECT count(*) FROM sends WHERE identity = ?1),
    (SELECT count(*) FROM consents WHERE identity = ?1)
"""


def rows_of(database: Database, sql: str, identity: IdentityId) -> list[tuple[int, ...]]:
    return database.glance(lambda look: list(look.execute(sql, (identity,))))


def told(lives: list[list[str]], what: str) -> dict[str, int]:
    """How many messages of each caller were acknowledged."""
    found: dict[str, int] = {}
    for line in (line for life in lives for line in life):
        who, verb, _ = line.split()
        if verb == what:
            found[who] = found.get(who, 0) + 1
    return found


async def test_a_killed_writer_loses_nothing_and_leaves_nothing_half(tmp_path: Path) -> None:
    path = tmp_path / "samtal.db"
    rounds = 8
    ran = subprocess.run(  # noqa: ASYNC221 - nothing else runs here
        [sys.executable, "-m", "tests.unit.killed_writer", str(path), str(rounds)],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
        timeout=50,
    )
    assert ran.returncode == 0, ran.stderr
    lives = json.loads(ran.stdout)
    accepted, committed = told(lives, "accepted"), told(lives, "committed")
    assert len(accepted) > CALLERS
    database = Database.open(path)
    store = SqliteStore(database)
    in_flight = 0
    for who, number in accepted.items():
        where = address(who)
        ((events,),) = rows_of(
            database, "SELECT count(*) FROM events WHERE identity = ?1", where.identity
        )
        assert events in {2 * number, 2 * number + 2}  # both of a request or none; one was unheard
        in_flight += events > 2 * number
        turn = await store.turn(where.home_thread)
        done = events - len(turn.events)
        assert 2 * committed.get(who, 0) <= done <= events
        assert turn.state.version == done
        assert rows_of(database, WRITTEN, where.identity) == [(2 * done, done, 1)]
    assert in_flight <= rounds * CALLERS
    assert count(database, "events") == count(database, "queue")
    assert count(database, "events") == 2 * count(database, "early_receipts")
    assert count(database, "events") == 2 * count(database, "requests")
    assert database.glance(lambda look: look.pragma("integrity_check")) == "ok"
    assert database.glance(lambda look: look.execute("PRAGMA foreign_key_check").get) is None
    await database.close()
