"""A run in which anything went wrong is no result."""

from __future__ import annotations

from collections.abc import Sequence

from bot.model.channel import ReceiptStatus
from bot.model.thread import SendStatus
from tests.crash.checker import PLAYED, check
from tests.crash.facts import Facts

_SHOWN = 20


class NoResult(Exception):
    """A message was lost, doubled or out of order: what was measured means nothing."""


def wrong_with(facts: Facts, *, receipts: int) -> list[str]:
    """What is wrong after a run in which nothing was broken on purpose.

    Everything was accepted, sent and answered, once and in order; and so many receipts of the
    played provider are folded as it was told that they were accepted.
    """
    problems = check(facts)
    problems += [
        f"send {one.send} ended as {one.status}"
        for one in facts.answered
        if one.status != SendStatus.SENT
    ]
    problems += [
        f"message {one.sid} was not accepted" for one in facts.posted if one.accepted_at is None
    ]
    folded = sum(
        one.reached == ReceiptStatus.DELIVERED and one.channel == PLAYED for one in facts.answered
    )
    if folded != receipts:
        problems.append(f"{receipts} receipts were accepted, {folded} are folded")
    return problems


def refuse(problems: Sequence[str]) -> None:
    """Raise NoResult if there are any."""
    if problems:
        shown = "\n  ".join(problems[:_SHOWN])
        raise NoResult(f"{len(problems)} problems:\n  {shown}")
