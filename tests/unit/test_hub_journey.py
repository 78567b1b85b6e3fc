"""The belief over journey stages: sums to one, follows evidence, fades, explains itself."""

from __future__ import annotations

import math
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.hub.journey import Belief, Journey, Move, likeliest
from bot.hub.settings import HubSettings
from bot.hub.stages import STAGES, JourneySettings
from bot.model.fact import (
    Fact,
    FactBody,
    Purchased,
    Severity,
    StoreVisited,
    SubscriptionChanged,
    SubscriptionState,
    TicketOpened,
    TrafficSource,
    Visited,
)
from bot.model.ids import FactId
from bot.model.understanding import StageShare, Understanding
from tests.builders import START, address, at, not_understood, understood

if TYPE_CHECKING:
    from datetime import datetime

THREE = ("research", "purchase", "support")
WHO = address().identity
DAY = timedelta(days=1)
# Three stages, no silence, moves that are easily reckoned with: stay 0.8, to each other 0.1.
EVEN = HubSettings(stages=THREE, journey=JourneySettings(stay=0.8, moves={}, dormant=None))


def read(**shares: float) -> Understanding:
    stages = tuple(StageShare(stage=stage, share=share) for stage, share in shares.items())
    return understood("any").model_copy(update={"stages": stages})


def fact(body: FactBody, when: datetime, *, key: str = "") -> Fact:
    return Fact(
        id=FactId.of(body.kind, str(when), key, body.model_dump_json()),
        identity=WHO,
        at=when,
        received_at=when,
        source="shop",
        body=body,
    )


def page(path: str, when: datetime, *, key: str = "") -> Fact:
    where = f"https://shop.example{path}"
    return fact(Visited(page=where, source=TrafficSource.DIRECT), when, key=key)


def order() -> Purchased:
    return Purchased(order="1", amount="1295.00", currency="SEK")


def said(journey: Journey, belief: Belief, told: Understanding, when: datetime) -> Move:
    move = journey.moved(belief, journey.heard(told, at=when, identity=WHO))
    assert move is not None
    return move


def happened(journey: Journey, belief: Belief, *facts: Fact) -> Move:
    move = journey.moved(belief, journey.seen(facts, now=max(one.at for one in facts)))
    assert move is not None
    return move


def shares(belief: Belief) -> dict[str, float]:
    return {share.stage: share.share for share in belief.shares}


def normal(*weights: float) -> list[float]:
    return [weight / sum(weights) for weight in weights]


def carried(belief: list[float]) -> list[float]:
    """One step of the even matrix: 0.8 stays, 0.1 goes to each of the two others."""
    return [0.8 * one + 0.1 * (sum(belief) - one) for one in belief]


# --- exact numbers ---------------------------------------------------------------------------


