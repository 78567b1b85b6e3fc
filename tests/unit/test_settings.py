"""The settings: what the file and the environment say, and that the file tells of all of them."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from bot.errors import ConfigError
from config.settings import Settings, load

DEFAULT = Path(__file__).resolve().parents[2] / "config/default.toml"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SAMTAL_")]:
        monkeypatch.delenv(name)


def test_the_default_file_says_what_holds_without_it() -> None:
    said = load(DEFAULT)
    assert said.model_copy(update={"channels": {}}) == load(None)
    assert said.channels == {"webchat": {"site": {}}}


@pytest.mark.parametrize(
    "section",
    [None, *(name for name in Settings.model_fields if name not in {"secret", "sandbox"})],
)
def test_the_default_file_names_every_setting(section: str | None) -> None:
    schema = _schema(section)
    if schema is None:
        return
    text = DEFAULT.read_text("utf-8")
    body = text.partition(f"\n[{section}]\n")[2] if section else text
    body = re.split(r"\n\[", body, maxsplit=1)[0]
    named = set(re.findall(r"^(?:# )?([a-z_]+) =", body, re.MULTILINE))
    assert named >= {"secret", "sandbox"} if section is None else named == set(schema.model_fields)


def _schema(section: str | None) -> type[BaseModel] | None:
    found = Settings.model_fields[section].annotation if section else Settings
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMTAL_EDGE__PORT", "9000")
    monkeypatch.setenv("SAMTAL_CHANNELS__MESSENGER__MAIN__PAGE_ID", "100000000000000")
    said = load(DEFAULT)
    assert said.edge.port == 9000
    assert said.edge.host == "127.0.0.1"
    assert said.channels["messenger"]["main"] == {"page_id": "100000000000000"}


def test_an_unreadable_variable_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMTAL_CHANNELS", "{hush")
    with pytest.raises(ConfigError, match=r'environment: .*"channels"') as caught:
        load(None)
    assert "hush" not in str(caught.value)
