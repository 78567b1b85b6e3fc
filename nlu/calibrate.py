"""From scores to honest probabilities, and the line between what is known and what is not."""

from __future__ import annotations

import numpy as np

from bot.model.value import Value
from nlu.arrays import Floats, Ints, logsumexp, softmax

_LEAST_REJECTED, _STEP = 0.01, 0.0025
_NO_SCORE = -1e9


class Calibration(Value):
    """How to read the scores: probabilities are softmax(scores / temperature).

    `threshold` is the energy below which a text is out of scope, `spread` the standard deviation
    of the energies of texts within scope. `accuracy` and `error` (expected calibration error, 10
    bins) were measured on texts held out of training; `known_kept` and `unknown_rejected` are the
    shares of texts within scope that pass the threshold, and of out-of-scope examples that do not
    (None without such examples).
    """

    temperature: float
    threshold: float
    spread: float
    accuracy: float
    error: float
    known_kept: float
    unknown_rejected: float | None = None

    def scope(self, scores: Floats) -> Floats:
        """How much within scope each text is, 0..1, one half at the threshold; shape (n,)."""
        distance = (logsumexp(scores) - self.threshold) / self.spread
        share: Floats = 1 / (1 + np.exp(-np.clip(2 * distance, -30, 30)))
        return share

    def probabilities(self, scores: Floats) -> Floats:
        """Calibrated probabilities of the intents, shape (n, c)."""
        return softmax(scores / np.float32(self.temperature))


def expected_error(confidences: Floats, right: Ints, *, bins: int = 10) -> float:
    """The mean distance between confidence and accuracy over equal bins of confidence (ECE)."""
    if not len(confidences):
        return 0.0
    bin_of = np.minimum((confidences * bins).astype(np.int64), bins - 1)
    total = 0.0
    for number in range(bins):
        chosen = bin_of == number
        if chosen.any():
            gap = float(confidences[chosen].mean()) - float(right[chosen].mean())
            total += abs(gap) * float(chosen.mean())
    return total


def _loss(scores: Floats, labels: Ints, temperature: float) -> float:
    scaled = scores / np.float32(temperature)
    own = scaled[np.arange(len(labels)), labels]
    return float((logsumexp(scaled) - own).mean())


def _temperature(scores: Floats, labels: Ints) -> float:
    """Golden-section search on the log of the temperature for the least log loss."""
    low, high, ratio = np.log(0.2), np.log(5.0), (5**0.5 - 1) / 2
    for _ in range(16):
        one, other = high - ratio * (high - low), low + ratio * (high - low)
        if _loss(scores, labels, float(np.exp(one))) < _loss(scores, labels, float(np.exp(other))):
            high = other
        else:
            low = one
    return float(np.exp((low + high) / 2))


def least_loss(scores: Floats, labels: Ints) -> float:
    """The mean log loss at the best temperature."""
    return _loss(scores, labels, _temperature(scores, labels))


def _without_own(scores: Floats, labels: Ints) -> Floats:
    """The scores of texts as if nobody had thought of the intent that each is of."""
    strange = scores.copy()
    strange[np.arange(len(labels)), labels] = _NO_SCORE
    return strange


def _threshold(known: Floats, unknown: Floats, *, most: float) -> float:
    """Where most known texts pass and most unknown ones do not (Youden's index).

    At the most a share `most` of the known ones does not pass.
    """
    rates = np.arange(min(_LEAST_REJECTED, most), most + _STEP / 2, _STEP)
    lines = np.quantile(known, rates)
    gains = [(unknown < line).mean() - rate for line, rate in zip(lines, rates, strict=True)]
    return float(lines[int(np.argmax(gains))])


def calibrate(scores: Floats, labels: Ints, unknown: Floats, *, reject_rate: float) -> Calibration:
    """Fit to the scores of held-out texts, shape (n, c), and of out-of-scope ones, (m, c).

    Without those, the held-out texts stand for them, each without its own intent.
    """
    temperature = _temperature(scores, labels)
    energies = logsumexp(scores)
    strange = logsumexp(unknown if len(unknown) else _without_own(scores, labels))
    threshold = _threshold(energies, strange, most=reject_rate)
    confidences = softmax(scores / np.float32(temperature)).max(axis=1)
    right = (scores.argmax(axis=1) == labels).astype(np.int64)
    return Calibration(
        temperature=round(temperature, 4),
        threshold=round(threshold, 3),
        spread=round(max(float(energies.std()), 0.1), 3),
        accuracy=round(float(right.mean()), 4),
        error=round(expected_error(confidences, right), 4),
        known_kept=round(float((energies >= threshold).mean()), 4),
        unknown_rejected=round(float((strange < threshold).mean()), 4) if len(unknown) else None,
    )
