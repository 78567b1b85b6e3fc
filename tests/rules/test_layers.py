"""The floors and the drivers' homes, as pyproject.toml has them; and that each can be broken."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.rules.tree import ROOT

if TYPE_CHECKING:
    from pathlib import Path

CONTRACTS: list[dict[str, object]] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))[
    "tool"
]["importlinter"]["contracts"]
BY_ID = {str(contract["id"]): str(contract["name"]) for contract in CONTRACTS}

# The whole house in miniature, as it may be.
HOUSE = {
    "bot/__main__.py": "import bot.app",
    "bot/app.py": "import aiohttp, config, bot.edge, bot.embedded, bot.stores.mongo, nlu",
    "bot/edge/sockets.py": "import aiohttp, socketio, bot.hub.ingress",
    "bot/stores/sqlite/__init__.py": "import apsw, bot.embedded",
    "bot/stores/mongo.py": "import motor.motor_asyncio, pymongo, bson, bot.ports",
    "bot/buses/sqlite.py": "import apsw, bot.embedded",
    "bot/buses/nats.py": "import nats, bot.ports",
    "bot/crms/plain.py": "import bot.ports, bot.kit.sms",
    "bot/embedded/__init__.py": "import apsw, bot.errors",
    "bot/hub/ingress.py": "import bot.ports",
    "bot/insight/kpi.py": "import bot.ports",
    "bot/ports.py": "import bot.model",
    "bot/kit/sms.py": "import bot.model, bot.errors",
    "bot/model/__init__.py": "",
    "bot/errors.py": "",
    "channels/one/__init__.py": "import bot.kit.sms, bot.ports",
    "channels/two/__init__.py": "import bot.kit.sms, bot.errors",
    "nlu/pipeline.py": "import spacy, wordllama, bot.ports",
}

# What each contract must refuse: a file, and a line it then has.
BREAKS = {
    "floors": [
        ("bot/model/__init__.py", "import bot.errors"),
        ("bot/kit/sms.py", "import bot.ports"),
        ("bot/hub/ingress.py", "import bot.insight.kpi"),
        ("bot/hub/ingress.py", "def f():\n    import bot.embedded"),
        ("bot/ports.py", "import channels.one"),
        ("bot/stores/sqlite/__init__.py", "import bot.buses.sqlite"),
        ("nlu/pipeline.py", "import channels.one"),
    ],
    "rooms": [("bot/attic.py", "")],
    "circles": [
        ("bot/hub/ingress.py", "import bot.hub.decide"),
        ("bot/hub/decide.py", "def f():\n    import bot.hub.ingress"),
    ],
    "channels": [("channels/one/__init__.py", "import channels.two")],
    "adapters": [
        ("channels/two/__init__.py", "import bot.hub.ingress"),
        ("bot/crms/plain.py", "import bot.hub.ingress"),
    ],
    "kit-for-channels": [("nlu/pipeline.py", "import bot.kit.sms")],
    "embedded": [("bot/edge/sockets.py", "import bot.embedded")],
    "config": [("bot/edge/sockets.py", "import config")],
    "spacy": [("channels/two/__init__.py", "import spacy")],
    "mongo": [("bot/stores/sqlite/__init__.py", "import pymongo")],
    "sqlite": [
        ("bot/buses/nats.py", "import apsw"),
        ("bot/embedded/__init__.py", "import sqlite3"),
    ],
    "nats": [("bot/edge/sockets.py", "import nats")],
    "network": [("bot/hub/ingress.py", "import aiohttp"), ("bot/__main__.py", "import socketio")],
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"]
    command += ["--no-cache", "--no-logo"]
    wide = os.environ | {"COLUMNS": "200"}  # a contract on one line
    return subprocess.run(
        command, cwd=folder, env=wide, capture_output=True, text=True, check=False
    )


def build(folder: Path, extra: list[tuple[str, str]]) -> None:
    texts = {name: [text] for name, text in HOUSE.items()}
    for name, text in extra:
        texts.setdefault(name, []).append(text)
    for name, lines in texts.items():
        path = folder / name
        for part in [*path.parents][: len(path.relative_to(folder).parts) - 1]:
            part.mkdir(parents=True, exist_ok=True)
            (part / "__init__.py").touch()
        path.write_text("\n".join(lines))
    shutil.copy(ROOT / "pyproject.toml", folder)


def test_the_house_keeps_its_floors() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_miniature_is_a_house_as_it_may_be(tmp_path: Path) -> None:
    build(tmp_path, [])
    done = lint(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_contract_is_broken_by_its_break(tmp_path: Path) -> None:
    assert set(BREAKS) == set(BY_ID)
    build(tmp_path, [case for cases in BREAKS.values() for case in cases])
    said = lint(tmp_path).stdout
    kept = [name for id_, name in BY_ID.items() if f"{name} BROKEN" not in said]
    assert kept == [], said


@pytest.mark.parametrize("case", BREAKS["floors"], ids=" ".join)
def test_every_break_of_the_floors_is_seen(case: tuple[str, str], tmp_path: Path) -> None:
    build(tmp_path, [case])
    assert lint(tmp_path).returncode == 1
