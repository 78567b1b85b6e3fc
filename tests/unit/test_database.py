"""The embedded database: group commit, isolation, death, the lock, upgrades."""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING, cast

import apsw
import pytest

from bot.embedded.database import Database
from bot.embedded.migrations import MIGRATIONS
from bot.errors import Conflict, StoreClosed, StoreError
from bot.model.ids import AgentId, EntryId, EpisodeId, EventId, IdentityId, ThreadId
from bot.model.moments import micros, moment
from bot.model.people import ByBot, LinkCode
from bot.model.thread import (
    Entry,
    Episode,
    EpisodeChanged,
    Note,
    Offered,
    OwnedByAgent,
    Phase,
    ThreadState,
)
from bot.stores.sqlite.directory import SqliteDirectory
from tests.builders import START

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

BROKEN = """
CREATE TABLE notes (id INTEGER PRIMARY KEY);
INSERT INTO nowhere VALUES (1);
"""
SECOND = "CREATE TABLE notes (id INTEGER PRIMARY KEY, note TEXT NOT NULL) STRICT"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database.open(tmp_path / "samtal.db")
    yield database
    await database.close()


def put(key: str) -> Callable[[apsw.Connection], str]:
    def work(connection: apsw.Connection) -> str:
        connection.execute("INSERT INTO tokens VALUES (?, 'name', 'admin')", (key,))
        return key

    return work


def keys(connection: apsw.Connection) -> list[str]:
    return [key for (key,) in connection.execute("SELECT token_hash FROM tokens ORDER BY 1")]


