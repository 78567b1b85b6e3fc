"""A text as numbers: slips of the pen are mended, unknown words are near those of training."""

from __future__ import annotations

import numpy as np
import pytest

from nlu.fit import fit_heads
from nlu.pipeline import SamtalLanguage
from nlu.vectors import load_vectors
from nlu.vocabulary import Vocabulary, learn_vocabulary
from nlu.words import Features, Words

pytestmark = pytest.mark.skipif(
    load_vectors() is None, reason="the extra `vectors` is not installed"
)
TEXTS = ["cancel my subscription", "where is my parcel", "refund the invoice"]


def words_of(texts: list[str]) -> tuple[Words, Vocabulary, list[int]]:
    nlp = SamtalLanguage()
    words = Words(load_vectors(), {})
    terms = [words.terms(nlp.make_doc(text), swedish=False) for text in texts]
    vocabulary, owners = learn_vocabulary(terms, words.vector)
    return Words(load_vectors(), {}, vocabulary), vocabulary, owners.tolist()


def features(words: Words, text: str) -> Features:
    return words.features(SamtalLanguage().make_doc(text), swedish=False)


def likeness(one: Features, other: Features) -> float:
    assert one.vector is not None
    assert other.vector is not None
    lengths = np.linalg.norm(one.vector) * np.linalg.norm(other.vector)
    return float(one.vector @ other.vector / lengths)


def test_each_term_knows_whether_one_text_alone_has_it() -> None:
    _, vocabulary, owners = words_of(TEXTS)
    assert len(vocabulary.keys) == 9
    assert sorted(owners) == [-1, 0, 0, 1, 1, 1, 2, 2, 2]
    assert np.all(np.diff(vocabulary.keys) > 0)


def test_a_misspelt_word_takes_the_vector_of_the_one_it_is_written_like() -> None:
    words, _, _ = words_of(TEXTS)
    assert likeness(features(words, "subscrption"), features(words, "subscription")) > 0.999
    plain = Words(load_vectors(), {})
    assert likeness(features(plain, "subscrption"), features(plain, "subscription")) < 0.8


def test_a_word_the_vectors_know_is_never_mended() -> None:
    words, _, _ = words_of(TEXTS)
    assert likeness(features(words, "parcels"), features(words, "subscription")) < 0.5
    assert likeness(features(words, "cancer"), features(words, "cancel")) < 0.9


def test_near_terms_are_of_length_one_and_point_to_the_nearest() -> None:
    words, vocabulary, _ = words_of(TEXTS)
    found = features(words, "bill").terms
    assert float(found.values @ found.values) == pytest.approx(1, abs=1e-3)
    invoice = features(words, "invoice").terms
    assert invoice.places[invoice.values.argmax()] == found.places[found.values.argmax()]
    assert np.all(np.diff(found.places) > 0)
    assert int(found.places.max()) < len(vocabulary.keys)


def test_a_text_without_words_has_no_terms() -> None:
    words, _, _ = words_of(TEXTS)
    found = features(words, "  ")
    assert len(found.buckets) == len(found.terms.places) == 0


def test_many_examples_make_an_intent_no_likelier() -> None:
    texts = [
        f"{verb} my {thing}"
        for verb in ("cancel", "stop", "end")
        for thing in ("plan", "order", "deal")
    ]
    words, _, owners = words_of([*texts, "where is it"])
    rows = [features(words, text) for text in [*texts, "where is it"]]
    labels = np.array([0] * len(texts) + [1])
    fitted = fit_heads(rows, labels, owners=np.array(owners), unknown=[], reject_rate=0.1)
    assert fitted.heads.tilt.tolist() == pytest.approx([np.log(0.9), np.log(0.1)], abs=1e-3)
    scores = fitted.heads.scores([features(words, "where is it now")])[0]
    assert scores[1] > scores[0]
