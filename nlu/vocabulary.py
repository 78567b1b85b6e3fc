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
_INTS = ("keys", "spellings", "starts", "rows", "near_starts", "near_rows")
_FLOATS = ("values", "units", "lengths", "rarity", "near_values")


class Vocabulary(NamedTuple):
    """The terms: rising keys (v,), letters, vectors of length one (v, d), their lengths, rarity.

    `spellings` (v,) tell terms of one key apart; `nearest` has for each term those that it is
    near, found once in training: most words of a message are words of training.
    """

    keys: Ints
    spellings: Ints
    letters: Postings
    units: Floats
    lengths: Floats
    rarity: Floats
    nearest: Postings

    def near(
        self, term: Term, grams: Ints, vector: Floats, *, known: bool
    ) -> tuple[Floats, Sparse]:
        """A word's vector, mended where it is not known, and the terms that the word is near."""
        at = self._place(term)
        if at is not None:
            own = slice(self.nearest.starts[at], self.nearest.starts[at + 1])
            return vector, Sparse(self.nearest.rows[own], self.nearest.values[own])
        return self.compared(term, grams, vector, known=known)

    def compared(
        self, term: Term, grams: Ints, vector: Floats, *, known: bool
    ) -> tuple[Floats, Sparse]:
        """The same by comparison with every term."""
        likeness = self.letters.similar(letters_of(grams), size=len(self.keys))
        if not known and self._is_slip(term, likeness):
            alike = int(likeness.argmax())
            vector = self.units[alike] * self.lengths[alike]
        meant = self.units @ vector
        meant /= np.float32(max(float(np.sqrt(vector @ vector)), 1e-6))
        np.maximum(likeness, meant, out=likeness)
        return vector, self._nearest_of(likeness)

    def _place(self, term: Term) -> int | None:
        """Where the very term stands, if it is one of them."""
        first = int(self.keys.searchsorted(term.key))
        for at in range(first, len(self.keys)):
            if int(self.keys[at]) != term.key:
                break
            if int(self.spellings[at]) == term.spelling:
                return at
        return None

    def save(self, path: Path) -> None:
        """Write the arrays in half precision."""
        np.savez_compressed(
            path,
            allow_pickle=False,
            keys=self.keys,
            spellings=self.spellings,
            starts=self.letters.starts.astype(np.int32),
            rows=self.letters.rows.astype(np.int32),
            values=self.letters.values.astype(np.float16),
            units=self.units.astype(np.float16),
            lengths=self.lengths.astype(np.float16),
            rarity=self.rarity.astype(np.float16),
            near_starts=self.nearest.starts.astype(np.int32),
            near_rows=self.nearest.rows.astype(np.int16),
            near_values=self.nearest.values.astype(np.float16),
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

    def _nearest_of(self, likeness: Floats) -> Sparse:
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
        ints = {name: arrays[name].astype(np.int64) for name in _INTS}
        floats = {name: arrays[name].astype(np.float32) for name in _FLOATS}
    letters = Postings(ints["starts"], ints["rows"], floats["values"])
    nearest = Postings(ints["near_starts"], ints["near_rows"], floats["near_values"])
    return Vocabulary(
        keys=ints["keys"],
        spellings=ints["spellings"],
        letters=letters,
        units=floats["units"],
        lengths=floats["lengths"],
        rarity=floats["rarity"],
        nearest=nearest,
    )


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
    grams = [word_grams(term.folded) for term in kept]
    letters = postings([letters_of(own) for own in grams], width=BUCKETS)
    alone = [owners[term] if counts[term] == 1 else -1 for term in kept]
    vocabulary = Vocabulary(
        keys=np.array([term.key for term in kept], dtype=np.int64),
        spellings=np.array([term.spelling for term in kept], dtype=np.int64),
        letters=letters._replace(values=_rounded(letters.values)),
        units=_rounded(vectors / lengths[:, None]),
        lengths=_rounded(lengths),
        rarity=_rounded(np.log(np.float32(1 + size) / (1 + seen)) + _COMMONEST),
        nearest=Postings(np.zeros(1, np.int64), *NOTHING),
    )
    near = [
        vocabulary.compared(term, own, vector, known=True)[1]
        for term, own, vector in zip(kept, grams, vectors, strict=True)
    ]
    nearest = Postings(
        starts=np.cumsum([0, *(len(row.places) for row in near)]).astype(np.int64),
        rows=np.concatenate([row.places for row in near]),
        values=_rounded(np.concatenate([row.values for row in near])),
    )
    return vocabulary._replace(nearest=nearest), np.array(alone, dtype=np.int64)


def _rounded(array: NDArray[np.floating]) -> Floats:
    return array.astype(np.float16).astype(np.float32)
