"""A message as numbers: hashed n-grams, the words of training it is near, and its mean vector.

Everything that depends on one word alone is computed once and kept, so that a message of known
words costs a few array operations.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc

from nlu.arrays import Floats, Ints
from nlu.rows import NOTHING, Sparse, last_of_each
from nlu.swedish import Phrase, Swedish
from nlu.terms import BUCKETS, WIDTH, Term, word_grams
from nlu.text import fold
from nlu.vectors import StaticVectors
from nlu.vocabulary import Vocabulary

_SHIFT = np.uint32(32 - 12)
_FIRST, _SECOND = np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35)
_SPACE = -1
_MAX_TOKENS = 400
_MAX_LETTERS = 40
_CACHED_WORDS = 16_384
_LOG_COUNT: Floats = (1 + np.log(np.maximum(np.arange(256), 1))).astype(np.float32)


class Features(NamedTuple):
    """One text: rising bucket numbers, their damped counts, the mean vector, and the terms.

    The vector is None without vectors; `terms` are the words of training that the text's words
    are like, and how much, empty until a vocabulary is known.
    """

    buckets: Ints
    counts: Floats
    vector: Floats | None
    terms: Sparse = NOTHING


class Words:
    """Turns tokenized texts into features and remembers the words it has met."""

    def __init__(
        self,
        vectors: StaticVectors | None,
        meanings: Mapping[str, str],
        vocabulary: Vocabulary | None = None,
    ) -> None:
        self.vectors = vectors
        self.vocabulary = vocabulary
        self._swedish = Swedish(meanings)
        self._clear()

    def _clear(self) -> None:
        # The same letters can be a word of either language: rows by language and word.
        self._rows: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self._phrase_rows: dict[Phrase, int] = {}
        self._terms: list[Term] = []
        self._buckets: list[Ints] = []
        self._near_terms: list[Sparse] = []
        self._hashes: NDArray[np.uint32] = np.zeros(1024, dtype=np.uint32)
        # The last column counts, so that one sum gives both parts of the mean.
        width = self.vectors.dim + 1 if self.vectors else 0
        self._sums: Floats = np.zeros((1024, width), dtype=np.float32)

    def features(self, doc: Doc, *, swedish: bool) -> Features:
        """The features of a text; without any word they are empty and the vector zero."""
        words = self._words(doc, swedish=swedish)
        if not words:
            vector = np.zeros(self.vectors.dim, dtype=np.float32) if self.vectors else None
            return Features(*NOTHING, vector)
        buckets, counts = self._counted(words)
        units = self._with_phrases(words) if swedish else words
        return Features(buckets, counts, self._mean(units), self._near(units))

    def terms(self, doc: Doc, *, swedish: bool) -> list[Term]:
        """The words of a text, each once."""
        words = self._words(doc, swedish=swedish)
        units = self._with_phrases(words) if swedish else words
        return [self._terms[row] for row in dict.fromkeys(units)]

    def vector(self, term: Term) -> Floats:
        """The vector of a word, by what it means."""
        return self._meant(term)[0]

    def _words(self, doc: Doc, *, swedish: bool) -> list[int]:
        keys: list[int] = doc.to_array("LOWER")[:_MAX_TOKENS].tolist()
        if len(self._buckets) > _CACHED_WORDS:
            self._clear()
        known = self._rows[swedish]
        rows = [known.get(key) for key in keys]
        if None in rows:
            rows = [self._row(doc, at, known, swedish=swedish) for at in range(len(keys))]
        return [row for row in rows if row is not None and row >= 0]

    def _counted(self, words: Sequence[int]) -> tuple[Ints, Floats]:
        hashes = self._hashes.take(words)
        pairs = (hashes[:-1] * _FIRST + hashes[1:] * _SECOND) >> _SHIFT
        every = np.concatenate([pairs.astype(np.int64), *[self._buckets[row] for row in words]])
        every.sort()
        ends = last_of_each(every)
        counts = ends.copy()
        counts[0] += 1
        counts[1:] -= ends[:-1]
        return every.take(ends), _LOG_COUNT.take(counts, mode="clip")

    def _with_phrases(self, words: Sequence[int]) -> Sequence[int]:
        """The words, those of a phrase replaced by the phrase."""
        folded = [self._terms[row].folded for row in words]
        units: list[int] = []
        at = 0
        while at < len(words):
            phrase = self._swedish.phrase(folded, at)
            units.append(words[at] if phrase is None else self._phrase_row(phrase))
            at += 1 if phrase is None else len(phrase.words)
        return units

    def _mean(self, words: Sequence[int]) -> Floats | None:
        if self.vectors is None:
            return None
        summed: Floats = self._sums.take(words, axis=0).sum(axis=0)
        mean: Floats = summed[:-1] / max(float(summed[-1]), 1.0)
        return mean

    def _near(self, words: Sequence[int]) -> Sparse:
        if self.vocabulary is None:
            return NOTHING
        places = np.concatenate([self._near_terms[row].places for row in words])
        if not len(places):
            return NOTHING
        values = np.concatenate([self._near_terms[row].values for row in words])
        order = np.lexsort((values, places))
        places, values = places.take(order), values.take(order)
        ends = last_of_each(places)
        best = values.take(ends)
        best /= np.float32(max(float(np.sqrt(best @ best)), 1e-6))
        return Sparse(places.take(ends), best)

    def _row(self, doc: Doc, at: int, known: dict[int, int], *, swedish: bool) -> int:
        token = doc[at]
        row = known.get(token.lower)
        if row is None:
            row = _SPACE
            if not token.is_space:
                folded = fold(token.text)[:_MAX_LETTERS]
                row = self._learn(Term(folded, _letters(token.text), swedish))
            known[token.lower] = row
        return row

    def _phrase_row(self, phrase: Phrase) -> int:
        row = self._phrase_rows.get(phrase)
        if row is None:
            # Only its vector is that of what it means.
            term = Term(" ".join(phrase.words), phrase.meaning, swedish=False)
            row = self._phrase_rows[phrase] = self._learn(term)
        return row

    def _learn(self, term: Term) -> int:
        row = len(self._buckets)
        if row == len(self._hashes):
            self._hashes = np.concatenate([self._hashes, np.zeros_like(self._hashes)])
            self._sums = np.concatenate([self._sums, np.zeros_like(self._sums)])
        self._terms.append(term)
        grams = word_grams(term.folded)
        self._buckets.append(grams)
        self._hashes[row] = zlib.crc32(term.folded.encode("utf-8", "surrogatepass"))
        near = NOTHING
        if self.vectors is not None:
            vector, known = self._meant(term)
            if self.vocabulary is not None:
                vector, near = self.vocabulary.near(term, grams, vector, known=known)
            if vector.any():
                self._sums[row, :-1], self._sums[row, -1] = vector, 1.0
        self._near_terms.append(near)
        return row

    def _meant(self, term: Term) -> tuple[Floats, bool]:
        """A word's vector, and whether the vectors know it."""
        if self.vectors is None:
            raise RuntimeError("there are no vectors")
        meaning = self._swedish.word(term.letters) if term.swedish else None
        vector, pieces = self.vectors.word(meaning or term.letters)
        damped: Floats = vector / np.float32(max(pieces, 1) ** 0.5)
        return damped, meaning is not None or pieces <= 1


def _letters(word: str) -> str:
    return word[:_MAX_LETTERS].lower().encode("utf-8", "replace").decode()


def inverse_frequencies(texts: Sequence[Features]) -> Floats:
    """How rare each bucket is over the texts: ln((1+n)/(1+df))+1, shape (WIDTH,)."""
    seen = np.zeros(WIDTH)
    for features in texts:
        seen[features.buckets] += 1
    return (np.log((1 + len(texts)) / (1 + seen)) + 1).astype(np.float32)


def weigh(features: Features, rarity: Floats) -> Sparse:
    """Counts times rarity, each family brought to the length sqrt(.5)."""
    values = features.counts * rarity.take(features.buckets)
    split = int(features.buckets.searchsorted(BUCKETS))
    for family in (values[:split], values[split:]):
        length = float(family @ family)
        if length > 0:
            family *= (0.5 / length) ** 0.5  # noqa: PLW2901 - a view: the values change in place
    return Sparse(features.buckets, values)
