"""What is answered to a command that travels the line."""

from __future__ import annotations

from collections.abc import Awaitable

from bot.edge.api.route import Ask
from bot.edge.api.shapes import CommandDone
from bot.edge.problems import Refusal
from bot.model.event import Outcome, Rejected


async def done(ask: Ask, command: Awaitable[Outcome]) -> CommandDone:
    """That it took effect, or will; raises Refusal when a rule refused it."""
    try:
        outcome = await command
    except TimeoutError:
        ask.status = 202
        return CommandDone(status="pending")
    if isinstance(outcome, Rejected):
        raise refused(outcome)
    return CommandDone()


def refused(outcome: Rejected) -> Refusal:
    """The refusal by a rule; it names who was first."""
    first = f": {outcome.winner}" if outcome.winner is not None else ""
    return Refusal(
        409,
        f"{outcome.reason}{first}",
        winner=outcome.winner,
        present=outcome.present,
        slug="rejected",
    )
