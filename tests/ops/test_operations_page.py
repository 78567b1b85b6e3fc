"""The operators' page names only what there is."""

from __future__ import annotations

import re

import pytest
import typer
from pydantic import BaseModel

from bot.__main__ import cli
from bot.edge.metrics import Metrics
from bot.stores.mongo.schema import INDEXES, Collections
from config.settings import Settings
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")
QUOTED = sorted(set(re.findall(r"`([^`\n]+)`", PAGE)))
SECTIONS = "|".join(Settings.model_fields)
KEYS = [text for text in QUOTED if re.fullmatch(rf"(?:{SECTIONS})\.[a-z_]+", text)]
FIGURES = [text for text in QUOTED if re.fullmatch(r"samtal_\w+", text)]
COMMANDS = sorted(set(re.findall(r"\bsamtal ([a-z]+(?:-[a-z]+)?)\b", PAGE)))


def section_of(name: str) -> type[BaseModel]:
    kind = Settings.model_fields[name].annotation
    assert isinstance(kind, type)
    assert issubclass(kind, BaseModel)
    return kind


@pytest.mark.parametrize("key", KEYS)
def test_a_setting_exists(key: str) -> None:
    section, _, field = key.partition(".")
    assert field in section_of(section).model_fields


@pytest.mark.parametrize("figure", FIGURES)
def test_a_figure_exists(figure: str) -> None:
    told = Metrics().exposition().decode()
    named = set(re.findall(r"^# TYPE (\S+)", told, re.MULTILINE))
    assert figure in named


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_exists(command: str) -> None:
    group = typer.main.get_command(cli)
    assert command in getattr(group, "commands")  # noqa: B009 - a group's, which is not told


def test_every_collection_is_in_the_plan() -> None:
    plan = PAGE[PAGE.index("| collection |") : PAGE.index("Most need no sharding")]
    named = set(re.findall(r"`([a-z_]+)`", "".join(row.split("|")[1] for row in rows(plan))))
    assert named == set(Collections.__dataclass_fields__)
    assert set(INDEXES) <= named


def rows(table: str) -> list[str]:
    return [line for line in table.splitlines() if line.startswith("|")]


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)h][^)]*)\)", PAGE))))
def test_a_link_leads_somewhere(link: str) -> None:
    assert (ROOT / "docs" / link).exists()


@pytest.mark.parametrize("path", [text for text in QUOTED if text.startswith("tests/")])
def test_a_test_exists(path: str) -> None:
    assert (ROOT / path).is_file()


def test_there_is_something_to_check() -> None:
    assert (len(KEYS) > 12, len(FIGURES) > 8, len(COMMANDS) > 4) == (True, True, True)
