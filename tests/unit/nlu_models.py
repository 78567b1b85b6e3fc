"""Models that several test files use, trained once a session."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from bot.model.understanding import Language, Understanding, Utterance
from nlu.commands import TrainingReport, train
from nlu.reader import Reader

STARTING_DATA = Path(__file__).parents[2] / "config" / "nlu"

# Small enough to train in a moment.
SMALL = """\
{"text": "where is my order", "label": "order.status", "lang": "en", "stage": "support"}
{"text": "track my parcel", "label": "order.status", "lang": "en", "stage": "support"}
{"text": "var är mitt paket", "label": "order.status", "lang": "sv", "stage": "support"}
{"text": "när kommer min order", "label": "order.status", "lang": "sv", "stage": "support"}
{"text": "I want to return a jacket", "label": "return.start", "lang": "en", "stage": "support"}
{"text": "send the shoes back", "label": "return.start", "lang": "en", "stage": "support"}
{"text": "jag vill returnera en jacka", "label": "return.start", "lang": "sv", "stage": "support"}
{"text": "skicka tillbaka skorna", "label": "return.start", "lang": "sv", "stage": "support"}
{"text": "which tent is best", "label": "advice", "lang": "en", "stage": "research"}
{"text": "recommend a warm tent", "label": "advice", "lang": "en", "stage": "research"}
{"text": "vilket tält är bäst", "label": "advice", "lang": "sv", "stage": "research"}
{"text": "rekommendera ett varmt tält", "label": "advice", "lang": "sv", "stage": "research"}
{"text": "how do you bake bread", "label": "oos", "lang": "en"}
{"text": "vem vann matchen", "label": "oos", "lang": "sv"}
"""


@cache
def workplace() -> Path:
    """A folder for models that is gone after the session."""
    folder = Path(tempfile.mkdtemp(prefix="samtal-nlu-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def shop_report() -> TrainingReport:
    """The report of the model trained on the starting data."""
    return train(STARTING_DATA, workplace() / "shop")


@cache
def shop_reader(*, use_vectors: bool = True) -> Reader:
    """A reader of the model trained on the starting data."""
    return Reader.load(Path(shop_report().folder), use_vectors=use_vectors)


@cache
def small_model() -> Path:
    """A model of twelve examples."""
    data = workplace() / "small.jsonl"
    data.write_text(SMALL, encoding="utf-8")
    train(data, workplace() / "small")
    return workplace() / "small"


def read(text: str, language: Language | None = None) -> Understanding:
    """What the shop's model reads in one text."""
    return shop_reader().read([Utterance(text=text, language=language)])[0]
