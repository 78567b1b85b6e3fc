"""A message as numbers: hashed n-grams of words and characters, and the mean of word vectors.

Everything that depends on one word alone is computed once and kept, so that a message of known
words costs a few array operations.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc

from nlu.arrays import Floats, Ints
from nlu.text import fold
from nlu.vectors import StaticVectors

BUCKETS = 1 << 12  # for each of the two families of n-grams
WIDTH = 2 * BUCKETS
_SHIFT = np.uint32(32 - 12)
_FIRST, _SECOND = np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35)
_SPACE = -1
_MAX_TOKENS = 400
_MAX_LETTERS = 40
_CACHED_WORDS = 16_384
_LOG_COUNT: Floats = (1 + np.log(np.maximum(np.arange(256), 1))).astype(np.float32)


def swedish_meanings() -> dict[str, str]:
    """The reader's own list of Swedish words and their English meanings."""
    lines = Path(__file__).with_name("swedish.txt").read_text(encoding="utf-8").splitlines()
    meanings = {}
    for line in lines:
        if line and not line.startswith("#"):
            word, meaning = line.split(": ", 1)
            meanings[word] = meaning
    return meanings


class Features(NamedTuple):
    """One text: rising bucket numbers, their damped counts, and the mean vector (or None)."""

    buckets: Ints
    counts: Floats
    vector: Floats | None


def _bucket(gram: str) -> int:
    return zlib.crc32(gram.encode("utf-8", "surrogatepass")) & (BUCKETS - 1)


def _grams(folded: str) -> Ints:
    padded = f" {folded} "
    found = [_bucket(f"w:{folded}")]
    for size in range(2, min(5, len(padded)) + 1):
        found += [BUCKETS + _bucket(padded[at : at + size]) for at in range(len(padded) - size + 1)]
    return np.array(found, dtype=np.int64)


class Words:
    """Turns tokenized texts into features and remembers the words it has met."""

    def __init__(self, vectors: StaticVectors | None, meanings: Mapping[str, str]) -> None:
        self.vectors = vectors
        self._meanings = {fold(word): meaning for word, meaning in meanings.items()}
        self._clear()

    def _clear(self) -> None:
        # The same letters can be a word of either language: rows by language and word.
        self._rows: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self._buckets: list[Ints] = []
        self._hashes: NDArray[np.uint32] = np.zeros(1024, dtype=np.uint32)
        # The last column counts the pieces, so that one sum gives both parts of the mean.
        width = self.vectors.dim + 1 if self.vectors else 0
        self._sums: Floats = np.zeros((1024, width), dtype=np.float32)

    def features(self, doc: Doc, *, swedish: bool) -> Features:
        """The features of a text; without any word they are empty and the vector zero."""
        keys: list[int] = doc.to_array("LOWER")[:_MAX_TOKENS].tolist()
        if len(self._buckets) > _CACHED_WORDS:
            self._clear()
        known = self._rows[swedish]
        rows = [known.get(key) for key in keys]
        if None in rows:
            rows = [self._row(doc, at, known, swedish=swedish) for at in range(len(keys))]
        words = [row for row in rows if row is not None and row >= 0]
        if not words:
            vector = np.zeros(self.vectors.dim, dtype=np.float32) if self.vectors else None
            return Features(np.zeros(0, np.int64), np.zeros(0, np.float32), vector)
        buckets, counts = self._counted(words)
        return Features(buckets, counts, self._mean(words))

    def _counted(self, words: Sequence[int]) -> tuple[Ints, Floats]:
        hashes = self._hashes.take(words)
        pairs = (hashes[:-1] * _FIRST + hashes[1:] * _SECOND) >> _SHIFT
        every = np.concatenate([pairs.astype(np.int64), *[self._buckets[row] for row in words]])
        every.sort()
        last = np.empty(len(every), dtype=np.bool_)
        last[-1] = True
        np.not_equal(every[1:], every[:-1], out=last[:-1])
        ends = last.nonzero()[0]
        counts = ends.copy()
        counts[0] += 1
        counts[1:] -= ends[:-1]
        return every.take(ends), _LOG_COUNT.take(counts, mode="clip")

    def _mean(self, words: Sequence[int]) -> Floats | None:
        if self.vectors is None:
            return None
        summed: Floats = self._sums.take(words, axis=0).sum(axis=0)
        mean: Floats = summed[:-1] / max(float(summed[-1]), 1.0)
        return mean

    def _row(self, doc: Doc, at: int, known: dict[int, int], *, swedish: bool) -> int:
        token = doc[at]
        row = known.get(token.lower)
        if row is None:
            row = _SPACE if token.is_space else self._learn(token.text, swedish=swedish)
            known[token.lower] = row
        return row

    def _learn(self, word: str, *, swedish: bool) -> int:
        row = len(self._buckets)
        if row == len(self._hashes):
            self._hashes = np.concatenate([self._hashes, np.zeros_like(self._hashes)])
            self._sums = np.concatenate([self._sums, np.zeros_like(self._sums)])
        folded = fold(word)[:_MAX_LETTERS]
        self._buckets.append(_grams(folded))
        self._hashes[row] = zlib.crc32(folded.encode("utf-8", "surrogatepass"))
        if self.vectors is not None:
            letters = word[:_MAX_LETTERS].lower().encode("utf-8", "replace").decode()
            if swedish:
                letters = self._meanings.get(folded, letters)
            self._sums[row, :-1], self._sums[row, -1] = self.vectors.word(letters)
        return row


class Weights(NamedTuple):
    """One text after weighting: rising bucket numbers, values; each family of length sqrt(.5)."""

    buckets: Ints
    values: Floats


def inverse_frequencies(texts: Sequence[Features]) -> Floats:
    """How rare each bucket is over the texts: ln((1+n)/(1+df))+1, shape (WIDTH,)."""
    seen = np.zeros(WIDTH)
    for features in texts:
        seen[features.buckets] += 1
    return (np.log((1 + len(texts)) / (1 + seen)) + 1).astype(np.float32)


def weigh(features: Features, rarity: Floats) -> Weights:
    """Counts times rarity, each family brought to the same length."""
    values = features.counts * rarity.take(features.buckets)
    split = int(features.buckets.searchsorted(BUCKETS))
    for family in (values[:split], values[split:]):
        length = float(family @ family)
        if length > 0:
            family *= (0.5 / length) ** 0.5  # noqa: PLW2901 - a view: the values change in place
    return Weights(features.buckets, values)


def dense(texts: Sequence[Weights]) -> Floats:
    """The texts as a matrix, shape (n, WIDTH); for training only, it is large."""
    matrix = np.zeros((len(texts), WIDTH), dtype=np.float32)
    for row, weights in enumerate(texts):
        matrix[row, weights.buckets] = weights.values
    return matrix
