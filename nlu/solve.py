"""Multinomial logistic regression by L-BFGS, in plain numpy.

Liu & Nocedal (1989), On the limited memory BFGS method; two-loop recursion with a backtracking
(Armijo) line search. Deterministic: same data, same weights.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nlu.arrays import Floats, Ints

_MEMORY = 10
_LEAST_STEP = 1e-6
_ROUNDS = 100
_Objective = Callable[[Floats], tuple[float, Floats]]


class Linear(NamedTuple):
    """Weights of a linear layer: shape (d, c), and a bias of shape (c,)."""

    weights: Floats
    bias: Floats

    def scores(self, rows: Floats) -> Floats:
        """Shape (n, d) -> (n, c)."""
        return rows @ self.weights + self.bias


class _Step(NamedTuple):
    move: Floats
    change: Floats
    rate: float


def _direction(gradient: Floats, steps: deque[_Step]) -> Floats:
    q = gradient.copy()
    used: list[float] = []
    for step in reversed(steps):
        a = step.rate * float(np.vdot(step.move, q))
        used.append(a)
        q -= a * step.change
    if steps:
        last = steps[-1]
        q *= 1 / (last.rate * float(np.vdot(last.change, last.change)))
    else:
        q /= max(float(np.linalg.norm(q)), 1e-9)
    for step, a in zip(steps, reversed(used), strict=True):
        q += (a - step.rate * float(np.vdot(step.change, q))) * step.move
    return -q


def minimise(objective: _Objective, start: Floats, *, rounds: int, tolerance: float) -> Floats:
    """The point where the objective is smallest; stops when a round gains less than tolerance."""
    at = start
    value, gradient = objective(at)
    steps: deque[_Step] = deque(maxlen=_MEMORY)
    for _ in range(rounds):
        direction = _direction(gradient, steps)
        slope = float(np.vdot(gradient, direction))
        length = 1.0
        tried, tried_gradient = objective(at + direction)
        while tried > value + 1e-4 * length * slope and length > _LEAST_STEP:
            length /= 2
            tried, tried_gradient = objective(at + length * direction)
        move, change = length * direction, tried_gradient - gradient
        curve = float(np.vdot(move, change))
        if curve > 0:
            steps.append(_Step(move, change, 1 / curve))
        gained = value - tried
        at, value, gradient = at + move, tried, tried_gradient
        if gained < tolerance * max(abs(value), 1.0):
            break
    return at


def fit_logistic(
    rows: Floats, labels: Ints, *, classes: int, strength: float, start: Linear | None = None
) -> Linear:
    """The layer that best tells the classes apart.

    Minimises strength * (summed cross-entropy) + half the squared weights; the bias is free.
    `start` is a layer near the best one, for instance one fitted to most of the rows.
    """
    n, dim = rows.shape
    at_label = np.arange(n)

    def objective(packed: Floats) -> tuple[float, Floats]:
        scores = rows @ packed[:-1] + packed[-1]
        scores -= scores.max(axis=1, keepdims=True)
        own = scores[at_label, labels].sum()
        np.exp(scores, out=scores)
        total = scores.sum(axis=1, keepdims=True)
        loss = float(np.log(total).sum() - own)
        scores /= total
        scores[at_label, labels] -= 1
        gradient = np.empty_like(packed)
        gradient[:-1] = strength * (rows.T @ scores) + packed[:-1]
        gradient[-1] = strength * scores.sum(axis=0)
        return strength * loss + 0.5 * float(np.vdot(packed[:-1], packed[:-1])), gradient

    if start is None:
        first = np.zeros((dim + 1, classes), dtype=np.float32)
    else:
        first = np.concatenate([start.weights, start.bias[None]])
    best = minimise(objective, first, rounds=_ROUNDS, tolerance=1e-4)
    return Linear(best[:-1], best[-1])
