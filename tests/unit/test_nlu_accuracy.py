"""How well the starting examples carry: sentences and topics that were never trained on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from bot.model.understanding import Utterance
from nlu.commands import evaluate, train
from nlu.data import comparable, load_corpus
from nlu.measure import auroc
from tests.unit.nlu_models import STARTING_DATA, shop_reader, shop_report
from tests.unit.nlu_sentences import HELD_OUT, OUT_OF_SCOPE

ROUTED = {
    "affirm", "bot.identity", "complaint", "continue.elsewhere", "deny", "goodbye", "greet", "help",
    "human.request", "return.start", "thanks",
}  # fmt: skip


def share_right(language: str, *, use_vectors: bool = True) -> float:
    own = [sentence for sentence in HELD_OUT if sentence.language == language]
    read = shop_reader(use_vectors=use_vectors).read([Utterance(text=s.text) for s in own])
    right = [found.intent == s.intent for found, s in zip(read, own, strict=True)]
    return sum(right) / len(right)


def test_held_out_sentences_are_not_trained_on() -> None:
    corpus = load_corpus(STARTING_DATA)
    trained = {comparable(example.text) for example in (*corpus.examples, *corpus.outside)}
    assert [s.text for s in HELD_OUT if comparable(s.text) in trained] == []
    assert [text for text in OUT_OF_SCOPE if comparable(text) in trained] == []


def test_starting_data_covers_the_intents_the_router_knows() -> None:
    corpus = load_corpus(STARTING_DATA)
    names = {intent.name for intent in corpus.intents}
    assert names >= ROUTED
    assert len(names) >= 26
    assert names == {sentence.intent for sentence in HELD_OUT}
    counts = Counter((example.intent, example.language) for example in corpus.examples)
    assert {key: n for key, n in counts.items() if n < 15} == {}
    assert set(counts) == {(name, language) for name in names for language in ("sv", "en")}
    outside = Counter(example.language for example in corpus.outside)
    assert outside["sv"] >= 60
    assert outside["en"] >= 60


def test_starting_data_has_no_text_under_two_intents() -> None:
    assert shop_report().overlaps == ()
    assert shop_report().thin == ()


@pytest.mark.parametrize(("language", "least"), [("sv", 0.93), ("en", 0.93)])
def test_held_out_sentences_are_understood(language: str, least: float) -> None:
    assert share_right(language) >= least


@pytest.mark.parametrize("language", ["sv", "en"])
def test_held_out_sentences_are_understood_by_words_alone(language: str) -> None:
    assert share_right(language, use_vectors=False) >= 0.9


def test_foreign_topics_are_out_of_scope() -> None:
    inside = shop_reader().read([Utterance(text=sentence.text) for sentence in HELD_OUT])
    outside = shop_reader().read([Utterance(text=text) for text in OUT_OF_SCOPE])
    area = auroc([found.scope for found in inside], [found.scope for found in outside])
    assert area >= 0.985
    assert sum(not found.in_scope for found in outside) / len(outside) >= 0.75
    assert sum(found.in_scope for found in inside) / len(inside) >= 0.95
    assert all(found.intent is None for found in outside if not found.in_scope)


def test_languages_of_held_out_sentences_are_told() -> None:
    read = shop_reader().read([Utterance(text=sentence.text) for sentence in HELD_OUT])
    wrong = [
        sentence.text
        for found, sentence in zip(read, HELD_OUT, strict=True)
        if found.language != sentence.language
    ]
    assert len(wrong) <= 1


def test_missing_diacritics_cost_little() -> None:
    plain = str.maketrans("åäöÅÄÖ", "aaoAAO")
    own = [sentence for sentence in HELD_OUT if sentence.language == "sv"]
    read = shop_reader().read([Utterance(text=s.text.translate(plain)) for s in own])
    right = [found.intent == s.intent for found, s in zip(read, own, strict=True)]
    assert sum(right) / len(right) >= 0.9


def test_confidence_is_honest_on_examples_held_out_in_training() -> None:
    assert shop_report().calibration_error <= 0.07
    assert shop_report().accuracy >= 0.77


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_banking_ten_examples_an_intent(shared: Path, tmp_path: Path) -> None:
    data, rows = (shared / "nlu" / f"banking77_{name}.jsonl" for name in ("train10", "test"))
    if not data.is_file() or not rows.is_file():
        pytest.skip(f"no {data.name} and {rows.name} in {data.parent}")
    train(data, tmp_path / "model")
    report = evaluate(tmp_path / "model", rows)
    least = 0.815 if report.vectors else 0.75
    assert report.accuracy >= least
    assert report.calibration_error <= 0.05
    assert report.unknown_labels == ()
    assert len(report.intents) == 77
