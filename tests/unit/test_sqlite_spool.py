"""The spool's file: whose it is, who may have it, and what a full disk or a crash does to it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import apsw
import pytest

from bot.embedded.database import Database
from bot.embedded.spool import SqliteSpool
from bot.errors import SpoolFull, StoreError
from tests.builders import START, acceptance, address, arrival, at

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

MOST = 10_000_000
FEW_PAGES = 40


def opened(path: Path) -> SqliteSpool:
    return SqliteSpool.open(path, longest=timedelta(minutes=15), most_bytes=MOST)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool.db"


@pytest.fixture
async def spool(path: Path) -> AsyncIterator[SqliteSpool]:
    spool = opened(path)
    yield spool
    await spool.close()


def raw(path: Path, sql: str) -> None:
    """Do something to the file behind the spool's back."""
    connection = apsw.Connection(str(path))
    connection.execute(sql)
    connection.close()


# --- whose file ------------------------------------------------------------------------------


async def test_a_database_is_no_spool_and_a_spool_no_database(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "samtal.db")
    await database.close()
    await opened(tmp_path / "spool.db").close()
    with pytest.raises(StoreError, match=r"samtal\.db: this SQLite file is a Samtal database\. "):
        opened(tmp_path / "samtal.db")
    with pytest.raises(StoreError, match=r"spool\.db: this SQLite file is a Samtal spool\. Give"):
        Database.open(tmp_path / "spool.db")


async def test_a_file_of_another_program_is_left_alone(path: Path) -> None:
    raw(path, "CREATE TABLE theirs (a)")
    before = path.read_bytes()
    with pytest.raises(
        StoreError, match=r"belongs to another program\. Give the path of a Samtal sp"
    ):
        opened(path)
    assert path.read_bytes() == before


async def test_two_edges_cannot_share_a_spool(spool: SqliteSpool, path: Path) -> None:
    with pytest.raises(StoreError, match="another process"):
        opened(path)
    await spool.close()
    await opened(path).close()


async def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"there is no folder .*nowhere"):
        opened(tmp_path / "nowhere" / "spool.db")


async def test_every_commit_reaches_the_disk(spool: SqliteSpool, path: Path) -> None:
    """The provider hears 2xx for what is only here."""
    sync: list[int] = await spool._database.write(  # noqa: SLF001 - its durability is the point
        lambda connection: [connection.pragma("synchronous")]
    )
    assert sync == [2]  # FULL


# --- what is odd -----------------------------------------------------------------------------


async def test_the_words_of_another_version_become_something_unreadable(
    spool: SqliteSpool, path: Path
) -> None:
    body = b"From=%2B46701234567\xff"
    await spool.put(acceptance(arrival(address(), "m1"), body=body), at=at(5))
    await spool.put(acceptance(arrival(address(), "m2"), body=b"two"), at=at(6))
    raw(
        path,
        "UPDATE waiting SET acceptance = json_set(acceptance, '$.unheard_of', 'ö') "
        "WHERE number = 1",
    )
    one, two = [each.acceptance for each in await spool.oldest(limit=10)]
    assert one.unreadable == "it was spooled by another version, whose words are not known here"
    assert one.request is not None
    told, _, kept = one.request.body.partition(b"\n")
    assert json.loads(told)["unheard_of"] == "ö"
    assert (kept, one.request.at, one.arrivals) == (body, at(5), ())
    assert two == acceptance(arrival(address(), "m2"), body=b"two")


async def test_a_disk_without_room_is_a_full_spool(spool: SqliteSpool) -> None:
    def narrow(connection: apsw.Connection) -> None:
        connection.pragma("max_page_count", FEW_PAGES)

    await spool._database.write(narrow)  # noqa: SLF001 - stands for a disk that fills up
    kept = 0

    async def fill() -> None:
        nonlocal kept
        while True:
            await spool.put(acceptance(arrival(address(), f"m{kept}"), body=b"x" * 9_000), at=START)
            kept += 1

    with pytest.raises(SpoolFull, match="the disk has no room"):
        await fill()
    assert 5 < kept < FEW_PAGES
    oldest = await spool.oldest(limit=1_000)
    assert len(oldest) == kept == (await spool.depth()).count
    await spool.drop([one.number for one in oldest])
    await spool.put(acceptance(body=b"x" * 9_000), at=START)
    assert (await spool.depth()).count == 1


async def test_a_drained_file_grows_no_further(spool: SqliteSpool, path: Path) -> None:
    async def round_trip() -> int:
        for number in range(50):
            await spool.put(
                acceptance(arrival(address(), f"m{number}"), body=b"x" * 9_000), at=START
            )
        await spool.drop([one.number for one in await spool.oldest(limit=50)])
        return path.stat().st_size

    sizes = [await round_trip() for _ in range(4)]
    await spool.close()
    assert path.stat().st_size < 2_000_000
    assert sizes[3] == sizes[2]
