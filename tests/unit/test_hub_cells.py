"""Numbers that tell nobody apart, and shares that changed by more than chance."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import pytest

from bot.hub.cells import drift, shown


@pytest.mark.parametrize(
    ("counts", "seen"),
    [
        ((), ()),
        ((10, 11), (10, 11)),
        ((0, 0, 30), (0, 0, 30)),
        ((5, 40), ()),  # the other one and the total would tell
        ((5, 40, 200), (200,)),
        ((9, 10, 100), ()),  # nineteen: 9 and 10, for sure
        ((9, 11, 11, 100), (100,)),
        ((9, 9, 9, 10, 100), (100,)),
        ((3, 4, 50, 60), (60,)),
        ((9, 0, 12, 13, 14), (0, 13, 14)),
        ((9,), ()),
        ((4, 5), ()),
    ],
)
def test_what_is_shown_beside_the_total(counts: Sequence[int], seen: Sequence[int]) -> None:
    found = shown(dict(zip("abcdefgh", counts, strict=False)), total=sum(counts))
    assert tuple(found.values()) == seen


def test_what_nearly_everybody_has_is_not_shown() -> None:
    # One customer may have several: 96 of 100 are on one channel, so that 4 are not.
    assert shown({"webchat": 96, "sms": 50, "telegram": 30}, total=100) == {"sms": 50}
    assert shown({"webchat": 100, "sms": 50}, total=100) == {"webchat": 100, "sms": 50}


def others(hidden: Sequence[str], left: int) -> Iterator[dict[str, int]]:
    """Every way in which the hidden cells may make up what the shown ones leave of the total."""
    for some in itertools.product(range(1, left), repeat=len(hidden) - 1):
        if (last := left - sum(some)) > 0:
            yield dict(zip(hidden, (*some, last), strict=True))


def is_safe(cells: dict[str, int]) -> bool:
    """Whether somebody who knows the rules finds two values or more for each hidden cell."""
    total = sum(cells.values())
    seen = shown(cells, total=total)
    hidden = [key for key in cells if key not in seen]
    if not hidden:
        return True
    possible: dict[str, set[int]] = {key: set() for key in hidden}
    for guess in others(hidden, sum(cells[key] for key in hidden)):
        if shown({key: guess.get(key, cells[key]) for key in cells}, total=total) != seen:
            continue
        for key in hidden:
            possible[key].add(guess[key])
        if all(len(values) > 1 for values in possible.values()):
            break
    return all(len(values) > 1 for values in possible.values())


@pytest.mark.parametrize("reverse", [False, True])
def test_nothing_that_is_hidden_can_be_worked_out(*, reverse: bool) -> None:
    sets = itertools.chain(
        itertools.combinations_with_replacement(range(1, 26), 2),
        itertools.combinations_with_replacement(range(1, 18), 3),
        itertools.combinations_with_replacement((1, 2, 8, 9, 10, 11), 4),
    )
    for counts in sets:
        cells = dict(zip("abcd", counts[::-1] if reverse else counts, strict=False))
        if sum(counts) >= 10:
            assert is_safe(cells), cells


def test_a_share_that_changed() -> None:
    # By hand: p = 150/400, z = (0.5 - 0.25) / sqrt(0.375 * 0.625 * 0.01) = 5.1640
    assert drift(100, 200, 50, 200) == pytest.approx(5.1640, abs=1e-4)
    assert drift(50, 200, 100, 200) == pytest.approx(-5.1640, abs=1e-4)
    assert drift(40, 100, 400, 1000) == 0


@pytest.mark.parametrize("told", [(0, 0, 5, 10), (5, 10, 0, 0), (0, 10, 0, 20), (10, 10, 20, 20)])
def test_shares_that_cannot_be_compared(told: tuple[int, int, int, int]) -> None:
    assert drift(*told) is None