def test_a_journey_that_is_not_linear_gives_the_path_that_was_worked_out_by_hand() -> None:
    """A question, pages, an order, trouble, and back to looking for a tent, all in one day.

    Order of stages: research, purchase, support. Time does not pass but for the sittings, as the
    half-life is a thousand years.
    """
    journey = Journey(
        HubSettings(
            stages=THREE,
            journey=JourneySettings(
                stay=0.8,
                moves={},
                dormant=None,
                half_life=timedelta(days=365_000),
                ratios={
                    "page.product": {"research": 2},
                    "page.cart": {"purchase": 5},
                    "purchased": {"purchase": 3, "support": 2},
                    "ticket_opened": {"support": 8},
                },
            ),
        )
    )
    path: list[dict[str, float]] = []

    # "hej, vad finns det?": p(stage | message) is .6/.3/.1 and the prior 1/3, so the ratios are
    # 1.8, 0.9, 0.3, each to the power of 0.7: 1.509, 0.929, 0.430; sum 2.868.
    belief = said(journey, Belief(), read(research=0.6, purchase=0.3, support=0.1), at(0)).after
    first = normal(1.8**0.7, 0.9**0.7, 0.3**0.7)
    assert list(shares(belief).values()) == pytest.approx(first, abs=2e-6)
    assert [round(share, 3) for share in first] == [0.526, 0.324, 0.150]
    path.append(shares(belief))

    # A tent twice, then the cart, in one sitting: the tent counts once.
    # Carried: .8*.526+.1*.474 = .468, .327, .205; times 2, 5, 1.
    hour = 3_600
    seen = (
        page("/produkt/abisko-2", at(hour)),
        page("/produkt/abisko-2", at(hour + 20), key="again"),
        page("/varukorg", at(hour + 60)),
    )
    belief = happened(journey, belief, *seen).after
    second = [share * r for share, r in zip(carried(first), (2, 5, 1), strict=True)]
    second = normal(*second)
    assert list(shares(belief).values()) == pytest.approx(second, abs=4e-6)
    assert [round(share, 3) for share in second] == [0.337, 0.589, 0.074]
    path.append(shares(belief))

    # The order: 1, 3, 2. Carried .336, .512, .152; times that .336, 1.536, .303; sum 2.175.
    belief = happened(journey, belief, fact(order(), at(2 * hour))).after
    third = [share * r for share, r in zip(carried(second), (1, 3, 2), strict=True)]
    third = normal(*third)
    assert list(shares(belief).values()) == pytest.approx(third, abs=6e-6)
    assert [round(share, 3) for share in third] == [0.155, 0.706, 0.139]
    path.append(shares(belief))

    # A ticket: support eight times likelier. Carried .208, .594, .197; support 1.580; sum 2.382.
    ticket = TicketOpened(ticket="T1", severity=Severity.NORMAL)
    belief = happened(journey, belief, fact(ticket, at(3 * hour))).after
    fourth = [share * r for share, r in zip(carried(third), (1, 1, 8), strict=True)]
    fourth = normal(*fourth)
    assert list(shares(belief).values()) == pytest.approx(fourth, abs=8e-6)
    assert [round(share, 3) for share in fourth] == [0.087, 0.249, 0.663]
    path.append(shares(belief))

    # "vilka tält finns det?", twice over: .9/.05/.05, so 2.7, .15, .15 to the power of 0.7:
    # 2.004, .265, .265. After the first .592, .133, .274. Nothing keeps it from going back.
    asked = read(research=0.9, purchase=0.05, support=0.05)
    expected = fourth
    for minute in (0, 5):
        move = said(journey, belief, asked, at(4 * hour + 60 * minute))
        belief = move.after
        ratios = (2.7**0.7, 0.15**0.7, 0.15**0.7)
        expected = normal(*(s * r for s, r in zip(carried(expected), ratios, strict=True)))
    assert list(shares(belief).values()) == pytest.approx(expected, abs=1e-5)
    assert [round(share, 3) for share in expected] == [0.889, 0.044, 0.067]
    path.append(shares(belief))

    stages = [max(one, key=lambda stage: one[stage]) for one in path]
    assert stages == ["research", "purchase", "purchase", "support", "research"]


def test_every_move_says_what_moved_it_and_from_where() -> None:
    journey = Journey(EVEN)
    before = said(journey, Belief(), read(research=1.0), at(0)).after
    signs = journey.seen([page("/kassa", at(60)), fact(order(), at(90))], now=at(120))
    signs += journey.heard(read(support=0.9, research=0.1), at=at(120), identity=WHO)
    move = journey.moved(before, signs)
    assert move is not None
    assert move.before == before
    assert [(one.kind, one.what, one.weight) for one in move.because] == [
        ("page", "page.checkout", 1.0),
        ("fact", "purchased", 1.0),
        ("message", "any", 0.7),
    ]
    told = {one.what: {each.stage: each.ratio for each in one.ratios} for one in move.because}
    assert told == {
        "page.checkout": {"purchase": 8},
        "purchased": {"purchase": 3},
        "any": {"research": 0.3, "purchase": 0.03, "support": 2.7},
    }
    assert move.because[0].fact == page("/kassa", at(60)).id
    assert move.summary == "any"


def test_the_first_message_gives_its_own_evidence() -> None:
    move = said(Journey(EVEN), Belief(), read(purchase=0.9, research=0.05, support=0.05), at(0))
    assert likeliest(move.after.shares) == "purchase"
    known, others = 0.9**0.7, 2 * 0.05**0.7
    assert shares(move.after)["purchase"] == pytest.approx(known / (known + others), abs=1e-6)
    assert move.before == Belief()


