"""What moves the belief over journey stages: kept with every move, so that it can be explained."""

from __future__ import annotations

from typing import Literal

from bot.model.ids import FactId, IdentityId
from bot.model.value import AwareDatetime, Value


class StageRatio(Value):
    """How many times likelier a sign is in this stage than in general."""

    stage: str
    ratio: float


class Evidence(Value):
    """One sign of where somebody stands: a message, pages that were seen, or another fact.

    `what` is the intent, the kind of page or the kind of fact; a stage that `ratios` does not name
    has 1. A ratio counts to the power of `weight`. `identity` is where it was seen.
    """

    kind: Literal["message", "page", "fact"]
    what: str
    at: AwareDatetime
    identity: IdentityId
    fact: FactId | None = None
    weight: float
    ratios: tuple[StageRatio, ...]
