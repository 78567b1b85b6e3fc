"""Words as they are read, and their hashed n-grams."""

from __future__ import annotations

import zlib
from typing import NamedTuple

import numpy as np

from nlu.arrays import Ints
from nlu.rows import Sparse

BUCKETS = 1 << 12  # for each of the two families of n-grams
WIDTH = 2 * BUCKETS


class Term(NamedTuple):
    """A word as it is read: folded, as it is written, and in which language."""

    folded: str
    letters: str
    swedish: bool

    @property
    def key(self) -> int:
        """A number for the word, so that a model keeps no word."""
        return zlib.crc32(f"{self.swedish:d}{self.folded}".encode("utf-8", "surrogatepass"))


def _bucket(gram: str) -> int:
    return zlib.crc32(gram.encode("utf-8", "surrogatepass")) & (BUCKETS - 1)


def word_grams(folded: str) -> Ints:
    """Bucket numbers of a word, then of its n-grams."""
    padded = f" {folded} "
    found = [_bucket(f"w:{folded}")]
    for size in range(2, min(5, len(padded)) + 1):
        found += [BUCKETS + _bucket(padded[at : at + size]) for at in range(len(padded) - size + 1)]
    return np.array(found, dtype=np.int64)


def letters_of(folded: str) -> Sparse:
    """The n-grams of a word's letters as a row of length one: equal words have the product 1."""
    places, counts = np.unique(word_grams(folded)[1:] - BUCKETS, return_counts=True)
    values = counts.astype(np.float32)
    return Sparse(places, values / np.float32(np.sqrt(values @ values)))
