"""What is counted beside the line, in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fakes.memory import Section

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bot.model.counts import CardSeen, PersonaCounts


class FakeCounting(Section):
    """The `Counting` section."""

    async def hold_chore(self, name: str, *, holder: str, now: datetime, until: datetime) -> bool:
        memory = await self._begin()
        known, held_until = memory.chores.get(name, (holder, now))
        if known != holder and held_until > now:
            return False
        memory.chores[name] = (holder, until)
        return True

    async def put_persona_counts(self, counts: PersonaCounts) -> None:
        memory = await self._begin()
        known = memory.persona_counts.get(counts.at.date())
        if known is None or known.at <= counts.at:
            memory.persona_counts[counts.at.date()] = counts

    async def persona_counts(self, *, until: datetime | None = None) -> PersonaCounts | None:
        memory = await self._begin()
        found = [one for one in memory.persona_counts.values() if until is None or one.at <= until]
        return max(found, key=lambda one: one.at, default=None)

    async def see_cards(self, seen: Sequence[CardSeen]) -> None:
        memory = await self._begin()
        for card in seen:
            known = await self.cards_seen(card.persona)
            if not known or (known[0].version != card.version and known[0].at < card.at):
                memory.cards_seen.append(card)

    async def cards_seen(self, persona: str) -> list[CardSeen]:
        memory = await self._begin()
        found = [card for card in memory.cards_seen if card.persona == persona]
        return sorted(found, key=lambda card: card.at, reverse=True)
