"""The words of the training texts, by which other words are understood.

A misspelt, inflected or simply new word is near some of them, by its letters and by its meaning.
No word is kept, only numbers that tell whether a word is one of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nlu.arrays import Floats, Ints
from nlu.rows import NOTHING, Postings, Sparse, postings
from nlu.terms import BUCKETS, Term, letters_of, word_grams

_MOST_TERMS = 4_096
_MOST_NEAR = 32  # terms that one word is near
_SHARPNESS = 1.5  # how fast likeness fades
_LEAST = 0.05
# A word that the vectors do not know takes the vector of the term that is written like this.
_SPELT_ALIKE = 0.45
_LEAST_LETTERS = 4
_COMMONEST = 0.3  # rarity left to a term that every text has
_FLOATS = ("values", "units", "lengths", "rarity")


class Vocabulary(NamedTuple):
    """The terms: rising keys (v,), letters, vectors of length one (v, d), their lengths, rarity."""

    keys: Ints
    letters: Postings
    units: Floats
    lengths: Floats
    rarity: Floats

    def near(
        self, term: Term, grams: Ints, vector: Floats, *, known: bool
    ) -> tuple[Floats, Sparse]:
        """A word's vector, mended where it is not known, and the terms that the word is near."""
        likeness = self.letters.similar(letters_of(grams), size=len(self.keys))
        if not known and self._is_slip(term, likeness):
            alike = int(likeness.argmax())
            vector = self.units[alike] * self.lengths[alike]
        meant = self.units @ vector
        meant /= np.float32(max(float(np.sqrt(vector @ vector)), 1e-6))
        np.maximum(likeness, meant, out=likeness)
        return vector, self._nearest(likeness)

    def save(self, path: Path) -> None:
        """Write the arrays in half precision."""
        np.savez_compressed(
            path,
            allow_pickle=False,
            keys=self.keys,
            starts=self.letters.starts.astype(np.int32),
            rows=self.letters.rows.astype(np.int32),
            values=self.letters.values.astype(np.float16),
            units=self.units.astype(np.float16),
            lengths=self.lengths.astype(np.float16),
            rarity=self.rarity.astype(np.float16),
        )

    def _is_slip(self, term: Term, likeness: Floats) -> bool:
        return (
            len(term.folded) >= _LEAST_LETTERS
            and term.folded.isalpha()
            and float(likeness.max()) >= _SPELT_ALIKE
            and not self._has(term)
        )

    def _has(self, term: Term) -> bool:
        at = int(self.keys.searchsorted(term.key))
        return at < len(self.keys) and int(self.keys[at]) == term.key

    def _nearest(self, likeness: Floats) -> Sparse:
        places = (likeness >= _LEAST).nonzero()[0]
        if not len(places):
            return NOTHING
        if len(places) > _MOST_NEAR:
            best = likeness.take(places).argpartition(-_MOST_NEAR)[-_MOST_NEAR:]
            places = places.take(best)
            places.sort()
        values = likeness.take(places) ** np.float32(_SHARPNESS) * self.rarity.take(places)
        return Sparse(places, values.astype(np.float32))


def load_vocabulary(path: Path) -> Vocabulary:
    """Read what `Vocabulary.save` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        ints = {name: arrays[name].astype(np.int64) for name in ("keys", "starts", "rows")}
        floats = {name: arrays[name].astype(np.float32) for name in _FLOATS}
    letters = Postings(ints["starts"], ints["rows"], floats["values"])
    return Vocabulary(ints["keys"], letters, floats["units"], floats["lengths"], floats["rarity"])


def learn_vocabulary(
    texts: Iterable[Sequence[Term]], vector_of: Callable[[Term], Floats]
) -> tuple[Vocabulary, Ints]:
    """The vocabulary of texts, each given as its different words, exactly as after saving.

    Also which text is the only one with a term, -1 where several have it, shape (v,).
    """
    counts: Counter[Term] = Counter()
    owners: dict[Term, int] = {}
    size = 0
    for text in texts:
        counts.update(text)
        owners |= dict.fromkeys(text, size)
        size += 1
    common = sorted(counts, key=lambda term: (-counts[term], term))[:_MOST_TERMS]
    kept = sorted(common, key=lambda term: term.key)
    vectors = np.stack([vector_of(term) for term in kept])
    lengths = np.maximum(np.sqrt(np.einsum("vd,vd->v", vectors, vectors)), 1e-6)
    seen = np.array([counts[term] for term in kept], dtype=np.float32)
    letters = postings([letters_of(word_grams(term.folded)) for term in kept], width=BUCKETS)
    alone = [owners[term] if counts[term] == 1 else -1 for term in kept]
    vocabulary = Vocabulary(
        keys=np.array([term.key for term in kept], dtype=np.int64),
        letters=letters._replace(values=_rounded(letters.values)),
        units=_rounded(vectors / lengths[:, None]),
        lengths=_rounded(lengths),
        rarity=_rounded(np.log(np.float32(1 + size) / (1 + seen)) + _COMMONEST),
    )
    return vocabulary, np.array(alone, dtype=np.int64)


def _rounded(array: NDArray[np.floating]) -> Floats:
    return array.astype(np.float16).astype(np.float32)
