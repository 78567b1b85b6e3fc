"""The belief over journey stages: a Bayesian filter that may move in any direction."""

from __future__ import annotations

import math
from datetime import timedelta

from bot.model.understanding import StageShare, Understanding
from bot.model.value import Value

_STAY = 0.78
_WEIGHT = 0.7
_HALF_LIFE = timedelta(days=14)
_FLOOR = 1e-4


class Belief(Value):
    """A new belief and what moved it."""

    shares: tuple[StageShare, ...]
    evidence: str


def update(
    belief: tuple[StageShare, ...],
    understanding: Understanding,
    *,
    stages: tuple[str, ...],
    idle: timedelta,
) -> Belief | None:
    """The belief after one message, or None when the message says nothing of the journey.

    b'(s) ~ [sum_r b(r) A(r, s)] * (p(s|message) / pi(s)) ** 0.7, with A staying at 0.78 and moving
    anywhere else with equal chance, mixed towards the uniform prior pi with a half-life of 14 days.
    Shares of stages that are not configured are left out; shares sum to 1.
    """
    if understanding.intent is None or not understanding.stages:
        return None
    read = {share.stage: share.share for share in understanding.stages}
    if not any(read.get(stage) for stage in stages):
        return None
    before = {share.stage: share.share for share in belief}
    prior = 1 / len(stages)
    forget = 1 - math.pow(0.5, max(idle / _HALF_LIFE, 0.0))
    moved = {}
    for stage in stages:
        was = before.get(stage, 0.0) if belief else prior
        carried = was * _STAY + (1 - was) * (1 - _STAY) / max(len(stages) - 1, 1)
        carried = carried * (1 - forget) + prior * forget
        moved[stage] = carried * math.pow(max(read.get(stage, 0.0), _FLOOR) / prior, _WEIGHT)
    total = sum(moved.values())
    shares = tuple(
        StageShare(stage=stage, share=round(moved[stage] / total, 6)) for stage in stages
    )
    evidence = f"{understanding.intent} ({understanding.confidence:.2f})"
    return Belief(shares=shares, evidence=evidence)


def likeliest(belief: tuple[StageShare, ...]) -> str | None:
    """The stage with the largest share, or None when nothing is known."""
    return max(belief, key=lambda share: share.share).stage if belief else None