def test_a_belief_fades_with_a_half_life_of_two_weeks() -> None:
    journey = Journey(EVEN)
    sure = said(journey, Belief(), read(purchase=0.98, research=0.01, support=0.01), START).after
    faded = [
        next(
            one.share for one in journey.as_of(sure, START + days * DAY) if one.stage == "purchase"
        )
        for days in (0, 14, 28, 3650)
    ]
    assert faded == sorted(faded, reverse=True)
    assert faded[0] == pytest.approx(shares(sure)["purchase"], abs=2e-6)
    assert faded[1] - 1 / 3 == pytest.approx((faded[0] - 1 / 3) / 2, abs=1e-5)
    assert faded[2] - 1 / 3 == pytest.approx((faded[0] - 1 / 3) / 4, abs=1e-5)
    assert faded[3] == pytest.approx(1 / 3, abs=1e-6)


def test_who_keeps_silent_is_dormant_and_a_word_wakes_them() -> None:
    journey = Journey(HubSettings())
    active = said(journey, Belief(), read(support=1.0), START).after
    assert shares(active)["dormant"] == 0
    # Nothing until 60 days, then half of it in 14 days, half of the rest in 14 more.
    for days, dormant in ((60, 0.0), (74, 0.5), (88, 0.75), (200, 1.0)):
        believed = {one.stage: one.share for one in journey.as_of(active, START + days * DAY)}
        assert believed["dormant"] == pytest.approx(dormant, abs=0.005), days
        assert sum(believed.values()) == pytest.approx(1, abs=1e-5)
    again = said(journey, active, read(research=1.0), START + 200 * DAY).after
    assert likeliest(again.shares) == "research"
    assert shares(again)["dormant"] < 0.15


def test_news_of_long_ago_weighs_less() -> None:
    journey = Journey(EVEN)
    now = said(journey, Belief(), read(research=1 / 3, purchase=1 / 3, support=1 / 3), START).after
    weights = []
    for days in (0, 14, 28):
        move = happened(journey, now, fact(order(), START - days * DAY))
        weights.append(move.because[0].weight)
        assert move.after.at == START
        # Even before, so even when carried: 3 to the power of the weight, against 1 and 1.
        purchase = math.pow(3, weights[-1])
        assert shares(move.after)["purchase"] == pytest.approx(purchase / (purchase + 2), abs=1e-5)
    assert weights == [1.0, 0.5, 0.25]


def test_what_says_nothing_moves_nothing() -> None:
    journey = Journey(EVEN)
    for nothing in (not_understood(), read(elsewhere=1.0), read(), None):
        assert journey.heard(nothing, at=START, identity=WHO) == ()
    assert journey.seen([page("/om-oss", START)], now=START) == ()
    assert journey.moved(Belief(), ()) is None
    assert journey.as_of(Belief(), START) == ()


@pytest.mark.parametrize(
    ("scope", "weight"), [(0.9, 0.7), (0.5, 0.7), (0.375, 0.525), (0.25, 0.35), (0.24, None)]
)
def test_a_message_counts_the_less_the_more_it_is_out_of_scope(
    scope: float, weight: float | None
) -> None:
    told = read(research=1.0).model_copy(update={"scope": scope, "in_scope": scope >= 0.5})
    signs = Journey(EVEN).heard(told, at=START, identity=WHO)
    assert [sign.weight for sign in signs] == ([] if weight is None else [weight])


def test_nothing_known_is_no_stage() -> None:
    assert likeliest(()) is None


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (TicketOpened(ticket="1", severity=Severity.CRITICAL), "ticket_opened.critical"),
        (TicketOpened(ticket="1", severity=Severity.LOW), "ticket_opened"),
        (
            SubscriptionChanged(subscription="1", plan="a", state=SubscriptionState.ENDED),
            "subscription_changed.ended",
        ),
        (StoreVisited(store="Kiruna"), "store_visited"),
    ],
)
def test_a_fact_counts_as_its_most_special_kind(body: FactBody, what: str) -> None:
    (sign,) = Journey(HubSettings()).seen([fact(body, START)], now=START)
    assert (sign.kind, sign.what) == ("fact", what)


# --- settings --------------------------------------------------------------------------------


