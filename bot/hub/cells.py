"""Which numbers may be shown: none by which fewer than ten customers could be told apart (E5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

FEWEST: Final = 10


def shown(cells: Mapping[str, int], *, total: int) -> dict[str, int]:
    """The cells that may stand beside their total; the others are not shown, whatever they hold.

    A cell is hidden when it, or all the customers beside it, are some but under ten; and then the
    smallest of the others, until nothing that is hidden can be worked out from the total and these
    rules. A cell of nobody is nobody's secret.
    """
    if 0 < total < FEWEST:
        return {}
    filled = sorted((count, key) for key, count in cells.items() if count)
    hidden = [(count, key) for count, key in filled if _is_few(count) or _is_few(total - count)]
    left = [cell for cell in filled if cell not in hidden]
    while hidden and left and _gives_away(hidden, left[0]):
        hidden.append(left.pop(0))
    names = {key for _, key in hidden}
    return {key: count for key, count in cells.items() if key not in names}


def _gives_away(hidden: Sequence[tuple[int, str]], smallest: tuple[int, str]) -> bool:
    """Whether one of the hidden cells could be worked out if the smallest other one was shown.

    One alone is what the total leaves. Of few customers, or of nines alone, each cell is known to
    be as small or as large as it can be; and beside one as large, none can have been larger.
    """
    counts = [count for count, _ in hidden]
    lowest, highest = sum(counts) < 2 * FEWEST, sum(counts) == (FEWEST - 1) * len(counts)
    return len(counts) == 1 or lowest or highest or max(counts) == smallest[0]


def _is_few(count: int) -> bool:
    return 0 < count < FEWEST


def drift(now: int, of: int, before: int, of_before: int) -> float | None:
    """How much a share differs from before, beyond chance: the two-proportion z; None: no telling.

    z = (p1 - p2) / sqrt(p (1 - p) (1/n1 + 1/n2)), where p1 = now/of, p2 = before/of_before, and p
    is the share of both together.
    """
    if not of or not of_before:
        return None
    together = (now + before) / (of + of_before)
    spread = together * (1 - together) * (1 / of + 1 / of_before)
    if spread <= 0:
        return None
    return float((now / of - before / of_before) / spread**0.5)
