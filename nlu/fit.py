"""Training of the heads, and their calibration on examples held out of training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nlu.arrays import Floats, Ints
from nlu.calibrate import Calibration, calibrate, least_loss
from nlu.heads import Heads, Meaning, Mix, rare, rounded, unit
from nlu.rows import Sparse, dense, postings
from nlu.solve import Linear, fit_logistic
from nlu.terms import WIDTH
from nlu.words import Features, inverse_frequencies, weigh

_STRENGTH = 30.0
_GRAM_STRENGTH_OF_MANY = 10.0
# Mixes to choose from, by their log loss on held-out examples.
_MIXES = tuple(Mix(grams, near) for grams in (0.0, 0.5, 1.0) for near in (4.0, 8.0))
_MIXES_WITHOUT = tuple(Mix(2.0, near) for near in (2.0, 4.0))
_FOLDS = 5
# Above this many examples one held-out fifth calibrates as well as five rounds do.
_ONE_ROUND_FROM = 3_000
_MOST_AXES = 2_048


class Fitted(NamedTuple):
    """The heads with how to read them: by words and vectors, and by words alone."""

    heads: Heads
    full: Calibration
    lexical: Calibration


class _Compact(NamedTuple):
    """Rows (n, width) in fewer dimensions; `back` leads to the width again, None if they are it."""

    rows: Floats
    back: Floats | None

    def spread(self, layer: Linear) -> Linear:
        """A layer fitted to the rows as a layer over the full width."""
        return layer if self.back is None else Linear(self.back @ layer.weights, layer.bias)


class _Sense(NamedTuple):
    """What vectors tell: of sentences the centre and the centred rows (n, d), and near words.

    `near` are the weights of near words (n, v), `terms` the same in fewer dimensions, `owners` the
    only text with a word, or -1.
    """

    centre: Floats
    rows: Floats
    near: Floats
    terms: _Compact
    owners: Ints

    def held_out(self, texts: Ints) -> Floats:
        """The near words of texts as if words that only one text has were not known."""
        near = self.near[texts]
        near[self.owners == texts[:, None]] = 0
        near /= np.maximum(np.sqrt(np.einsum("nv,nv->n", near, near)), 1e-6)[:, None]
        return near if self.terms.back is None else near @ self.terms.back


class _Data(NamedTuple):
    """Everything there is to learn from, examples in the order of their labels.

    `weights` are weighted n-grams, `rare` marks the buckets that count for the nearest
    example, `tilt` is the log of each label's share.
    """

    labels: Ints
    classes: int
    tilt: Floats
    rarity: Floats
    weights: Sequence[Sparse]
    rare: Floats
    grams: _Compact
    sense: _Sense | None


def _compact(rows: Sequence[Sparse], width: int) -> _Compact:
    """The same inner products in fewer dimensions, so that a round of training is cheap.

    A ridge-penalised linear model sees its points through inner products only, so training on
    the eigenvectors of the Gram matrix gives the same weights. Of many rows some span the space
    nearly as well as all: those at even distances, so that every label has its share.
    """
    if width <= _MOST_AXES:
        return _Compact(dense(rows, width=width), None)
    even = np.linspace(0, len(rows) - 1, min(len(rows), _MOST_AXES)).astype(np.int64)
    some = dense([rows[at] for at in even], width=width)
    values, axes = np.linalg.eigh((some @ some.T).astype(np.float64))
    kept = values > 1e-4 * values[-1]
    back = some.T @ (axes[:, kept] / np.sqrt(values[kept])).astype(np.float32)
    short = [row.values @ back.take(row.places, axis=0) for row in rows]
    return _Compact(np.stack(short), back)


def _prepare(texts: Sequence[Features], labels: Ints, owners: Ints) -> _Data:
    rarity = inverse_frequencies(texts)
    weights = [weigh(text, rarity) for text in texts]
    sense = None
    if texts[0].vector is not None:
        raw = np.stack([text.vector for text in texts if text.vector is not None])
        centre = raw.mean(axis=0)
        terms = [text.terms for text in texts]
        near = dense(terms, width=len(owners))
        sense = _Sense(centre, unit(raw, centre), near, _compact(terms, len(owners)), owners)
    counts = np.bincount(labels)
    tilt = np.log(counts / len(labels)).astype(np.float32)
    kept = rare(weights)
    grams = _compact(weights, WIDTH)
    return _Data(labels, len(counts), tilt, rarity, weights, kept, grams, sense)


def _layer(rows: Floats, labels: Ints, classes: int, *, start: Linear | None = None) -> Linear:
    return fit_logistic(rows, labels, classes=classes, strength=_STRENGTH, start=start)


def _gram_layer(rows: Floats, labels: Ints, classes: int, *, start: Linear | None = None) -> Linear:
    strength = _STRENGTH if len(labels) <= _ONE_ROUND_FROM else _GRAM_STRENGTH_OF_MANY
    return fit_logistic(rows, labels, classes=classes, strength=strength, start=start)


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

    tilt: Floats
    labels: Ints
    grams: Floats
    near_grams: Floats
    meaning: Floats
    near: Floats

    def mixed(self, mix: Mix) -> Floats:
        """All views together."""
        words: Floats = np.float32(mix.grams) * self.grams + np.float32(mix.near) * self.near
        return self.meaning + words - self.tilt

    def mixed_without(self, mix: Mix) -> Floats:
        """The views that need no vectors."""
        words: Floats = np.float32(mix.grams) * self.grams + np.float32(mix.near) * self.near_grams
        return words - self.tilt


class _Near(NamedTuple):
    """Layers fitted to most of the examples: those fitted to all are near them."""

    grams: Linear
    terms: Linear | None = None


def _round(data: _Data, train: Ints, test: Ints) -> tuple[_HeldOut, _Near]:
    """The scores of what is held out in one round, and its largest layers."""
    seen, rows = data.labels[train], data.grams.rows
    layer = _gram_layer(rows[train], seen, data.classes)
    shown = postings([data.weights[at] for at in train], width=WIDTH, kept=data.rare)
    similar = np.stack([shown.similar(data.weights[at], size=len(train)) for at in test])
    nearest = _nearest(similar, seen, data.classes)
    by_words = layer.scores(rows[test])
    nothing = np.zeros_like(nearest)
    part = _HeldOut(data.tilt, data.labels[test], by_words, nearest, nothing, nearest)
    if data.sense is not None:
        meant, near = data.sense.rows, data.sense.terms.rows
        by_meaning = _layer(meant[train], seen, data.classes).scores(meant[test])
        by_terms = _layer(near[train], seen, data.classes)
        by_meaning += by_terms.scores(data.sense.held_out(test))
        similar += meant[test] @ meant[train].T
        nearest = _nearest(similar, seen, data.classes)
        part = part._replace(meaning=by_meaning, near=nearest)
        return part, _Near(layer, by_terms)
    return part, _Near(layer)


def _held_out(data: _Data) -> tuple[_HeldOut, _Near]:
    """The scores, and the layers of the last round."""
    rounds = [
        _round(data, np.flatnonzero(~held), np.flatnonzero(held)) for held in _folds(data.labels)
    ]
    columns = zip(*(part[1:] for part, _ in rounds), strict=True)
    return _HeldOut(data.tilt, *map(np.concatenate, columns)), rounds[-1][1]


def _heads(data: _Data, mix: Mix, mix_without: Mix, *, start: _Near) -> Heads:
    labels, classes = data.labels, data.classes
    grams = data.grams.spread(_gram_layer(data.grams.rows, labels, classes, start=start.grams))
    meaning = None
    if data.sense is not None:
        terms = data.sense.terms
        meaning = Meaning(
            data.sense.centre,
            _layer(data.sense.rows, labels, classes),
            data.sense.rows,
            terms.spread(_layer(terms.rows, labels, classes, start=start.terms)),
        )
    heads = Heads(
        rarity=data.rarity,
        grams=grams,
        near=postings(data.weights, width=WIDTH, kept=data.rare),
        first=np.searchsorted(labels, np.arange(classes)).astype(np.int64),
        size=len(labels),
        tilt=data.tilt,
        mix=mix,
        mix_without=mix_without,
        meaning=meaning,
    )
    return rounded(heads)


def fit_heads(
    texts: Sequence[Features],
    labels: Ints,
    *,
    owners: Ints,
    unknown: Sequence[Features],
    reject_rate: float,
) -> Fitted:
    """Train on texts whose labels rise from 0 without gaps; `unknown` only places the threshold.

    `owners` has for each word of the vocabulary the only text with it, or -1.
    """
    data = _prepare(texts, labels, owners)
    held, layers = _held_out(data)
    mix = min(_MIXES, key=lambda mix: least_loss(held.mixed(mix), held.labels))
    without = min(_MIXES_WITHOUT, key=lambda mix: least_loss(held.mixed_without(mix), held.labels))
    heads = _heads(data, mix, without, start=layers)
    nothing = np.zeros((0, data.classes), dtype=np.float32)
    strange = heads.scores(unknown) if unknown else nothing
    plain = heads.without_vectors().scores(unknown) if unknown else nothing
    known, plain_known = held.mixed(mix), held.mixed_without(without)
    return Fitted(
        heads,
        calibrate(known, held.labels, strange, reject_rate=reject_rate),
        calibrate(plain_known, held.labels, plain, reject_rate=reject_rate),
    )
