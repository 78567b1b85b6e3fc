"""Backups made of running stores and put back, as docs/operations.md says."""

from __future__ import annotations

import asyncio
import shutil
import stat
import subprocess
import sys
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import pymongo
import pytest

from bot.buses.sqlite import SqliteBus
from bot.edge.clock import SystemClock
from bot.embedded.database import Database
from bot.model.record import Span
from bot.model.thread import MessageIn, MessageOut
from bot.stores.mongo import MongoStore
from bot.stores.sqlite import SqliteStore
from tests.conftest import ROOT
from tests.hubs import HubKit, hub_kit
from tests.servers import Mongod

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.ports import Store

SMS, PHONE = "twilio_sms", "+46701234567"
ANSWER = "[answer.delivery.time]"
# A provider gives no number twice, whatever becomes of us.
COUNTS = (count(thousands * 1000) for thousands in count(1))


async def told(store: Store) -> list[str]:
    """Everything said in Anna's thread, in order."""
    row = (await store.threads())[0]
    spans = [Span(identity=identity.id) for identity in row.identities]
    bodies = [entry.body for entry in await store.entries(spans, limit=10_000)]
    return [body.text for body in bodies if isinstance(body, MessageIn | MessageOut)]


def conversation(first: int, last: int) -> list[str]:
    return [text for n in range(first, last) for text in (f"leverans {n}", ANSWER)]


# --- SQLite ----------------------------------------------------------------------------------


@asynccontextmanager
async def served(path: Path) -> AsyncIterator[HubKit]:
    """A hub on this file, as a server has it."""
    database = Database.open(path)
    bus = SqliteBus(database, clock=SystemClock())
    store = SqliteStore(database, bus)
    try:
        async with hub_kit(store=store, bus=bus) as kit:
            kit.wire.incoming = next(COUNTS)
            yield kit
    finally:
        await bus.close()
        await store.close()


