"""The fused intent model: three cheap views of a text, added before the softmax.

scores = logistic(sentence vector) + logistic(hashed n-grams) + nearest example of each intent.
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
from nlu.solve import Linear
from nlu.words import WIDTH, Features, Weights, weigh

# Buckets that many examples share say little about which example is near, and cost most.
COMMON = 0.1


class Postings(NamedTuple):
    """For each bucket, the examples that have it: a transposed sparse matrix without common rows.

    `starts` has WIDTH + 1 offsets into `rows` and `values`.
    """

    starts: Ints
    rows: Ints
    values: Floats

    def similar(self, weights: Weights, *, examples: int) -> Floats:
        """The products of a text with every example, shape (examples,)."""
        first = self.starts.take(weights.buckets)
        sizes = self.starts.take(weights.buckets + 1) - first
        total = int(sizes.sum())
        if total == 0:
            return np.zeros(examples, dtype=np.float32)
        ends = sizes.cumsum()
        at = np.arange(total) + (first - ends + sizes).repeat(sizes)
        products = self.values.take(at) * weights.values.repeat(sizes)
        summed = np.bincount(self.rows.take(at), weights=products, minlength=examples)
        return summed.astype(np.float32)


def postings(texts: Sequence[Weights], kept: Floats) -> Postings:
    """Index the examples by bucket, leaving out buckets that are not kept, shape (WIDTH,)."""
    buckets = np.concatenate([text.buckets for text in texts])
    values = np.concatenate([text.values for text in texts])
    rows = np.repeat(np.arange(len(texts)), [len(text.buckets) for text in texts])
    chosen = np.flatnonzero(kept[buckets])
    order = chosen[np.argsort(buckets[chosen], kind="stable")]
    starts = np.zeros(WIDTH + 1, dtype=np.int64)
    np.cumsum(np.bincount(buckets[order], minlength=WIDTH), out=starts[1:])
    return Postings(starts, rows[order], values[order])


def rare(texts: Sequence[Weights]) -> Floats:
    """1 for buckets that few of the examples have, 0 for the others; shape (WIDTH,)."""
    seen = np.bincount(np.concatenate([text.buckets for text in texts]), minlength=WIDTH)
    return (seen <= max(COMMON * len(texts), 2)).astype(np.float32)


class Meaning(NamedTuple):
    """The part of the model that needs vectors: centre (d,), layer (d, c), examples (n, d)."""

    centre: Floats
    layer: Linear
    examples: Floats

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
    mix: Mix
    mix_without: Mix
    meaning: Meaning | None

    def scores(self, texts: Sequence[Features]) -> Floats:
        """The scores of every intent for each text, shape (n, c)."""
        scores = np.empty((len(texts), len(self.first)), dtype=np.float32)
        near = np.empty((len(texts), self.size), dtype=np.float32)
        for at, text in enumerate(texts):
            weights = weigh(text, self.rarity)
            scores[at] = self._grams(weights)
            near[at] = self.near.similar(weights, examples=self.size)
        mix = self.mix_without
        if self.meaning is not None:
            mix = self.mix
            rows = np.stack([text.vector for text in texts if text.vector is not None])
            rows = self.meaning.unit(rows)
            scores *= np.float32(mix.grams)
            scores += self.meaning.layer.scores(rows)
            near += rows @ self.meaning.examples.T
        else:
            scores *= np.float32(mix.grams)
        scores += np.float32(mix.near) * np.maximum.reduceat(near, self.first, axis=1)
        return scores

    def _grams(self, weights: Weights) -> Floats:
        layer: Floats = weights.values @ self.grams.weights.take(weights.buckets, axis=0)
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
            "mix": np.array([*self.mix, *self.mix_without], dtype=np.float32),
        }
        if self.meaning is not None:
            arrays |= {
                "centre": _half(self.meaning.centre),
                "layer": _half(self.meaning.layer.weights),
                "layer_bias": _half(self.meaning.layer.bias),
                "examples": _half(self.meaning.examples),
            }
        np.savez_compressed(path, allow_pickle=False, **arrays)


def _half(array: Floats) -> NDArray[np.float16]:
    return array.astype(np.float16)


def _full(array: Floats) -> Floats:
    return array.astype(np.float16).astype(np.float32)


def load_heads(path: Path) -> Heads:
    """Read what `Heads.save` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        floats = {name: arrays[name].astype(np.float32) for name in arrays.files}
        ints = {name: arrays[name].astype(np.int64) for name in ("starts", "rows", "first")}
    meaning = None
    if "centre" in floats:
        layer = Linear(floats["layer"], floats["layer_bias"])
        meaning = Meaning(floats["centre"], layer, floats["examples"])
    return Heads(
        rarity=floats["rarity"],
        grams=Linear(floats["grams"], floats["grams_bias"]),
        near=Postings(ints["starts"], ints["rows"], floats["values"]),
        first=ints["first"],
        size=int(floats["size"]),
        mix=Mix(*floats["mix"][:2].tolist()),
        mix_without=Mix(*floats["mix"][2:].tolist()),
        meaning=meaning,
    )


def rounded(heads: Heads) -> Heads:
    """The heads exactly as they are after saving and loading."""
    meaning = heads.meaning
    if meaning is not None:
        layer = Linear(_full(meaning.layer.weights), _full(meaning.layer.bias))
        meaning = Meaning(_full(meaning.centre), layer, _full(meaning.examples))
    return heads._replace(
        rarity=_full(heads.rarity),
        grams=Linear(_full(heads.grams.weights), _full(heads.grams.bias)),
        near=heads.near._replace(values=_full(heads.near.values)),
        meaning=meaning,
    )
