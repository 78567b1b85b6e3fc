"""`samtal new-channel`: what it writes works as it stands, and nothing is written over."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bot.app import scaffolding
from bot.app.scaffolding import new_channel
from bot.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
FILES = ["__init__.py", "reading.py", "samples.toml", "sandbox.py", "sending.py", "setup.md"]


def run(*command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    more = {**os.environ, "SAMTAL_MORE_CHANNELS": str(folder)}
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=more,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


@pytest.mark.timeout(300)
def test_a_new_channel_passes_the_contract_as_it_stands(tmp_path: Path) -> None:
    made = new_channel("acme_chat", root=tmp_path)
    assert sorted(path.name for path in made) == FILES
    assert not any("@" in path.read_text("utf-8").split("made-up")[0][:200] for path in made)
    plugin = ("-p", "tests.contract.more_channels", "-p", "no:cacheprovider", "-p", "no:xdist")
    suite = run("pytest", "-q", *plugin, "tests/contract", "-k", "acme_chat", folder=tmp_path)
    assert suite.returncode == 0, suite.stdout
    passed = next(line for line in suite.stdout.splitlines() if " passed" in line)
    assert int(passed.split()[0]) > 60
    assert "failed" not in passed
    settings = ("--config", str(ROOT / "pyproject.toml"))
    for task in (("check",), ("format", "--check")):
        told = run("ruff", *task, *settings, str(tmp_path / "acme_chat"), folder=tmp_path)
        assert told.returncode == 0, told.stdout


@pytest.mark.parametrize(
    "name",
    ["", "Acme", "acme-chat", "../evil", "1st", "acme__chat", "_acme", "a" * 41, "å", "import"],
)
def test_a_bad_name_writes_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="acme_chat"):
        new_channel(name, root=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()
    with pytest.raises(ConfigError, match="there is such a channel"):
        new_channel("acme", root=tmp_path)
    assert list((tmp_path / "acme").iterdir()) == []
    with pytest.raises(ConfigError, match="there is such a channel"):
        new_channel("telegram")


def test_where_nothing_can_be_written_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a clone of the source"):
        new_channel("acme", root=tmp_path / "missing")


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    templates = tmp_path / "templates"
    templates.mkdir()
    (templates / "a.tmpl").write_text("whole")
    (templates / "b.tmpl").mkdir()  # cannot be read as a file
    monkeypatch.setattr(scaffolding, "_TEMPLATES", templates)
    root = tmp_path / "channels"
    root.mkdir()
    with pytest.raises(ConfigError, match="cannot be written"):
        new_channel("acme", root=root)
    assert list(root.iterdir()) == []


def test_the_name_of_log_ins_is_not_given_away(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="kept for log-ins"):
        new_channel("login", root=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_installed_package_is_no_place_to_work_in(tmp_path: Path) -> None:
    for room in ("bot", "channels", "config"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("static*"))
    done = subprocess.run(
        [sys.executable, "-m", "bot", "new-channel", "acme"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "is installed, no source. Work in a clone" in done.stderr
    assert not (tmp_path / "channels" / "acme").exists()