class House:
    """A configured folder, and the command that works on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "samtal.db"
        self.config = folder / "samtal.toml"
        self.config.write_text(f'[store]\npath = "{self.store}"\n', "utf-8")

    def samtal(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "bot", *arguments, "--config", str(self.config)]
        return subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=50
        )


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def test_a_running_server_is_copied_and_put_back(house: House) -> None:
    copy = house.folder / "copies" / "monday.db"
    copy.parent.mkdir()
    house.store.with_suffix(".secret").write_text("the secret of this house", "utf-8")
    async with served(house.store) as kit:
        for number in range(3):
            await kit.write(SMS, PHONE, f"leverans {number}")
        backing_up = asyncio.create_task(
            asyncio.to_thread(house.samtal, "backup", "--to", str(copy))
        )
        number = 3
        while not backing_up.done():  # the server goes on meanwhile
            await kit.write(SMS, PHONE, f"leverans {number}")
            number += 1
        made = await backing_up
        assert (made.returncode, made.stderr) == (0, "")
        assert number > 4
        refused = await asyncio.to_thread(house.samtal, "restore", "--from", str(copy))
        assert refused.returncode == 2
        assert "Stop that process" in refused.stderr
        assert await told(kit.store) == conversation(0, number)
    secret = copy.with_suffix(".secret")
    assert secret.read_text("utf-8") == "the secret of this house"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    house.store.with_suffix(".secret").write_text("another one", "utf-8")

    restored = await asyncio.to_thread(house.samtal, "restore", "--from", str(copy))
    assert (restored.returncode, restored.stderr) == (0, "")
    assert house.store.with_suffix(".secret").read_text("utf-8") == "the secret of this house"
    before = [path for path in house.folder.iterdir() if ".before-" in path.name]
    assert {path.name.split(".before-")[0] for path in before} == {"samtal.db", "samtal.secret"}
    async with served(house.store) as kit:
        await kit.quiet()  # the copy may have a message that was not answered yet
        known = len(await told(kit.store)) // 2
        assert 3 <= known <= number
        assert await told(kit.store) == conversation(0, known)
        await kit.write(SMS, PHONE, f"leverans {known}")  # the thread goes on
        assert await told(kit.store) == conversation(0, known + 1)
    (kept,) = [path for path in before if path.name.startswith("samtal.db")]
    async with served(kept) as kit:  # nothing was thrown away
        assert await told(kit.store) == conversation(0, number)


async def test_a_log_left_by_a_crash_does_not_get_into_the_restored_file(house: House) -> None:
    async with served(house.store) as kit:
        await kit.write(SMS, PHONE, "leverans 0")
        assert house.samtal("backup", "--to", str(house.folder / "copy.db")).returncode == 0
        await kit.write(SMS, PHONE, "leverans 1")
        log = house.store.with_name("samtal.db-wal")
        crashed = house.folder / "crashed"
        shutil.copyfile(log, crashed)  # as a server leaves it that is killed
    shutil.copyfile(crashed, log)
    assert house.samtal("restore", "--from", str(house.folder / "copy.db")).returncode == 0
    assert not log.exists()
    async with served(house.store) as kit:
        assert await told(kit.store) == conversation(0, 1)


@pytest.mark.parametrize("harm", ["cut", "other", "missing"])
async def test_what_is_no_good_copy_is_refused_and_nothing_changes(house: House, harm: str) -> None:
    copy = house.folder / "copy.db"
    async with served(house.store) as kit:
        await kit.write(SMS, PHONE, "leverans 0")
    assert house.samtal("backup", "--to", str(copy)).returncode == 0
    match harm:
        case "cut":
            with copy.open("r+b") as file:
                file.truncate(copy.stat().st_size // 2)
        case "other":
            copy.unlink()
            connection = apsw.Connection(str(copy))
            connection.execute("CREATE TABLE theirs (a)")
            connection.close()
        case _:
            copy.unlink()
    before = house.store.read_bytes()
    refused = house.samtal("restore", "--from", str(copy))
    assert refused.returncode == 2
    assert refused.stderr.startswith("samtal: ")
    assert refused.stderr.count("\n") == 1
    assert house.store.read_bytes() == before
    assert [path.name for path in house.folder.iterdir() if "before" in path.name] == []
    assert [
        path.name for path in house.folder.iterdir() if path.suffix in {".part", ".fresh"}
    ] == []


def test_no_copy_is_made_over_another_or_of_nothing(house: House) -> None:
    nothing = house.samtal("backup", "--to", str(house.folder / "copy.db"))
    assert (nothing.returncode, nothing.stdout) == (2, "")
    assert "there is no such database" in nothing.stderr
    there = house.folder / "there.db"
    there.write_text("precious", "utf-8")
    house.store.touch()
    taken = house.samtal("backup", "--to", str(there))
    assert taken.returncode == 2
    assert "Name a new file" in taken.stderr
    assert there.read_text("utf-8") == "precious"


def test_a_mongo_store_is_not_copied_by_this_command(house: House) -> None:
    house.config.write_text(
        'secret = "sixteen letters!"\n[store]\nengine = "mongo"\nurl = "mongodb://h"\n'
        '[bus]\nengine = "nats"\nservers = ["nats://h"]\n',
        "utf-8",
    )
    for arguments in (("backup", "--to", "x.db"), ("restore", "--from", "x.db")):
        refused = house.samtal(*arguments)
        assert refused.returncode == 2
        assert "docs/operations.md" in refused.stderr
    assert not (ROOT / "x.db").exists()


# --- MongoDB ---------------------------------------------------------------------------------


async def test_the_files_of_a_locked_mongod_are_a_backup(mongod: Mongod, tmp_path: Path) -> None:
    """The way of `db.fsyncLock()`: writes wait while the files are copied, and go on after it."""
    store = await MongoStore.open(mongod.url)
    async with hub_kit(store=store) as kit:
        kit.wire.incoming = next(COUNTS)
        for number in range(2):
            await kit.write(SMS, PHONE, f"leverans {number}")
        with pymongo.MongoClient[dict[str, object]](mongod.url) as client:
            client.admin.command("fsync", lock=True)
            waiting = asyncio.create_task(kit.write(SMS, PHONE, "leverans 2"))
            await asyncio.sleep(0.3)
            assert not waiting.done()
            await asyncio.to_thread(
                shutil.copytree, mongod.folder / "data", tmp_path / "copy" / "data"
            )
            client.admin.command("fsyncUnlock")
        await waiting
        assert await told(store) == conversation(0, 3)
    await store.close()
    mongod.stop()

    copy = Mongod(tmp_path / "copy", mongod.port)  # its address is in the replica set's own words
    (copy.folder / "data" / "mongod.lock").unlink(missing_ok=True)
    with copy:
        store = await MongoStore.open(copy.url)
        async with hub_kit(store=store) as kit:
            kit.wire.incoming = next(COUNTS)
            assert await told(store) == conversation(0, 2)
            await kit.write(SMS, PHONE, "leverans 2")  # the thread goes on
            assert await told(store) == conversation(0, 3)
        await store.close()
    shutil.rmtree(copy.folder)
