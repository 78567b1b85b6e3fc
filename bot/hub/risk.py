"""Whether a customer is at risk: a fact beside the journey, not a stage that competes in it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from bot.model.fact import Fact, FactKind, Severity, TicketClosed, TicketOpened

TICKETS: Final[tuple[FactKind, ...]] = ("ticket_opened", "ticket_closed")
_GRAVE: Final = frozenset({Severity.HIGH, Severity.CRITICAL})


def at_risk(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    """The grave tickets that are open, of facts that come the newest first."""
    latest: dict[tuple[str, str], Fact] = {}
    for fact in facts:
        if isinstance(fact.body, TicketOpened | TicketClosed):
            latest.setdefault((fact.source, fact.body.ticket), fact)
    return tuple(
        fact
        for fact in latest.values()
        if isinstance(fact.body, TicketOpened) and fact.body.severity in _GRAVE
    )
