"""Training of the heads, and their calibration on examples held out of training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nlu.arrays import Floats, Ints
from nlu.calibrate import Calibration, calibrate, least_loss
from nlu.heads import Heads, Meaning, Mix, postings, rare, rounded, unit
from nlu.solve import Linear, fit_logistic
from nlu.words import WIDTH, Features, Weights, dense, inverse_frequencies, weigh

_VECTOR_STRENGTH = 30.0
_GRAM_STRENGTH = 30.0
_GRAM_STRENGTH_OF_MANY = 10.0
# Mixes to choose from, by their log loss on held-out examples.
_MIXES = tuple(Mix(grams, near) for grams in (1.0, 1.5, 2.0) for near in (2.0, 4.0, 8.0, 16.0))
_MIXES_WITHOUT = tuple(Mix(2.0, near) for near in (2.0, 4.0))
_FOLDS = 5
# Above this many examples one held-out fifth calibrates as well as five rounds do.
_ONE_ROUND_FROM = 3_000


class Fitted(NamedTuple):
    """The heads with how to read them: by words and vectors, and by words alone."""

    heads: Heads
    full: Calibration
    lexical: Calibration


class _Data(NamedTuple):
    """Everything there is to learn from, examples in the order of their labels.

    `grams` (n, WIDTH) are weighted n-grams, `compact` the same points in at most n dimensions,
    `back` leads from there to buckets again (None where compact is grams itself). `rare` marks
    the buckets that count for the nearest example.
    """

    labels: Ints
    classes: int
    rarity: Floats
    weights: Sequence[Weights]
    rare: Floats
    grams: Floats
    compact: Floats
    back: Floats | None
    vectors: Floats | None
    centre: Floats | None


def _compact(grams: Floats) -> tuple[Floats, Floats | None]:
    """The same inner products in fewer dimensions, so that a round of training is cheap.

    A ridge-penalised linear model sees its points through inner products only, so training on
    the eigenvectors of the Gram matrix gives the same weights.
    """
    if len(grams) >= WIDTH // 2:
        return grams, None
    values, axes = np.linalg.eigh((grams @ grams.T).astype(np.float64))
    kept = values > 1e-5 * values[-1]
    back = grams.T @ (axes[:, kept] / np.sqrt(values[kept])).astype(np.float32)
    return grams @ back, back


def _prepare(texts: Sequence[Features], labels: Ints, *, classes: int) -> _Data:
    rarity = inverse_frequencies(texts)
    weights = [weigh(text, rarity) for text in texts]
    grams = dense(weights)
    compact, back = _compact(grams)
    vectors = centre = None
    if texts[0].vector is not None:
        raw = np.stack([text.vector for text in texts if text.vector is not None])
        centre = raw.mean(axis=0)
        vectors = unit(raw, centre)
    kept = rare(weights)
    return _Data(labels, classes, rarity, weights, kept, grams, compact, back, vectors, centre)


def _gram_layer(
    compact: Floats, labels: Ints, classes: int, *, start: Linear | None = None
) -> Linear:
    strength = _GRAM_STRENGTH if len(labels) <= _ONE_ROUND_FROM else _GRAM_STRENGTH_OF_MANY
    return fit_logistic(compact, labels, classes=classes, strength=strength, start=start)


def _vector_layer(vectors: Floats, labels: Ints, classes: int) -> Linear:
    return fit_logistic(vectors, labels, classes=classes, strength=_VECTOR_STRENGTH)


def _folds(labels: Ints) -> Iterator[NDArray[np.bool_]]:
    """Masks of what is held out; every label is spread over the folds."""
    order = np.random.default_rng(0).permutation(len(labels))
    fold = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        own = order[labels[order] == label]
        fold[own] = (np.arange(len(own)) + label) % _FOLDS
    rounds = 1 if len(labels) > _ONE_ROUND_FROM else _FOLDS
    for number in range(rounds):
        yield fold == number


def _nearest(similar: Floats, labels: Ints, classes: int) -> Floats:
    """The best similarity for each class; classes without example get the least there is."""
    best = np.full((len(similar), classes), float(similar.min()), dtype=np.float32)
    for label in np.unique(labels):
        best[:, label] = similar[:, labels == label].max(axis=1)
    return best


class _HeldOut(NamedTuple):
    """Scores of examples by models that did not learn from them, view by view; (n, c) each."""

    labels: Ints
    grams: Floats
    near_grams: Floats
    meaning: Floats
    near: Floats

    def mixed(self, mix: Mix) -> Floats:
        """All views together."""
        words: Floats = np.float32(mix.grams) * self.grams + np.float32(mix.near) * self.near
        return self.meaning + words

    def mixed_without(self, mix: Mix) -> Floats:
        """The views that need no vectors."""
        words: Floats = np.float32(mix.grams) * self.grams + np.float32(mix.near) * self.near_grams
        return words


def _held_out(data: _Data) -> tuple[_HeldOut, Linear]:
    """The scores, and the last n-gram layer: the final one is near it."""
    parts: list[_HeldOut] = []
    width = data.compact.shape[1], data.classes
    layer = Linear(np.zeros(width, np.float32), np.zeros(data.classes, np.float32))
    for held in _folds(data.labels):
        train, test = np.flatnonzero(~held), np.flatnonzero(held)
        seen, rows = data.labels[train], data.compact[train]
        layer = _gram_layer(rows, seen, data.classes)
        shown = rows if data.back is None else data.grams[train]
        shared: Floats = data.grams[test] * data.rare
        similar: Floats = shared @ shown.T
        nearest = _nearest(similar, seen, data.classes)
        by_words = layer.scores(data.compact[test])
        part = _HeldOut(data.labels[test], by_words, nearest, np.zeros_like(nearest), nearest)
        if data.vectors is not None:
            near, far = data.vectors[train], data.vectors[test]
            by_meaning = _vector_layer(near, seen, data.classes).scores(far)
            similar += far @ near.T
            nearest = _nearest(similar, seen, data.classes)
            part = part._replace(meaning=by_meaning, near=nearest)
        parts.append(part)
    whole = _HeldOut(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    return whole, layer


def _heads(data: _Data, mix: Mix, mix_without: Mix, *, start: Linear) -> Heads:
    grams = _gram_layer(data.compact, data.labels, data.classes, start=start)
    if data.back is not None:
        grams = Linear(data.back @ grams.weights, grams.bias)
    meaning = None
    if data.vectors is not None and data.centre is not None:
        layer = _vector_layer(data.vectors, data.labels, data.classes)
        meaning = Meaning(data.centre, layer, data.vectors)
    first = np.searchsorted(data.labels, np.arange(data.classes)).astype(np.int64)
    near = postings(data.weights, data.rare)
    size = len(data.labels)
    heads = Heads(data.rarity, grams, near, first, size, mix, mix_without, meaning)
    return rounded(heads)


def fit_heads(
    texts: Sequence[Features],
    labels: Ints,
    *,
    unknown: Sequence[Features],
    reject_rate: float,
) -> Fitted:
    """Train on texts whose labels rise from 0 without gaps; `unknown` only places the threshold."""
    data = _prepare(texts, labels, classes=int(labels[-1]) + 1)
    held, layer = _held_out(data)
    mix = min(_MIXES, key=lambda mix: least_loss(held.mixed(mix), held.labels))
    without = min(_MIXES_WITHOUT, key=lambda mix: least_loss(held.mixed_without(mix), held.labels))
    heads = _heads(data, mix, without, start=layer)
    nothing = np.zeros((0, data.classes), dtype=np.float32)
    strange = heads.scores(unknown) if unknown else nothing
    plain = heads.without_vectors().scores(unknown) if unknown else nothing
    known, plain_known = held.mixed(mix), held.mixed_without(without)
    return Fitted(
        heads,
        calibrate(known, held.labels, strange, reject_rate=reject_rate),
        calibrate(plain_known, held.labels, plain, reject_rate=reject_rate),
    )