def test_every_cell_of_the_default_matrix_is_above_zero_and_every_row_sums_to_one() -> None:
    for stage in STAGES:
        row = JourneySettings().row(stage, STAGES)
        assert sum(row) == pytest.approx(1)
        assert min(row) > 0.001
        assert max(row) == row[STAGES.index(stage)]


def test_a_stage_can_be_renamed_and_another_added() -> None:
    old = Belief(
        shares=(StageShare(stage="research", share=0.75), StageShare(stage="support", share=0.25)),
        at=START,
    )
    journey = Journey(
        HubSettings(
            stages=("explore", "support", "advocate"),
            journey=JourneySettings(
                renamed={"research": "explore"}, moves={"advocate": {"explore": 0.15}}
            ),
        )
    )
    believed = {one.stage: one.share for one in journey.as_of(old, START)}
    assert believed == {"explore": 0.75, "support": 0.25, "advocate": 0.0}
    told = said(journey, old, read(advocate=1.0), START).after
    assert likeliest(told.shares) == "advocate"


@pytest.mark.parametrize(
    ("journey", "wrong"),
    [
        ({"moves": {"elsewhere": {"research": 0.1}}}, "elsewhere"),
        ({"moves": {"research": {"nowhere": 0.1}}}, "nowhere"),
        ({"moves": {"research": {"support": 0.22}}}, "moves.research and staying sum to 1.00"),
        ({"moves": {"research": {"support": 0}}}, "greater than 0"),
        ({"ratios": {"purchased": {"support": 11}}}, "less than or equal to 10"),
        ({"ratios": {"purchased": {"suport": 2}}}, "suport"),
        ({"renamed": {"old": "gone"}}, "gone"),
    ],
)
def test_settings_that_do_not_fit_are_refused(
    journey: dict[str, dict[str, dict[str, float]]], wrong: str
) -> None:
    with pytest.raises(ValidationError, match=wrong):
        HubSettings.model_validate({"journey": journey})


# --- whatever comes --------------------------------------------------------------------------

share = st.floats(0, 1)
paths = st.sampled_from(["/kassa", "/produkt/a", "/sok", "/faq", "/varukorg", "/guide/talt"])
bodies = st.one_of(
    st.just(order()),
    st.builds(TicketOpened, ticket=st.just("T"), severity=st.sampled_from(Severity)),
    st.builds(
        Visited,
        page=paths.map("https://shop.example{}".format),
        source=st.just(TrafficSource.DIRECT),
    ),
)


@given(
    told=st.lists(
        st.tuples(st.floats(0, 4000), bodies | st.tuples(*[share] * len(STAGES))), max_size=12
    )
)
def test_shares_always_are_finite_and_sum_to_one(
    told: list[tuple[float, FactBody | tuple[float, ...]]],
) -> None:
    journey, belief = Journey(HubSettings()), Belief()
    for days, what in told:
        when = START + days * DAY
        if isinstance(what, tuple):
            heard = read(**dict(zip(STAGES, what, strict=True)))
            signs = journey.heard(heard, at=when, identity=WHO)
        else:
            signs = journey.seen([fact(what, when)], now=when)
        if move := journey.moved(belief, signs):
            belief = move.after
        for believed in (belief.shares, journey.as_of(belief, START + 4000 * DAY)):
            assert sum(one.share for one in believed) == pytest.approx(
                1 if believed else 0, abs=1e-5
            )
            assert all(0 <= one.share <= 1 for one in believed)
            assert [one.stage for one in believed] == list(STAGES if believed else ())


@given(bodies=st.lists(bodies, min_size=2, max_size=6), data=st.data())
def test_in_which_order_things_of_one_moment_are_told_does_not_matter(
    bodies: list[FactBody], data: st.DataObject
) -> None:
    journey = Journey(HubSettings())
    begun = said(journey, Belief(), read(research=1.0), START).after
    facts = [fact(body, at(60), key=str(number)) for number, body in enumerate(bodies)]
    signs = journey.seen(facts, now=at(60))
    signs += journey.heard(read(purchase=1.0), at=at(60), identity=WHO)
    orders = [journey.moved(begun, data.draw(st.permutations(signs))) for _ in range(3)]
    assert all(one == other for one, other in pairwise(orders))
