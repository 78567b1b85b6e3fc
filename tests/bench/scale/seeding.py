"""Fills databases with customers who have written before."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import pymongo
from pymongo.write_concern import WriteConcern

from bot.stores.mongo import MongoStore
from tests.bench.scale.figures import Seeded
from tests.bench.scale.site import phone
from tests.bench.scale.stamping import Pattern, Stamp

_AT_A_TIME = 500  # customers
_AT_ONCE = 2  # processes
_COUNTERS = ("entries", "events")
_MB = 1024 * 1024

Client = pymongo.MongoClient[dict[str, Any]]

# How the rows of one customer are found, by the identity.
_SQLITE = {
    "identities": "id = :id",
    "threads": "id = (SELECT thread FROM identities WHERE id = :id)",
    "requests": "id IN (SELECT request FROM events WHERE identity = :id)",
    "events": "identity = :id",
    "entries": "identity = :id",
    "sends": "identity = :id",
    "parts": "identity = :id",
}


# --- MongoDB ---------------------------------------------------------------------------------


def mongo_pattern(url: str, database: str, number: str) -> Pattern:
    """Every document of a customer."""
    address = phone(number)
    with Client(url) as client:
        there = client[database]
        wanted = {
            "identities": {"_id": address.identity},
            "threads": {"_id": address.home_thread},
            "events": {"identity": address.identity},
            "entries": {"identity": address.identity},
            "sends": {"identity": address.identity},
        }
        return {name: list(there[name].find(query)) for name, query in wanted.items()}


async def fill_mongo(url: str, database: str, pattern: Pattern, *, customers: range) -> Seeded:
    """Put customers of these numbers in."""
    began = time.monotonic()
    await _make_indexes(url, database)
    with _without_indexes(url, database, list(pattern)):
        await _put_in(url, database, pattern, customers)
    await _make_indexes(url, database)  # looks whether they are as they should be
    with Client(url) as client:
        there = client[database]
        for counter in _COUNTERS:
            last = {"$max": {"last": Stamp.of(pattern).last(customers[-1])}}
            there["counters"].update_one({"_id": counter}, last, upsert=True)
        client.admin.command("fsync")  # what is to be written must not be paid for later
        size = there.command("dbStats")["totalSize"]
    took = time.monotonic() - began
    return Seeded(customers=len(customers), seconds=took, megabytes=size / _MB)


async def _make_indexes(url: str, database: str) -> None:
    store = await MongoStore.open(url, database=database)
    await store.close()


@contextmanager
def _without_indexes(url: str, database: str, names: Sequence[str]) -> Iterator[None]:
    """Take indexes away and make them again: all at once costs a third of one by one."""
    with Client(url) as client:
        there = client[database]
        taken = {
            name: {
                key: one for key, one in there[name].index_information().items() if key != "_id_"
            }
            for name in names
        }
        for name in names:
            there[name].drop_indexes()
        yield
        for name, indexes in taken.items():
            for index, options in indexes.items():
                keys = options.pop("key")
                options.pop("v")
                there[name].create_index(keys, name=index, **options)


async def _put_in(url: str, database: str, pattern: Pattern, customers: range) -> None:
    slices = [customers[first::_AT_ONCE] for first in range(_AT_ONCE)]
    await _at_once([(_insert, url, database, pattern, slice_) for slice_ in slices])


def _insert(url: str, database: str, pattern: Pattern, customers: Sequence[int]) -> None:
    stamp = Stamp.of(pattern)
    with Client(url) as client:
        there = client.get_database(database, write_concern=WriteConcern(w=1, j=False))
        for some in _slices(customers, _AT_A_TIME):
            for name, documents in _by_table(stamp, some).items():
                there[name].insert_many(documents, ordered=False)


async def _at_once(jobs: Sequence[tuple[Any, ...]]) -> None:
    loop = asyncio.get_running_loop()
    fresh = multiprocessing.get_context("spawn")  # threads of drivers do not survive a fork
    with ProcessPoolExecutor(len(jobs), mp_context=fresh) as pool:
        await asyncio.gather(*(loop.run_in_executor(pool, *job) for job in jobs))


# --- SQLite ----------------------------------------------------------------------------------


def sqlite_pattern(path: Path, number: str) -> Pattern:
    """Every row of a customer, in an order in which they may be inserted."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        found: dict[str, list[dict[str, object]]] = {}
        for table, where in _SQLITE.items():
            rows = connection.execute(
                f"SELECT * FROM {table} WHERE {where}",  # noqa: S608 - names of our own
                {"id": phone(number).identity},
            )
            found[table] = [dict(zip(_columns(rows), row, strict=True)) for row in rows]
        return found
    finally:
        connection.close()


def _columns(rows: apsw.Cursor) -> list[str]:
    return [column[0] for column in rows.get_description()]


async def fill_sqlite(path: Path, pattern: Pattern, *, customers: range) -> Seeded:
    """Put customers of these numbers into a file that nobody serves."""
    began = time.monotonic()
    await asyncio.to_thread(_fill, path, pattern, customers)
    size = path.stat().st_size / _MB
    took = time.monotonic() - began
    return Seeded(customers=len(customers), seconds=took, megabytes=size)


def _fill(path: Path, pattern: Pattern, customers: range) -> None:
    stamp = Stamp.of(pattern)
    connection = apsw.Connection(str(path))
    try:
        connection.pragma("synchronous", "off")
        connection.pragma("cache_size", -256 * 1024)
        indexes = _drop_indexes(connection)
        for some in _slices(customers, _AT_A_TIME * 20):
            with connection:
                for table, rows in _by_table(stamp, some).items():
                    names = ", ".join(rows[0])
                    marks = ", ".join(f":{name}" for name in rows[0])
                    connection.executemany(
                        f"INSERT INTO {table} ({names}) VALUES ({marks})",  # noqa: S608 - the same
                        rows,
                    )
        for index in indexes:
            connection.execute(index)
        connection.pragma("wal_checkpoint", "truncate")
    finally:
        connection.close()


def _drop_indexes(connection: apsw.Connection) -> list[str]:
    """Take the indexes of the filled tables away; returns how they are made."""
    found: list[tuple[str, str, str]] = list(
        connection.execute(
            "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'index' AND sql NOT NULL"
        )
    )
    ours = [(name, sql) for name, table, sql in found if table in _SQLITE]
    for name, _ in ours:
        connection.execute(f"DROP INDEX {name}")
    return [sql for _, sql in ours]


def _slices(customers: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for first in range(0, len(customers), size):
        yield customers[first : first + size]


def _by_table(stamp: Stamp, customers: Sequence[int]) -> Mapping[str, list[Any]]:
    rows: defaultdict[str, list[Any]] = defaultdict(list)
    for customer in customers:
        for table, row in stamp.rows(customer):
            rows[table].append(row)
    return rows
