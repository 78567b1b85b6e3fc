"""Sparse rows: texts and words as places with values, and an index of many of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nlu.arrays import Floats, Ints


class Sparse(NamedTuple):
    """One row: rising places and their values."""

    places: Ints
    values: Floats


NOTHING = Sparse(np.zeros(0, np.int64), np.zeros(0, np.float32))


class Postings(NamedTuple):
    """For each place, the rows that have it: a transposed sparse matrix.

    `starts` has one more than there are places: offsets into `rows` and `values`.
    """

    starts: Ints
    rows: Ints
    values: Floats

    def similar(self, row: Sparse, *, size: int) -> Floats:
        """The products of a row with every row of the index, shape (size,)."""
        first = self.starts.take(row.places)
        sizes = self.starts.take(row.places + 1) - first
        total = int(sizes.sum())
        if total == 0:
            return np.zeros(size, dtype=np.float32)
        ends = sizes.cumsum()
        at = np.arange(total) + (first - ends + sizes).repeat(sizes)
        products = self.values.take(at) * row.values.repeat(sizes)
        summed = np.bincount(self.rows.take(at), weights=products, minlength=size)
        return summed.astype(np.float32)


def postings(rows: Sequence[Sparse], *, width: int, kept: Floats | None = None) -> Postings:
    """Index rows by place, leaving out places that are not kept, shape (width,)."""
    places = np.concatenate([row.places for row in rows])
    values = np.concatenate([row.values for row in rows])
    numbers = np.repeat(np.arange(len(rows)), [len(row.places) for row in rows])
    chosen = np.arange(len(places)) if kept is None else np.flatnonzero(kept[places])
    order = chosen[np.argsort(places[chosen], kind="stable")]
    starts = np.zeros(width + 1, dtype=np.int64)
    np.cumsum(np.bincount(places[order], minlength=width), out=starts[1:])
    return Postings(starts, numbers[order], values[order])


def dense(rows: Sequence[Sparse], *, width: int) -> Floats:
    """The rows as a matrix, shape (n, width); for training only, it is large."""
    matrix = np.zeros((len(rows), width), dtype=np.float32)
    for number, row in enumerate(rows):
        matrix[number, row.places] = row.values
    return matrix


def last_of_each(rising: Ints) -> Ints:
    """Where each run of equal numbers ends."""
    last = np.empty(len(rising), dtype=np.bool_)
    last[-1] = True
    np.not_equal(rising[1:], rising[:-1], out=last[:-1])
    return last.nonzero()[0]
