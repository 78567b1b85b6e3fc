"""The fused intent model: cheap views of a text, added before the softmax.

scores = logistic(sentence vector) + logistic(near words) + logistic(hashed n-grams)
         + nearest example of each intent - log of its share of the examples.
The last makes intents with many examples no likelier than others: how much was written for an
intent says little about how often customers want it.
A text's energy, the log of the summed exponentials of its scores, says whether it is within what
the model knows; it separates better than the largest probability does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nlu.arrays import Floats, Ints
from nlu.rows import Postings, Sparse
from nlu.solve import Linear
from nlu.terms import WIDTH
from nlu.words import Features, weigh

# Buckets that many examples share say little about which example is near, and cost most.
COMMON = 0.1
# From so many examples on, the nearest one is looked for in the intents that are likeliest by the
# layers: to go through all of them costs more than everything else together.
_MANY, _LIKELY = 4_000, 16


def rare(texts: Sequence[Sparse]) -> Floats:
    """1 for buckets that few of the examples have, 0 for the others; shape (WIDTH,)."""
    seen = np.bincount(np.concatenate([text.places for text in texts]), minlength=WIDTH)
    return (seen <= max(COMMON * len(texts), 2)).astype(np.float32)


class Meaning(NamedTuple):
    """The part of the model that needs vectors.

    Of sentences the centre (d,), a layer (d, c) and the examples (n, d); of near words a layer
    (v, c).
    """

    centre: Floats
    layer: Linear
    examples: Floats
    terms: Linear

    def scores(self, rows: Floats, texts: Sequence[Features]) -> Floats:
        """The scores by meaning, of centred vectors and of near words, shape (n, c)."""
        scores = self.layer.scores(rows)
        for at, text in enumerate(texts):
            near = text.terms
            scores[at] += near.values @ self.terms.weights.take(near.places, axis=0)
        scores += self.terms.bias
        return scores

    def unit(self, vectors: Floats) -> Floats:
        """Vectors moved to the centre and brought to length 1, shape (n, d)."""
        return unit(vectors, self.centre)


def unit(vectors: Floats, centre: Floats) -> Floats:
    """Vectors moved to the centre and brought to length 1, shape (n, d)."""
    moved = vectors - centre
    lengths = np.sqrt(np.einsum("nd,nd->n", moved, moved))[:, None]
    scaled: Floats = moved / np.maximum(lengths, 1e-6)
    return scaled


class Mix(NamedTuple):
    """How much the n-grams count, and the nearest example, beside the vector's layer."""

    grams: float
    near: float


