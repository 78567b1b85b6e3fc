"""What counts of what was said of marketing: by facet, and over several addresses."""

from __future__ import annotations

import pytest

from bot.model.consents import ConsentFact, is_refused, standing, strictest
from tests.builders import address, at, consent

ANNA, BO = address("anna"), address("bo")
YES = consent(ANNA, opted_out=False, when=at(1))
NO = consent(ANNA, opted_out=True, when=at(2))
YES_AS_FIRM = consent(ANNA, opted_out=False, when=at(3), facet="business")
NO_AS_FIRM = consent(ANNA, opted_out=True, when=at(4), facet="business")
BO_YES = consent(BO, opted_out=False, when=at(9))
BO_NO = consent(BO, opted_out=True, when=at(0))


@pytest.mark.parametrize(
    ("told", "counts"),
    [
        ([], []),
        ([YES, NO], [NO]),
        ([NO, YES_AS_FIRM], [NO, YES_AS_FIRM]),
        ([YES_AS_FIRM, NO], [NO]),  # who withdraws for all has withdrawn this too
        ([YES, YES_AS_FIRM, NO_AS_FIRM], [YES, NO_AS_FIRM]),
    ],
)
def test_the_latest_of_each_facet_counts(
    told: list[ConsentFact], counts: list[ConsentFact]
) -> None:
    assert standing(told) == counts


@pytest.mark.parametrize(
    ("told", "refused"),
    [
        ([], set()),
        ([YES], set()),
        ([NO], {"private", "business", "parent", None}),
        ([NO, YES_AS_FIRM], {"private", "parent", None}),
        ([YES, NO_AS_FIRM], {"business"}),
        ([NO_AS_FIRM], {"business"}),
        # Allowed as the firm, and so no further.
        ([YES_AS_FIRM], {"private", "parent", None}),
        # Another address: its no holds, its yes undoes none.
        ([NO, BO_YES], {"private", "business", "parent", None}),
        ([YES, BO_NO], {"private", "business", "parent", None}),
        ([BO_YES, NO_AS_FIRM], {"business"}),
        ([BO_YES, YES_AS_FIRM], {"private", "parent", None}),
    ],
)
def test_what_is_refused(told: list[ConsentFact], refused: set[str | None]) -> None:
    asked = ("private", "business", "parent", None)
    assert {facet for facet in asked if is_refused(told, facet=facet)} == refused


def test_the_word_that_decides_is_shown() -> None:
    found = strictest([NO, BO_NO, BO_YES], facet="parent")
    assert found is not None
    assert (found.allowed, found.told) == (False, NO)
    assert strictest([], facet=None) is None
