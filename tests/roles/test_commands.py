"""Commands beside an installation on MongoDB and NATS; what they tell of parts that are away."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pymongo
import pytest

from tests.bench.server import ROOT
from tests.roles.installation import distributed
from tests.servers import unique_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

AWAY = distributed(
    mongo="mongodb://samtal:hush@127.0.0.1:9/", nats="nats://samtal:hush@127.0.0.1:9", name="nobody"
)


def samtal(config: Path, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run one command."""
    return subprocess.run(
        [sys.executable, "-m", "bot", *arguments, "--config", str(config)],
        input=given,
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if "SAMTAL" not in name},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def name(mongo_url: str) -> Iterator[str]:
    made = unique_name()
    yield made
    with pymongo.MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(made)


@pytest.fixture
def config(tmp_path: Path, mongo_url: str, nats_url: str, name: str) -> Path:
    path = tmp_path / "samtal.toml"
    text = distributed(mongo=mongo_url, nats=nats_url, name=name)
    path.write_text(text.replace("{folder}", str(tmp_path)), "utf-8")
    return path


def test_people_and_machines_are_added(config: Path, mongo_url: str, name: str) -> None:
    password = "a long enough password"
    added = samtal(config, "user", "add", "eva@shop.example", "--name", "Eva", given=password)
    assert (added.returncode, added.stdout) == (0, "eva@shop.example can log in\n"), added.stderr
    again = samtal(config, "user", "add", "Eva@Shop.example", "--name", "Evil", given=password)
    assert again.returncode == 2
    assert again.stderr.startswith("samtal: ")
    token = samtal(config, "token", "add", "till", "--role", "admin")
    assert token.returncode == 0, token.stderr
    with pymongo.MongoClient[dict[str, object]](mongo_url) as client:
        kept = str([*client[name].agents.find(), *client[name].tokens.find()])
    assert "eva@shop.example" in kept
    assert "Evil" not in kept
    assert "till" in kept
    assert password not in kept
    assert token.stdout.strip() not in kept


def test_an_empty_store_has_nothing_to_replay_or_rebuild(config: Path) -> None:
    replayed = samtal(config, "replay")
    assert (replayed.returncode, replayed.stdout) == (0, "no dead letters\n"), replayed.stderr
    rebuilt = samtal(config, "rebuild")
    assert (rebuilt.returncode, rebuilt.stdout) == (0, "0 snapshots differed\n"), rebuilt.stderr


def test_the_doctor_says_that_the_engines_answer(config: Path, name: str) -> None:
    said = samtal(config, "doctor")
    assert said.returncode == 0, said.stderr
    (store,) = (line for line in said.stdout.splitlines() if line.startswith("store"))
    assert store.startswith(f"store mongo, database {name}: answers in ")
    (bus,) = (line for line in said.stdout.splitlines() if line.startswith("bus"))
    assert bus.startswith(f"bus nats, prefix {name}: answers in ")
    checked = samtal(config, "check-config")
    assert checked.stdout.splitlines()[0] == "store: mongo, bus: nats"


def test_the_doctor_says_quickly_what_does_not_answer(tmp_path: Path) -> None:
    config = tmp_path / "samtal.toml"
    config.write_text(AWAY.replace("{folder}", str(tmp_path)), "utf-8")
    began = time.monotonic()
    said = samtal(config, "doctor")
    assert time.monotonic() - began < 15  # three seconds for the engines, the rest to begin
    assert said.returncode == 0, said.stderr
    wanting = [line for line in said.stdout.splitlines() if "wanting" in line]
    assert [line.split(",")[0] for line in wanting if "model" not in line] == [
        "store mongo",
        "bus nats",
    ]
    assert "hush" not in said.stdout + said.stderr
    refused = samtal(config, "token", "add", "till")
    assert refused.returncode == 2
    assert "store.url: the store did not answer within 2 s" in refused.stderr
    assert "hush" not in refused.stderr


@pytest.mark.parametrize(
    ("command", "spared"),
    [
        ("import bot.__main__", {"aiohttp", "pydantic", "spacy", "motor", "nats", "apsw"}),
        ("import bot.app.commands", {"spacy", "motor", "pymongo", "nats", "socketio"}),
        ("import bot.app.serving", {"spacy", "motor", "pymongo", "nats"}),
    ],
)
def test_nothing_is_imported_that_is_not_needed(command: str, spared: set[str]) -> None:
    code = f"{command}\nimport sys\nprint(*sorted({spared!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
