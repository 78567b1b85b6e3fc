"""Models: deterministic, whole or not at all, the same after saving, honest without vectors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.model.understanding import Utterance
from nlu.commands import evaluate, predict, train
from nlu.data import load_corpus
from nlu.pipeline import Model, content_hash, load_model
from nlu.reader import Reader
from nlu.train import fitted_model
from nlu.vectors import load_vectors
from tests.unit.nlu_models import SMALL, shop_reader, shop_report, small_model, workplace

TEXTS = ["where is my order", "vilket tält är varmt", "return", "vem vann", "åäö 😀"]

needs_vectors = pytest.mark.skipif(
    load_vectors() is None, reason="the extra `vectors` is not installed"
)


def understood(model: Model) -> list[str]:
    reader = Reader(model)
    found = reader.read([Utterance(text=text) for text in TEXTS])
    return [one.model_copy(update={"model": ""}).model_dump_json() for one in found]


def write(folder: Path, rows: str = SMALL) -> Path:
    file = folder / "rows.jsonl"
    file.write_text(rows, encoding="utf-8")
    return file


def test_the_same_data_gives_the_same_model(tmp_path: Path) -> None:
    first = train(write(tmp_path), tmp_path / "one")
    second = train(write(tmp_path), tmp_path / "two")
    assert first.model == second.model
    assert len(first.model) == 16
    assert content_hash(tmp_path / "one") == content_hash(tmp_path / "two") == first.model


def test_other_data_gives_another_model(tmp_path: Path) -> None:
    first = train(write(tmp_path), tmp_path / "one")
    other = train(write(tmp_path, SMALL.replace("a jacket", "a parka")), tmp_path / "two")
    assert first.model != other.model


def test_a_model_reads_the_same_after_saving(tmp_path: Path) -> None:
    model = fitted_model(load_corpus(write(tmp_path)))
    fresh = understood(model)
    model.keep(tmp_path / "model")
    assert understood(load_model(tmp_path / "model")) == fresh


def test_saving_replaces_a_model_and_leaves_nothing_behind(tmp_path: Path) -> None:
    train(write(tmp_path), tmp_path / "model")
    report = train(write(tmp_path, SMALL.replace("jacket", "coat")), tmp_path / "model")
    assert load_model(tmp_path / "model").version == report.model
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "rows.jsonl"]


def test_something_else_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(ConfigError, match="something else"):
        train(write(tmp_path), tmp_path / "photos")
    assert (tmp_path / "photos" / "a.txt").read_text(encoding="utf-8") == "dear"


def test_no_training_text_is_kept_in_the_model(tmp_path: Path) -> None:
    train(write(tmp_path, SMALL.replace("parcel", "zanzibarparcel")), tmp_path / "model")
    for file in (tmp_path / "model").rglob("*"):
        assert not file.is_file() or b"zanzibar" not in file.read_bytes()


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    shutil.copytree(small_model(), tmp_path / "model")
    heads = tmp_path / "model" / "intent" / "heads.npz"
    heads.write_bytes(heads.read_bytes()[:-7] + b"garbage")
    with pytest.raises(ConfigError, match="changed"):
        load_model(tmp_path / "model")


def test_a_missing_model_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="samtal nlu train"):
        load_model(tmp_path / "nowhere")


@needs_vectors
def test_without_vectors_a_model_reads_by_words_alone_and_says_so() -> None:
    full, plain = shop_reader(), shop_reader(use_vectors=False)
    assert full.model.intent.degraded is False
    assert full.model.intent.vectors is not None
    assert plain.model.intent.degraded is True
    assert plain.model.intent.vectors is None
    assert plain.model.version == full.model.version
    text = [Utterance(text="jag vill returnera mina skor")]
    assert plain.read(text)[0].intent == "return.start"
    assert plain.read(text)[0].scope != full.read(text)[0].scope


def test_training_without_vectors_says_so(tmp_path: Path) -> None:
    report = train(write(tmp_path), tmp_path / "model", use_vectors=False)
    assert report.vectors is None
    assert "by words alone" in report.notes[0]
    model = load_model(tmp_path / "model")
    assert model.intent.degraded is False
    assert understood(model) == understood(load_model(tmp_path / "model", use_vectors=False))


def test_the_report_counts_what_was_used() -> None:
    report = shop_report()
    assert report.intents == 44
    assert report.examples + report.repeats == len(
        load_corpus(Path(__file__).parents[2] / "config" / "nlu").examples
    )
    assert report.out_of_scope >= 120
    assert {count.language for count in report.languages} == {"sv", "en"}
    assert report.folder == str(workplace() / "shop")


def test_a_text_under_two_intents_is_reported(tmp_path: Path) -> None:
    rows = SMALL + '{"text": "Track  my PARCEL", "label": "return.start"}\n'
    report = train(write(tmp_path, rows), tmp_path / "model")
    (overlap,) = report.overlaps
    assert overlap.intents == ("order.status", "return.start")
    assert overlap.where[0].endswith("rows.jsonl:2")
    assert overlap.where[1].endswith("rows.jsonl:15")
    assert "more than one intent" in " ".join(report.notes)


def test_a_repeated_text_is_used_once(tmp_path: Path) -> None:
    rows = SMALL + '{"text": "track my PARCEL ", "label": "order.status"}\n'
    report = train(write(tmp_path, rows), tmp_path / "model")
    assert (report.repeats, report.examples) == (1, 12)


def test_evaluate_measures_rows(tmp_path: Path) -> None:
    report = evaluate(small_model(), write(tmp_path))
    assert (report.rows, report.in_scope, report.out_of_scope) == (14, 12, 2)
    assert report.accuracy == 1.0
    assert report.macro_f1 == 1.0
    assert report.out_of_scope_auroc == 1.0
    assert [score.intent for score in report.intents] == ["advice", "order.status", "return.start"]
    assert report.unknown_labels == ()
    assert report.latency.p50 <= report.latency.p99
    assert "accuracy 1.0000" in report.text()


def test_evaluate_names_labels_the_model_does_not_know(tmp_path: Path) -> None:
    rows = write(tmp_path, '{"text": "fly me", "label": "flight"}\n')
    report = evaluate(small_model(), rows)
    assert report.unknown_labels == ("flight",)
    assert report.accuracy == 0.0
    assert report.out_of_scope_auroc is None


def test_predict_keeps_a_rows_own_fields(tmp_path: Path) -> None:
    rows = write(tmp_path, '{"id": 7, "text": "where is my order", "tags": ["a"]}\n\n')
    (line,) = predict(small_model(), rows)
    found = json.loads(line)
    assert found["id"] == 7
    assert found["tags"] == ["a"]
    assert found["intent"] == "order.status"
    assert found["language"] == "en"
    assert 0 < found["confidence"] <= 1
    assert found["in_scope"] is (found["scope"] >= 0.5)
    assert set(found["stages"]) == {"research", "support"}
    assert found["stages"]["support"] > found["stages"]["research"]
    assert found["ms"] > 0
