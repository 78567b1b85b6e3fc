"""Swedish or English? Word by word, with the language of the thread as a prior.

Each word has a score learnt from its letters (n-grams) and itself; a text's score is their sum.
Short, international or numeric messages ("ok", "hej", "42") never change a thread's language.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from math import exp
from pathlib import Path
from typing import Self

import numpy as np
from spacy.lang.en.stop_words import STOP_WORDS as ENGLISH
from spacy.lang.sv.stop_words import STOP_WORDS as SWEDISH
from spacy.language import Language as Pipeline
from spacy.tokens import Doc
from typing_extensions import override

from bot.model.understanding import Language
from nlu.arrays import Floats, Ints
from nlu.reading import Component, Reading, reading_of
from nlu.solve import fit_logistic

_BUCKETS = 1 << 12
_STRENGTH = 1.0
_LIMIT = 4.0  # of one word's score
_PRIOR = 2.0  # log odds that the thread goes on in its language
_SWITCH = 3.0  # log odds from at least two words that change it
_SWITCH_WORDS = 2
_EVEN = 0.5
_SURE = 0.62
_MAX_WORDS = 60
_CACHED = 20_000


def _grams(word: str) -> list[int]:
    """Bucket numbers of a word's n-grams (1-4 letters) and of the word itself."""
    padded = f" {word[:30]} "
    found = [
        zlib.crc32(padded[at : at + size].encode("utf-8", "surrogatepass")) % _BUCKETS
        for size in range(1, 5)
        for at in range(len(padded) - size + 1)
    ]
    whole = zlib.crc32(b"=" + word[:30].encode("utf-8", "surrogatepass")) % _BUCKETS
    return [*found, _BUCKETS + whole]


def _is_word(word: str) -> bool:
    return word.isalpha() or ("'" in word and any(map(str.isalpha, word)))


class LanguageReader(Component):
    """Tells Swedish from English."""

    def __init__(self) -> None:
        self._weights: Floats = np.zeros(2 * _BUCKETS, dtype=np.float32)
        self._known: dict[int, float | None] = {}

    def learn(self, texts: Iterable[tuple[Sequence[str], Language]]) -> None:
        """Learn from texts in words; both languages' function words are known beforehand."""
        rows: list[Ints] = []
        labels: list[int] = []
        own = [([word], "sv") for word in sorted(SWEDISH - ENGLISH)]
        own += [([word], "en") for word in sorted(ENGLISH - SWEDISH)]
        for words, language in [*own, *texts]:
            grams = [gram for word in words if _is_word(word) for gram in _grams(word.lower())]
            if grams:
                rows.append(np.array(grams))
                labels.append(int(language == "sv"))
        matrix = np.zeros((len(rows), 2 * _BUCKETS), dtype=np.float32)
        for at, grams_of in enumerate(rows):
            np.add.at(matrix[at], grams_of, 1.0)
        matrix /= np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1) ** 0.5
        layer = fit_logistic(matrix, np.array(labels), classes=2, strength=_STRENGTH)
        learnt = layer.weights[:, 1] - layer.weights[:, 0]
        self._weights = learnt.astype(np.float16).astype(np.float32)
        self._known = {}

    @override
    def read(self, docs: Sequence[Doc]) -> None:
        for doc in docs:
            self._read(doc, reading_of(doc))

    def _read(self, doc: Doc, reading: Reading) -> None:
        score, words = 0.0, 0
        known = self._known
        for at, key in enumerate(doc.to_array("LOWER")[:_MAX_WORDS].tolist()):
            if key not in known:
                known[key] = self._score(doc[at].lower_)
            word = known[key]
            if word is not None:
                score += word
                words += 1
        if len(known) > _CACHED:
            known.clear()
        reading.language, reading.language_confidence = _decide(
            score, words, thread=reading.thread_language
        )

    def _score(self, word: str) -> float | None:
        """The log odds of Swedish that one word gives, None when it is not a word."""
        if not _is_word(word):
            return None
        total = float(self._weights[_grams(word)].sum())
        return max(-_LIMIT, min(_LIMIT, total))

    @override
    def to_disk(self, path: Path | str, *, exclude: Iterable[str] = ()) -> None:
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "weights.npy", self._weights.astype(np.float16), allow_pickle=False)

    @override
    def from_disk(self, path: Path | str, *, exclude: Iterable[str] = ()) -> Self:
        weights = np.load(Path(path) / "weights.npy", allow_pickle=False)
        self._weights = weights.astype(np.float32)
        self._known = {}
        return self


def _decide(score: float, words: int, *, thread: Language | None) -> tuple[Language | None, float]:
    prior = {"sv": _PRIOR, "en": -_PRIOR, None: 0.0}[thread]
    swedish = 1 / (1 + exp(-max(-30.0, min(30.0, score + prior))))
    heard: Language = "sv" if swedish >= _EVEN else "en"
    confidence = max(swedish, 1 - swedish)
    if thread is None:
        sure = words > 0 and confidence >= _SURE
        return (heard, confidence) if sure else (None, confidence)
    if heard != thread and (words < _SWITCH_WORDS or abs(score) < _SWITCH):
        return thread, _EVEN
    return heard, confidence


@Pipeline.factory("samtal_language")
def _make(nlp: Pipeline, name: str) -> LanguageReader:  # noqa: ARG001 - spaCy passes both by name
    return LanguageReader()
