"""Searching, in memory: everything is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.model.record import ThreadRow
from bot.model.search import Found, entry_words, identity_words, matches
from bot.model.thread import ThreadState
from tests.fakes.memory import Memory, Section

if TYPE_CHECKING:
    from bot.model.ids import IdentityId
    from bot.model.search import SearchQuery
    from bot.model.thread import Entry


class FakeSearch(Section):
    """The `Search` section."""

    async def find_customers(
        self, query: SearchQuery, *, before: int | None = None, limit: int = 20
    ) -> list[Found]:
        memory = await self._begin()
        found = [
            _found(memory, number, one.id)
            for number, one in enumerate(memory.identities.values(), start=1)
            if (before is None or number < before) and matches(query, identity_words(one))
        ]
        return found[::-1][: max(limit, 0)]

    async def find_entries(
        self, query: SearchQuery, *, before: int | None = None, limit: int = 20
    ) -> list[Found]:
        memory = await self._begin()
        found = [
            _found(memory, entry.seq, entry.identity, entry)
            for entry in memory.entries
            if (before is None or entry.seq < before)
            and matches(
                query, entry_words(entry, memory.identities[entry.identity].address.channel)
            )
        ]
        return found[::-1][: max(limit, 0)]


def _found(memory: Memory, number: int, identity: IdentityId, entry: Entry | None = None) -> Found:
    thread = memory.identities[identity].thread
    state = memory.states.get(thread) or ThreadState(thread=thread)
    row = ThreadRow(state=state, identities=memory.members(thread))
    return Found(number=number, row=row, identity=identity, entry=entry)
