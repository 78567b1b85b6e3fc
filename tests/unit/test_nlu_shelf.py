"""Published models: put in service whole, refused when worse, put back."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.model.understanding import Utterance
from nlu.comparing import compare, mcnemar
from nlu.publishing import publish
from nlu.reader import Reader
from nlu.shelf import Shelf, in_service
from nlu.train import train
from tests.unit.nlu_models import SMALL, small_model, workplace

GOLDEN = """\
{"text": "where is my order now", "label": "order.status"}
{"text": "I want to return the jacket", "label": "return.start"}
{"text": "which tent is the best one", "label": "advice"}
"""


@cache
def swapped_model() -> Path:
    """A model that takes advice for returns, and the other way round."""
    data = workplace() / "swapped.jsonl"
    rows = SMALL.replace('"advice"', '"other"').replace('"return.start"', '"advice"')
    data.write_text(rows.replace('"other"', '"return.start"'), encoding="utf-8")
    train(data, workplace() / "swapped")
    return workplace() / "swapped"


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    file = tmp_path / "golden.jsonl"
    file.write_text(GOLDEN, encoding="utf-8")
    return file


def test_a_published_model_is_the_one_in_service(tmp_path: Path, golden: Path) -> None:
    models = tmp_path / "models"
    done = publish(small_model(), models, golden=golden)
    assert (done.before, done.comparison) == (None, None)
    assert Shelf(models).live == done.version
    assert in_service(models) == models / done.version
    assert in_service(small_model()) == small_model()
    reader = Reader.load(models)
    assert reader.model.version == done.version
    assert reader.read([Utterance(text="track my parcel")])[0].model == done.version
    again = publish(small_model(), models, golden=golden)
    assert again.version == done.version
    assert len(Shelf(models).history) == 1


def test_one_that_got_worse_is_refused_unless_forced_and_can_be_taken_back(
    tmp_path: Path, golden: Path
) -> None:
    models = tmp_path / "models"
    good = publish(small_model(), models, golden=golden).version
    with pytest.raises(ConfigError) as refused:
        publish(swapped_model(), models, golden=golden)
    assert "worse than the live model" in str(refused.value)
    assert "which tent is the best one" in str(refused.value)
    assert Shelf(models).live == good
    assert Shelf(models).versions == (good,)

    forced = publish(swapped_model(), models, golden=golden, force=True)
    assert (forced.before, Shelf(models).live) == (good, forced.version)
    lines = Shelf(models).lines()
    assert [line[:18] for line in lines] == [f"  {good}", f"* {forced.version}"]
    assert Shelf(models).roll_back() == good
    assert Shelf(models).live == good
    assert set(Shelf(models).versions) == {good, forced.version}
    with pytest.raises(ConfigError, match="no model before this one"):
        Shelf(models).roll_back()
    assert Shelf(models).live == good


def test_what_is_no_shelf_or_no_model_is_refused_and_nothing_changes(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a model itself"):
        Shelf(small_model()).publish(swapped_model())
    with pytest.raises(ConfigError, match="no model here"):
        Shelf(tmp_path / "models").publish(tmp_path)
    assert not (tmp_path / "models").exists()
    (tmp_path / "live.json").write_text("{", encoding="utf-8")
    with pytest.raises(ConfigError, match="the pointer cannot be read"):
        in_service(tmp_path)


def test_a_comparison_names_the_rows_that_changed(golden: Path) -> None:
    found = compare(small_model(), swapped_model(), golden)
    assert (found.rows, found.right_a, found.right_b) == (3, 3, 1)
    assert found.better == ()
    assert [(row.text, row.label, row.before, row.after) for row in found.worse] == [
        ("I want to return the jacket", "return.start", "return.start", "advice"),
        ("which tent is the best one", "advice", "advice", "return.start"),
    ]
    assert found.worse[0].where.endswith("golden.jsonl:2")
    assert found.p_value == 0.5
    assert "better 0, worse 2, p = 0.5000" in found.text()
    back = compare(swapped_model(), small_model(), golden)
    assert back.worse == ()
    assert len(back.better) == 2
    golden.write_text('{"text": "no label"}\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="no label"):
        compare(small_model(), small_model(), golden)


@pytest.mark.parametrize(
    ("better", "worse", "p"),
    [(0, 0, 1.0), (1, 0, 1.0), (3, 3, 1.0), (0, 6, 0.03125), (9, 1, 22 / 1024), (1, 9, 22 / 1024)],
)
def test_mcnemar_is_the_exact_one(better: int, worse: int, p: float) -> None:
    assert mcnemar(better, worse) == pytest.approx(p)


def test_the_golden_set_is_of_both_languages_and_of_the_intents_there_are() -> None:
    root = Path(__file__).parents[2] / "config/nlu"
    rows = [json.loads(line) for line in (root / "golden.jsonl").read_text("utf-8").splitlines()]
    written = "".join(file.read_text("utf-8") for file in root.glob("*.yaml"))
    assert len(rows) >= 80
    assert {row["lang"] for row in rows} == {"sv", "en"}
    for row in rows:
        assert row["label"] == "oos" or f"\n  {row['label']}:\n" in written, row
        assert f"- {row['text']}\n" not in written, "an example proves nothing"