class Heads(NamedTuple):
    """The trained arrays. Examples stand in the order of their intents; `first` says where."""

    rarity: Floats
    grams: Linear
    near: Postings
    first: Ints
    size: int
    tilt: Floats
    mix: Mix
    mix_without: Mix
    meaning: Meaning | None

    def scores(self, texts: Sequence[Features]) -> Floats:
        """The scores of every intent for each text, shape (n, c)."""
        scores = np.empty((len(texts), len(self.first)), dtype=np.float32)
        near = np.empty((len(texts), self.size), dtype=np.float32)
        mix = self.mix if self.meaning is not None else self.mix_without
        for at, text in enumerate(texts):
            weights = weigh(text, self.rarity)
            scores[at] = np.float32(mix.grams) * self._grams(weights) if mix.grams else 0
            near[at] = self.near.similar(weights, size=self.size)
        if self.meaning is not None:
            rows = np.stack([text.vector for text in texts if text.vector is not None])
            rows = self.meaning.unit(rows)
            scores += self.meaning.scores(rows, texts)
            examples = self.meaning.examples
            if self.size > _MANY and scores.shape[1] > _LIKELY:
                scores -= self.tilt
                for at, row in enumerate(rows):
                    nearest = self._likely(scores[at], near[at], row, examples)
                    scores[at] += np.float32(mix.near) * nearest
                return scores
            near += rows @ examples.T
        scores -= self.tilt
        scores += np.float32(mix.near) * np.maximum.reduceat(near, self.first, axis=1)
        return scores

    def _likely(self, scores: Floats, near: Floats, row: Floats, examples: Floats) -> Floats:
        """The nearest example of the likeliest intents; the others are as far as the farthest."""
        some = scores.argpartition(-_LIKELY)[-_LIKELY:]
        starts, ends = self.first.take(some), [*self.first[1:].tolist(), self.size]
        best = [
            float((near[start : ends[at]] + examples[start : ends[at]] @ row).max())
            for at, start in zip(some.tolist(), starts.tolist(), strict=True)
        ]
        nearest = np.full(len(scores), min(best), dtype=np.float32)
        nearest[some] = best
        return nearest

    def _grams(self, weights: Sparse) -> Floats:
        layer: Floats = weights.values @ self.grams.weights.take(weights.places, axis=0)
        return layer + self.grams.bias

    def without_vectors(self) -> Heads:
        """The same model reading by words alone."""
        return self._replace(meaning=None)

    def save(self, path: Path) -> None:
        """Write the arrays in half precision, which also hides differences in the last digits."""
        arrays: dict[str, NDArray[np.generic]] = {
            "rarity": _half(self.rarity),
            "grams": _half(self.grams.weights),
            "grams_bias": _half(self.grams.bias),
            "starts": self.near.starts.astype(np.int32),
            "rows": self.near.rows.astype(np.int32),
            "values": _half(self.near.values),
            "first": self.first.astype(np.int32),
            "size": np.array(self.size, dtype=np.int32),
            "tilt": _half(self.tilt),
            "mix": np.array([*self.mix, *self.mix_without], dtype=np.float32),
        }
        if self.meaning is not None:
            arrays |= {
                "centre": _half(self.meaning.centre),
                "layer": _half(self.meaning.layer.weights),
                "layer_bias": _half(self.meaning.layer.bias),
                "examples": _half(self.meaning.examples),
                "terms": _half(self.meaning.terms.weights),
                "terms_bias": _half(self.meaning.terms.bias),
            }
        np.savez_compressed(path, allow_pickle=False, **arrays)


def _half(array: Floats) -> NDArray[np.float16]:
    return array.astype(np.float16)


def _full(array: Floats) -> Floats:
    return array.astype(np.float16).astype(np.float32)


def _full_layer(layer: Linear) -> Linear:
    return Linear(_full(layer.weights), _full(layer.bias))


def load_heads(path: Path) -> Heads:
    """Read what `Heads.save` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        floats = {name: arrays[name].astype(np.float32) for name in arrays.files}
        ints = {name: arrays[name].astype(np.int64) for name in ("starts", "rows", "first")}
    meaning = None
    if "centre" in floats:
        layer = Linear(floats["layer"], floats["layer_bias"])
        terms = Linear(floats["terms"], floats["terms_bias"])
        meaning = Meaning(floats["centre"], layer, floats["examples"], terms)
    return Heads(
        rarity=floats["rarity"],
        grams=Linear(floats["grams"], floats["grams_bias"]),
        near=Postings(ints["starts"], ints["rows"], floats["values"]),
        first=ints["first"],
        size=int(floats["size"]),
        tilt=floats["tilt"],
        mix=Mix(*floats["mix"][:2].tolist()),
        mix_without=Mix(*floats["mix"][2:].tolist()),
        meaning=meaning,
    )


def rounded(heads: Heads) -> Heads:
    """The heads exactly as they are after saving and loading."""
    meaning = heads.meaning
    if meaning is not None:
        meaning = Meaning(
            _full(meaning.centre),
            _full_layer(meaning.layer),
            _full(meaning.examples),
            _full_layer(meaning.terms),
        )
    return heads._replace(
        rarity=_full(heads.rarity),
        grams=_full_layer(heads.grams),
        tilt=_full(heads.tilt),
        near=heads.near._replace(values=_full(heads.near.values)),
        meaning=meaning,
    )
