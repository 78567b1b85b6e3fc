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

    @property
    def spelling(self) -> int:
        """A number for how it is written: words of one key can be written differently."""
        return zlib.crc32(self.letters.encode("utf-8", "surrogatepass"))


def _bucket(gram: str) -> int:
    return zlib.crc32(gram.encode("utf-8", "surrogatepass")) & (BUCKETS - 1)


def word_grams(folded: str) -> Ints:
    """Bucket numbers of a word, then of its n-grams."""
    padded = f" {folded} "
    found = [_bucket(f"w:{folded}")]
    for size in range(2, min(5, len(padded)) + 1):
        found += [BUCKETS + _bucket(padded[at : at + size]) for at in range(len(padded) - size + 1)]
    return np.array(found, dtype=np.int64)


def letters_of(grams: Ints) -> Sparse:
    """A word's n-grams, as `word_grams` gave them, as a row of length one."""
    counts: dict[int, int] = {}
    for gram in grams[1:].tolist():
        counts[gram - BUCKETS] = counts.get(gram - BUCKETS, 0) + 1
    places = sorted(counts)
    length = sum(count * count for count in counts.values()) ** 0.5
    values = np.array([counts[place] / length for place in places], dtype=np.float32)
    return Sparse(np.array(places, dtype=np.int64), values)
