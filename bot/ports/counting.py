"""What is counted beside the line, by one process at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bot.model.counts import CardSeen, PersonaCounts


class Counting(Protocol):
    """Chores that one process does, and the counts that come of them."""

    async def hold_chore(self, name: str, *, holder: str, now: datetime, until: datetime) -> bool:
        """Take a chore, or keep it, until a moment; False while it is another holder's.

        Whoever is done keeps it until it is to be done again.
        """

    async def put_persona_counts(self, counts: PersonaCounts) -> None:
        """Keep counts; of one day (UTC) the latest stay."""

    async def persona_counts(self, *, until: datetime | None = None) -> PersonaCounts | None:
        """The latest counts, of those made at a moment or before; None when there are none."""

    async def see_cards(self, seen: Sequence[CardSeen]) -> None:
        """Keep that cards are these now; one that was so already stays as first seen."""

    async def cards_seen(self, persona: str) -> list[CardSeen]:
        """The versions of a persona's card, the latest first."""
