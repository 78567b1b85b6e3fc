"""The console knows every kind of what the model may tell it."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from bot.hub.assurance import Level
from bot.model.fact import TOLD_KINDS
from bot.model.people import Proof
from bot.model.thread import EntryBody, Phase
from tests.rules.tree import ROOT

_SOURCES = ROOT / "web/console/src"
_TEXTS = (_SOURCES / "texts.ts").read_text("utf-8") + (_SOURCES / "known-texts.ts").read_text(
    "utf-8"
)
_MODEL = (_SOURCES / "model.ts").read_text("utf-8")
# They are fields of the profile, and what an organisation knows.
_NO_EVENTS = {"attribute", "membership"}


def test_every_kind_of_entry_has_a_shape() -> None:
    (union, _) = get_args(EntryBody)
    told = {body.model_fields["kind"].default for body in get_args(union)}
    assert told == set(re.findall(r'kind: "(\w+)"', _body_of("Body")))


def test_every_phase_of_a_case_is_known() -> None:
    assert set(re.findall(r'"(\w+)"', _body_of("Phase"))) == set(Phase)


@pytest.mark.parametrize(
    "key",
    [
        *(f"card.episode.{phase}" for phase in Phase),
        *(f"case.{phase}" for phase in Phase),
        *(f"proof.{proof}" for proof in Proof),
        *(f"level.{level}" for level in Level),
        *(f"happened.{kind}" for kind in TOLD_KINDS if kind not in _NO_EVENTS),
    ],
)
def test_it_has_words_in_both_languages(key: str) -> None:
    assert _TEXTS.count(f'"{key}":') == 2


def _body_of(name: str) -> str:
    """What a type of the console's is declared as."""
    found = re.search(rf"export type {name} =(.*?);\n\n", _MODEL, re.DOTALL)
    assert found is not None
    return found[1]
