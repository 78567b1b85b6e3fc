"""Variants that compete for the same moments: ambiguous winners, and texts nobody can ever see."""

from __future__ import annotations

from itertools import combinations, groupby
from typing import TYPE_CHECKING

from bot.hub.content.candidate import on_channel
from bot.hub.content.problem import Problem, Severity
from bot.hub.content.variant import Operator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from bot.hub.content.parse import Source
    from bot.hub.content.variant import Condition, Variant

_EQUALS = frozenset({Operator.IS, Operator.IN})


def check_overlaps(sources: list[Source], *, now: datetime | None) -> Iterator[Problem]:
    """Problems between variants of one slot and locale; `now` finds those whose time is over."""

    def cell(source: Source) -> tuple[str, str]:
        return source.variant.slot, source.variant.locale

    for source in sources:
        ends = source.variant.valid_to
        if now is not None and ends is not None and ends <= now:
            yield _unreachable(source, f"it ended {ends.isoformat()}")
    for _, group in groupby(sorted(sources, key=cell), key=cell):
        by_name = sorted(group, key=lambda source: source.variant.name)
        for first, second in combinations(by_name, 2):
            yield from _compare(first, second)


def _compare(first: Source, second: Source) -> Iterator[Problem]:
    one, other = first.variant, second.variant
    equal = (one.specificity, one.strings) == (other.specificity, other.strings)
    if not equal or not _meet(one, other):
        return
    if _covers(one, other):
        yield _unreachable(second, f"{one.name} is as narrow and always comes first")
        return
    yield Problem(
        file=second.file,
        line=1,
        rule="ambiguous",
        message=f"as narrow as {one.name} and for some of the same moments; the name decides",
        severity=Severity.WARNING,
    )


def _unreachable(source: Source, why: str) -> Problem:
    return Problem(file=source.file, line=1, rule="unreachable", message=f"never said: {why}")


def _meet(one: Variant, other: Variant) -> bool:
    """Whether there can be a moment that both fit."""
    return (
        _share(one.persona, other.persona)
        and _share(one.stage, other.stage)
        and _share_channel(one.channel, other.channel)
        and (one.need is None or other.need is None or one.need is other.need)
        and not _over_before(one, other)
        and not _over_before(other, one)
        and not any(_exclude(a, b) for a in one.when for b in other.when)
    )


def _share(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return not one or not other or not set(one).isdisjoint(other)


def _share_channel(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    if not one or not other:
        return True
    return any(on_channel(one, name) for name in other) or any(
        on_channel(other, name) for name in one
    )


def _over_before(one: Variant, other: Variant) -> bool:
    return (
        one.valid_to is not None
        and other.valid_from is not None
        and one.valid_to <= other.valid_from
    )


def _exclude(one: Condition, other: Condition) -> bool:
    """Whether both can never be true, as far as their form shows it."""
    if one.field != other.field:
        return False
    if one.op in _EQUALS and other.op in _EQUALS:
        return {each.casefold() for each in one.values}.isdisjoint(
            each.casefold() for each in other.values
        )
    return Operator.MISSING in {one.op, other.op} and not {one.op, other.op} <= {
        Operator.MISSING,
        Operator.IS_NOT,
        Operator.NOT_IN,
    }


def _covers(one: Variant, other: Variant) -> bool:
    """Whether `one` fits every moment that `other` fits; both are equally narrow."""
    return (
        set(other.persona) <= set(one.persona)
        and set(other.stage) <= set(one.stage)
        and all(on_channel(one.channel, name) for name in other.channel)
        and one.need is other.need
        and (one.valid_from is None or _not_after(one.valid_from, other.valid_from))
        and (one.valid_to is None or _not_after(other.valid_to, one.valid_to))
        and set(one.when) <= set(other.when)
    )


def _not_after(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and other is not None and one <= other
