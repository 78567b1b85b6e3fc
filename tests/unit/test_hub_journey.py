"""The belief over journey stages: sums to one, follows evidence, fades with time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.hub.journey import Belief, likeliest, update
from bot.model.understanding import StageShare, Understanding
from tests.builders import not_understood, understood

STAGES = ("research", "purchase", "support")


def read(**shares: float) -> Understanding:
    stages = tuple(StageShare(stage=stage, share=share) for stage, share in shares.items())
    return understood("any").model_copy(update={"stages": stages})


def moved(
    belief: tuple[StageShare, ...], understanding: Understanding, *, days: float = 0
) -> Belief:
    after = update(belief, understanding, stages=STAGES, idle=timedelta(days=days))
    assert after is not None
    return after


def of(belief: Belief, stage: str) -> float:
    return next(share.share for share in belief.shares if share.stage == stage)


def test_the_first_message_gives_its_own_evidence() -> None:
    belief = moved((), read(purchase=0.9, research=0.05, support=0.05))
    assert likeliest(belief.shares) == "purchase"
    assert belief.evidence == "any (0.90)"
    # A uniform prior times (share / prior) ** 0.7, made to sum to one.
    known, others = 0.9**0.7, 2 * 0.05**0.7
    assert of(belief, "purchase") == pytest.approx(known / (known + others), abs=1e-6)


def test_the_same_evidence_again_makes_surer_and_other_evidence_moves_back() -> None:
    purchase = read(purchase=0.7, research=0.2, support=0.1)
    once = moved((), purchase)
    twice = moved(once.shares, purchase)
    assert of(twice, "purchase") > of(once, "purchase")
    support = read(support=0.9, purchase=0.05, research=0.05)
    later = moved(moved(twice.shares, support).shares, support)
    assert likeliest(later.shares) == "support"


def test_a_belief_fades_with_a_half_life_of_two_weeks() -> None:
    sure = moved((), read(purchase=0.98, research=0.01, support=0.01)).shares
    nothing_new = read(purchase=1 / 3, research=1 / 3, support=1 / 3)
    faded = [of(moved(sure, nothing_new, days=days), "purchase") for days in (0, 14, 28, 3650)]
    assert faded == sorted(faded, reverse=True)
    assert faded[-1] == pytest.approx(1 / 3, abs=0.001)
    assert faded[1] - 1 / 3 == pytest.approx((faded[0] - 1 / 3) / 2, abs=0.001)


def test_what_says_nothing_moves_nothing() -> None:
    idle = timedelta()
    strange = read(elsewhere=1.0)
    for nothing in (not_understood(), strange, read()):
        assert update((), nothing, stages=STAGES, idle=idle) is None


def test_nothing_known_is_no_stage() -> None:
    assert likeliest(()) is None


shares = st.floats(0, 1)


@given(
    first=st.tuples(shares, shares, shares),
    second=st.tuples(shares, shares, shares),
    days=st.floats(0, 10_000),
)
def test_shares_always_sum_to_one(
    first: tuple[float, float, float], second: tuple[float, float, float], days: float
) -> None:
    belief: tuple[StageShare, ...] = ()
    for told in (first, second):
        after = update(
            belief,
            read(**dict(zip(STAGES, told, strict=True))),
            stages=STAGES,
            idle=timedelta(days=days),
        )
        if after is None:
            assert not any(told)
            continue
        belief = after.shares
        assert [share.stage for share in belief] == list(STAGES)
        assert sum(share.share for share in belief) == pytest.approx(1, abs=1e-5)
        assert all(0 <= share.share <= 1 for share in belief)
