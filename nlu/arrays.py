"""The array types that the reader computes with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


def logsumexp(rows: Floats) -> Floats:
    """The log of the summed exponentials of each row, shape (n, c) -> (n,)."""
    top = rows.max(axis=1, keepdims=True)
    summed: Floats = np.log(np.exp(rows - top).sum(axis=1)) + top[:, 0]
    return summed


def softmax(rows: Floats) -> Floats:
    """Each row as probabilities, shape (n, c) -> (n, c)."""
    powers = np.exp(rows - rows.max(axis=1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=1, keepdims=True)
    return shares