class Gate:
    """Holds one commit up, so that what comes meanwhile is one batch."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self.reached = threading.Event()

    def __call__(self, connection: apsw.Connection) -> None:
        put("gate")(connection)  # a transaction without a change commits nothing
        connection.execute("DELETE FROM tokens WHERE token_hash = 'gate'")
        connection.set_commit_hook(self._hold)

    def _hold(self) -> bool:
        self.reached.set()
        self._open.wait(10)
        return False

    def release(self) -> None:
        self._open.set()


async def behind(gate: Gate, database: Database) -> asyncio.Task[None]:
    """The gate is being worked on; all that is written now waits behind it."""
    task = asyncio.create_task(database.write(gate))
    while not gate.reached.is_set():  # noqa: ASYNC110 - it is a thread that says so
        await asyncio.sleep(0.001)
    return task


# --- writing ---------------------------------------------------------------------------------


async def test_every_write_is_durable_in_wal_with_full_sync(database: Database) -> None:
    def settings(connection: apsw.Connection) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys")
        return [connection.pragma(name) for name in names]

    assert await database.write(settings) == ["wal", 2, 1]


async def test_what_waits_is_committed_together_and_isolated(database: Database) -> None:
    versions: list[int] = []

    def look() -> None:
        versions.append(database.glance(lambda connection: len(keys(connection))))

    def refuse(connection: apsw.Connection) -> None:
        put("half")(connection)
        raise Conflict("no")

    gate = Gate()
    held = await behind(gate, database)
    results = asyncio.gather(
        database.write(put("a"), after=lambda _: look()),
        database.write(refuse),
        database.write(put("b"), after=lambda _: look()),
        database.write(put("a")),
        database.write(lambda _: dict[str, str]()["no"]),
        database.write(put("c"), after=lambda _: look()),
        return_exceptions=True,
    )
    await asyncio.sleep(0)
    gate.release()
    await held
    a, refused, b, repeated, crashed, c = await results
    assert (a, b, c) == ("a", "b", "c")
    assert isinstance(refused, Conflict)
    assert type(repeated) is StoreError
    assert "UNIQUE" in str(repeated)
    assert isinstance(crashed, KeyError)
    assert versions == [3, 3, 3]  # at the first one's `after`, all three were durable
    assert await database.read(keys) == ["a", "b", "c"]


async def test_the_future_comes_after_the_commit(database: Database) -> None:
    for number in range(20):
        key = await database.write(put(f"k{number:02}"))
        assert key in database.glance(keys)
        assert key in await database.read(keys)


async def test_a_cancelled_caller_leaves_the_batch_alone(database: Database) -> None:
    followed: list[str] = []
    gate = Gate()
    held = await behind(gate, database)
    cancelled = asyncio.create_task(database.write(put("x"), after=followed.append))
    other = asyncio.create_task(database.write(put("y"), after=followed.append))
    await asyncio.sleep(0)
    cancelled.cancel()
    gate.release()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    await held
    assert await other == "y"
    assert followed == ["x", "y"]
    assert database.glance(keys) == ["x", "y"]


async def test_what_follows_comes_in_the_order_of_commits(database: Database) -> None:
    followed: list[str] = []
    names = [f"k{number:03}" for number in range(300)]
    await asyncio.gather(*(database.write(put(name), after=followed.append) for name in names))
    assert followed == names


async def test_what_nobody_waits_for_is_written_too(database: Database) -> None:
    def post(connection: apsw.Connection) -> None:
        put("posted")(connection)

    database.post(post)
    database.post(post)  # refused, logged, and nobody's trouble
    await database.write(put("z"))
    assert database.glance(keys) == ["posted", "z"]


async def test_an_error_of_the_whole_transaction_is_every_callers(database: Database) -> None:
    def orphan(connection: apsw.Connection) -> None:
        connection.execute("PRAGMA defer_foreign_keys = on")
        connection.execute("INSERT INTO timers VALUES ('t', 'nobody', 0, '{}')")

    gate = Gate()
    held = await behind(gate, database)
    doomed = asyncio.gather(
        database.write(put("a")), database.write(orphan), return_exceptions=True
    )
    await asyncio.sleep(0)
    gate.release()
    await held
    outcomes = cast("list[object]", await doomed)
    assert [type(outcome) for outcome in outcomes] == [StoreError, StoreError]
    assert database.glance(keys) == []
    assert await database.write(put("b")) == "b"


# --- closing and dying -----------------------------------------------------------------------


async def test_what_was_begun_is_finished_and_then_it_is_closed(database: Database) -> None:
    gate = Gate()
    held = await behind(gate, database)
    begun = asyncio.create_task(database.write(put("begun")))
    await asyncio.sleep(0)
    closing = asyncio.create_task(database.close())
    await asyncio.sleep(0)
    with pytest.raises(StoreClosed):
        await database.write(put("late"))
    gate.release()
    await asyncio.gather(held, begun, closing)
    await database.close()
    for closed in (database.write(put("late")), database.read(keys)):
        with pytest.raises(StoreClosed):
            await closed
    with pytest.raises(StoreClosed):
        database.glance(keys)
    again = Database.open(database.path)
    assert again.glance(keys) == ["begun"]
    await again.close()


async def test_everybody_hears_of_it_when_the_writer_dies(database: Database) -> None:
    def die(_: apsw.Connection) -> None:
        raise SystemExit

    gate = Gate()
    held = await behind(gate, database)
    doomed = asyncio.gather(
        *(database.write(put(f"k{number}")) for number in range(300)),
        database.write(die),
        *(database.write(put(f"l{number}")) for number in range(600)),
        return_exceptions=True,
    )
    await asyncio.sleep(0)
    gate.release()
    with suppress(StoreClosed):
        await held
    outcomes = cast("list[object]", await asyncio.wait_for(doomed, 10))
    lost = [outcome for outcome in outcomes if isinstance(outcome, StoreClosed)]
    kept = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert len(lost) + len(kept) == 901
    assert len(lost) >= 601
    with pytest.raises(StoreClosed):
        await database.write(put("after"))
    assert sorted(kept) == database.glance(keys)
    await database.close()


# --- one server ------------------------------------------------------------------------------


async def test_a_second_server_is_refused_with_the_mend(database: Database) -> None:
    with pytest.raises(StoreError) as refused:
        Database.open(database.path)
    told = str(refused.value)
    assert str(database.path) in told
    assert f"pid {os.getpid()}" in told
    assert "Stop that process" in told
    await database.close()
    again = Database.open(database.path)
    await again.close()


async def test_a_command_reads_beside_the_server(database: Database) -> None:
    await database.write(put("a"))
    beside = Database.open(database.path, read_only=True)
    await database.write(put("b"))
    assert beside.glance(keys) == ["a", "b"]
    assert await beside.read(keys) == ["a", "b"]
    with pytest.raises(StoreError, match="reading only"):
        await beside.write(put("c"))
    with pytest.raises(StoreError, match="could not be read"):
        beside.glance(put("c"))
    await beside.close()
    assert database.glance(keys) == ["a", "b"]


async def test_a_command_writes_beside_the_server(database: Database) -> None:
    beside = Database.open(database.path, beside=True)
    writes = [(database, beside)[n % 2].write(put(f"k{n:02}")) for n in range(20)]
    await asyncio.gather(*writes)
    assert len(database.glance(keys)) == len(beside.glance(keys)) == 20
    await beside.close()
    assert await database.write(put("z")) == "z"


async def test_a_command_may_come_first_and_is_not_in_the_way(tmp_path: Path) -> None:
    beside = Database.open(tmp_path / "samtal.db", beside=True)
    server = Database.open(tmp_path / "samtal.db")
    await beside.write(put("a"))
    assert server.glance(keys) == ["a"]
    await beside.close()
    await server.close()


async def test_no_schema_changes_beneath_a_server(database: Database) -> None:
    with pytest.raises(StoreError, match="Stop that process"):
        Database.open(database.path, beside=True, migrations=(*MIGRATIONS, SECOND))
    assert database.glance(lambda look: look.pragma("user_version")) == len(MIGRATIONS)


# --- files that will not do ------------------------------------------------------------------


@pytest.mark.parametrize("read_only", [False, True])
def test_a_missing_folder_is_named(tmp_path: Path, read_only: bool) -> None:
    with pytest.raises(StoreError, match=r"there is no folder .*nowhere"):
        Database.open(tmp_path / "nowhere" / "samtal.db", read_only=read_only)
    assert not (tmp_path / "nowhere").exists()


def test_reading_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such database"):
        Database.open(tmp_path / "samtal.db", read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_database_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "letter.db"
    path.write_text("Dear customer, " * 100)
    for _ in range(2):  # and the lock is let go
        with pytest.raises(StoreError, match="cannot be opened as a database"):
            Database.open(path)
    assert path.read_text() == "Dear customer, " * 100


def test_another_programs_file_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    theirs = apsw.Connection(str(path))
    theirs.execute("CREATE TABLE photos (id)")
    theirs.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="belongs to another program"):
        Database.open(path)
    assert path.read_bytes() == before


# --- upgrades --------------------------------------------------------------------------------


async def test_a_file_of_version_1_is_upgraded_with_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "samtal.db"
    old = Database.open(path, migrations=MIGRATIONS[:1])
    await old.write(put("kept"))
    await old.close()
    with pytest.raises(StoreError, match="Start the server once to upgrade"):
        Database.open(path, read_only=True, migrations=(*MIGRATIONS[:1], SECOND))
    new = Database.open(path, migrations=(*MIGRATIONS[:1], SECOND))
    assert new.glance(lambda look: look.pragma("user_version")) == 2
    assert new.glance(keys) == ["kept"]
    assert new.glance(lambda look: look.execute("SELECT count(*) FROM notes").get) == 0
    await new.close()
    with pytest.raises(StoreError, match="schema version 2, this program knows 1"):
        Database.open(path, migrations=MIGRATIONS[:1])


async def test_codes_of_version_1_go_and_new_ones_say_their_account(tmp_path: Path) -> None:
    path = tmp_path / "samtal.db"
    old = Database.open(path, migrations=MIGRATIONS[:1])
    await old.write(put("kept"))
    await old.write(
        lambda connection: connection.execute("INSERT INTO codes VALUES ('h1', 's', 'c', 9)").get
    )
    await old.close()
    new = Database.open(path, migrations=MIGRATIONS[:2])
    assert new.glance(lambda look: look.pragma("user_version")) == 2
    assert new.glance(keys) == ["kept"]
    assert new.glance(lambda look: look.execute("SELECT count(*) FROM codes").get) == 0
    insert = "INSERT INTO codes (hash, source, channel, account, expires_at) VALUES (?, ?, ?, ?, 9)"

    def code(*row: str) -> Callable[[apsw.Connection], None]:
        def work(connection: apsw.Connection) -> None:
            connection.execute(insert, row)

        return work

    await new.write(code("h1", "s", "c", "a"))
    await new.write(code("h2", "s", "c", "b"))
    with pytest.raises(StoreError, match="UNIQUE"):
        await new.write(code("h3", "s", "c", "a"))
    await new.close()


async def test_a_code_from_before_may_be_used_by_anybody(tmp_path: Path) -> None:
    path = tmp_path / "samtal.db"
    old = Database.open(path, migrations=MIGRATIONS[:4])
    source = IdentityId.of("s")
    expires = micros(START) + 9_000_000

    def work(connection: apsw.Connection) -> None:
        row = ("h1", source, "c", "a", expires)
        connection.execute("INSERT INTO codes VALUES (?, ?, ?, ?, ?)", row)

    await old.write(work)
    await old.close()
    new = Database.open(path)
    assert await SqliteDirectory(new).code("h1", now=START) == LinkCode(
        hash="h1", source=source, channel="c", account="a", expires_at=moment(expires)
    )
    await new.close()


async def test_a_step_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "samtal.db"
    await Database.open(path).close()
    with pytest.raises(StoreError, match="no such table: nowhere"):
        Database.open(path, migrations=(*MIGRATIONS, BROKEN))
    again = Database.open(path)
    assert again.glance(lambda look: look.pragma("user_version")) == len(MIGRATIONS)
    assert (
        again.glance(
            lambda look: look.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'notes'").get
        )
        == 0
    )
    await again.close()


# --- moments ---------------------------------------------------------------------------------


def test_moments_are_exact_and_sort() -> None:
    moments = [
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 11, 21, 20, 23, 45, 123_457, tzinfo=UTC),
        datetime(2026, 11, 21, 21, 23, 45, 123_458, tzinfo=timezone(timedelta(hours=1))),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ]
    numbers = [micros(one) for one in moments]
    assert [moment(number) for number in numbers] == moments
    assert numbers == sorted(numbers)
    assert numbers[:2] == [-1, 1_795_292_625_123_457]
    assert moment(numbers[2]).utcoffset() == timedelta(0)


def hits(table: str, words: str, look: apsw.Connection) -> list[int]:
    sql = f"SELECT rowid FROM {table} WHERE {table} MATCH ? ORDER BY rowid"  # noqa: S608 - the names are the test's own
    return [number for (number,) in look.execute(sql, (words,))]


async def test_what_version_3_has_is_listed_and_found(tmp_path: Path) -> None:
    path = tmp_path / "samtal.db"
    old = Database.open(path, migrations=MIGRATIONS[:3])
    waits = Offered(queue="support", since=START, reason="asked")
    episode = Episode(id=EpisodeId.of("e"), phase=Phase.OPEN, opened_at=START, changed_at=START)
    states = [
        ThreadState(thread=ThreadId.of("a"), owner=waits, episode=episode, language="sv"),
        ThreadState(
            thread=ThreadId.of("b"),
            owner=OwnedByAgent(agent=AgentId.of("eva"), name="Eva", since=START),
        ),
        ThreadState(thread=ThreadId.of("gone")),
    ]

    def work(connection: apsw.Connection) -> None:
        for state in states:
            connection.execute(
                "INSERT INTO threads (id, version, epoch, owner, last_at, absorbed_by, state) "
                "VALUES (?, 1, 0, ?, 7, ?, ?)",
                (
                    state.thread,
                    state.owner.kind,
                    ThreadId.of("a") if state.thread == ThreadId.of("gone") else None,
                    state.model_dump_json(),
                ),
            )
            connection.execute(
                "INSERT INTO identities (id, thread, channel, account, user, created_at) "
                "VALUES (?, ?, 'web', 'site', 'u', 1)",
                (IdentityId.of(state.thread), state.thread),
            )
        for n, text in enumerate(("Räksmörgås", "", "Hej då")):
            said = Entry(
                id=EntryId.of(str(n)),
                identity=IdentityId.of(states[0].thread),
                event=EventId.of(str(n)),
                at=START,
                by=ByBot(),
                body=Note(text=text),
            )
            connection.execute(
                "INSERT INTO entries (id, identity, entry) VALUES (?, ?, ?)",
                (said.id, said.identity, said.model_dump_json()),
            )

        case = EpisodeChanged(
            episode=EpisodeId.of("e"), phase=Phase.OPEN, opened_at=START, reason="opened"
        )
        moved = Entry(
            id=EntryId.of("case"),
            identity=IdentityId.of(states[0].thread),
            event=EventId.of("case"),
            at=START,
            by=ByBot(),
            body=case,
        )
        connection.execute(
            "INSERT INTO entries (id, identity, entry) VALUES (?, ?, ?)",
            (moved.id, moved.identity, moved.model_dump_json()),
        )

    await old.write(work)
    await old.close()
    new = Database.open(path)
    landmarks = new.glance(lambda look: list(look.execute("SELECT seq, landmark FROM entries")))
    assert landmarks == [(1, None), (2, None), (3, None), (4, "case")]
    columns = "owner, holder, since, phase, language"
    found: list[tuple[object, ...]] = new.glance(
        lambda look: list(look.execute(f"SELECT {columns} FROM threads ORDER BY rowid"))  # noqa: S608 - the names are the test's own
    )
    assert found == [
        ("offered", "support", micros(START), "open", "sv"),
        ("agent", AgentId.of("eva"), 0, "", ""),
        ("bot", "", 0, "", ""),
    ]
    rows: list[tuple[object, ...]] = new.glance(
        lambda look: list(look.execute("SELECT * FROM thread_channels ORDER BY rowid"))
    )
    assert sorted(rows) == sorted(
        [
            (ThreadId.of("a"), "web", "offered", "open", "sv", 7),
            (ThreadId.of("b"), "web", "agent", "", "", 7),
        ]
    )
    for table, words, numbers in (
        ("entry_words", "raksmorgas", [1]),
        ("entry_words", '":has:note"', [1, 3]),
        ("customer_words", '":channel:web" AND u', [1, 2, 3]),
    ):
        assert new.glance(partial(hits, table, words)) == numbers
    await new.close()
