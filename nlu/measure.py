"""How good a model is on labelled rows, as figures a person can read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bot.model.understanding import Understanding
from bot.model.value import Value
from nlu.calibrate import expected_error
from nlu.data import OUT_OF_SCOPE

_WORST = 10


class IntentScore(Value):
    """One intent: how many rows, how many of them found, how many of the finds right."""

    intent: str
    rows: int
    precision: float
    recall: float
    f1: float
    taken_for: str | None = None


class Latency(Value):
    """Milliseconds a message, read one by one, and messages a second in batches."""

    p50: float
    p99: float
    batched_per_second: float


class Report(Value):
    """Figures of one model on one file.

    `accuracy`, `macro_f1` and `calibration_error` are over the rows within scope, without any
    threshold; `accepted` is the share of them that pass the threshold, `accuracy_accepted` the
    share that pass it and are right. `out_of_scope_recall` and `_auroc` need rows labelled `oos`.
    """

    model: str
    file: str
    vectors: str | None
    rows: int
    in_scope: int
    out_of_scope: int
    accuracy: float
    macro_f1: float
    calibration_error: float
    accepted: float
    accuracy_accepted: float
    out_of_scope_recall: float | None
    out_of_scope_auroc: float | None
    unknown_labels: tuple[str, ...]
    intents: tuple[IntentScore, ...]
    latency: Latency

    def text(self) -> str:
        """The report for a terminal: the figures, and the intents that need work most."""
        lines = [
            f"model {self.model}{'' if self.vectors else ' (reads by words alone)'}, {self.file}",
            f"rows: {self.in_scope} in scope, {self.out_of_scope} out of scope",
            f"accuracy {self.accuracy:.4f}  macro F1 {self.macro_f1:.4f}",
            f"calibration error {self.calibration_error:.4f}",
            f"accepted {self.accepted:.4f}, accepted and right {self.accuracy_accepted:.4f}",
        ]
        if self.out_of_scope_recall is not None and self.out_of_scope_auroc is not None:
            lines.append(
                f"out of scope: recall {self.out_of_scope_recall:.4f}  "
                f"AUROC {self.out_of_scope_auroc:.4f}"
            )
        lines.append(
            f"p50 {self.latency.p50:.3f} ms  p99 {self.latency.p99:.3f} ms  "
            f"{self.latency.batched_per_second:.0f} messages/s in batches"
        )
        if self.unknown_labels:
            lines.append(f"labels the model does not know: {', '.join(self.unknown_labels)}")
        worst = sorted(self.intents, key=lambda score: (score.f1, score.intent))[:_WORST]
        width = max((len(score.intent) for score in worst), default=0)
        for score in worst:
            often = f"  taken for {score.taken_for}" if score.taken_for else ""
            lines.append(f"  {score.intent:<{width}}  F1 {score.f1:.3f}  of {score.rows}{often}")
        return "\n".join(lines)


class Judged(Value):
    """A row's label and what the model read."""

    label: str
    read: Understanding

    @property
    def best(self) -> str | None:
        """The likeliest intent, threshold or not."""
        return self.read.guesses[0].intent if self.read.guesses else None


def auroc(known: Sequence[float], unknown: Sequence[float]) -> float:
    """The chance that a known text has more scope than an unknown one; ties count half."""
    both = np.array([*known, *unknown], dtype=np.float64)
    _, place, counts = np.unique(both, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    above = ranks[: len(known)].sum() - len(known) * (len(known) + 1) / 2
    return float(above / (len(known) * len(unknown)))


def intent_scores(judged: Sequence[Judged]) -> tuple[IntentScore, ...]:
    """A line for each label, sorted by name."""
    rows = Counter(row.label for row in judged)
    found = Counter(row.best for row in judged)
    right = Counter(row.label for row in judged if row.best == row.label)
    scores = []
    for label in sorted(rows):
        wrong = Counter(
            row.best for row in judged if row.label == label and row.best not in {label, None}
        )
        precision = right[label] / found[label] if found[label] else 0.0
        recall = right[label] / rows[label]
        both = precision + recall
        scores.append(
            IntentScore(
                intent=label,
                rows=rows[label],
                precision=round(precision, 4),
                recall=round(recall, 4),
                f1=round(2 * precision * recall / both if both else 0.0, 4),
                taken_for=wrong.most_common(1)[0][0] if wrong else None,
            )
        )
    return tuple(scores)


class Figures(Value):
    """The figures that do not depend on time."""

    accuracy: float
    macro_f1: float
    calibration_error: float
    accepted: float
    accuracy_accepted: float
    out_of_scope_recall: float | None
    out_of_scope_auroc: float | None
    intents: tuple[IntentScore, ...]


def figures(judged: Sequence[Judged]) -> Figures:
    """Compute the figures of a report; there must be rows within scope."""
    inside = [row for row in judged if row.label != OUT_OF_SCOPE]
    outside = [row for row in judged if row.label == OUT_OF_SCOPE]
    right = np.array([row.best == row.label for row in inside])
    passed = np.array([row.read.in_scope for row in inside])
    sure = np.array([row.read.confidence for row in inside], dtype=np.float32)
    intents = intent_scores(inside)
    recall = area = None
    if outside:
        recall = round(_share(np.array([not row.read.in_scope for row in outside])), 4)
        scopes = [row.read.scope for row in inside], [row.read.scope for row in outside]
        area = round(auroc(*scopes), 4)
    return Figures(
        accuracy=round(_share(right), 4),
        macro_f1=round(sum(score.f1 for score in intents) / len(intents), 4),
        calibration_error=round(expected_error(sure, right.astype(np.int64)), 4),
        accepted=round(_share(passed), 4),
        accuracy_accepted=round(_share(right & passed), 4),
        out_of_scope_recall=recall,
        out_of_scope_auroc=area,
        intents=intents,
    )


def _share(flags: NDArray[np.bool_]) -> float:
    return float(flags.mean())
