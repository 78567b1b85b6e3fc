"""What is counted beside the line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from bot.model.counts import CardSeen, PersonaCounts
from bot.model.moments import micros, moment
from bot.stores.mongo.collection import Document
from bot.stores.mongo.documents import framed, integer, text
from bot.stores.mongo.driver import Duplicate
from bot.stores.mongo.schema import Collections

_VERSIONS: Final = 100


class MongoCounting:
    """The `Counting` section of the store."""

    def __init__(self, collections: Collections) -> None:
        self._collections = collections

    async def hold_chore(self, name: str, *, holder: str, now: datetime, until: datetime) -> bool:
        """See the port."""
        free = {"_id": name, "$or": [{"holder": holder}, {"until": {"$lte": micros(now)}}]}
        held: Document = {"$set": {"holder": holder, "until": micros(until)}}
        try:
            found = await self._collections.chores.find_one_and_update(free, held, upsert=True)
        except Duplicate:
            return False
        return found is not None

    async def put_persona_counts(self, counts: PersonaCounts) -> None:
        """See the port."""
        at = micros(counts.at)
        older = {"_id": counts.at.date().isoformat(), "at": {"$lte": at}}
        kept: Document = {"$set": {"at": at, "value": counts.model_dump_json()}}
        try:
            await self._collections.persona_counts.update_one(older, kept, upsert=True)
        except Duplicate:
            return  # there are later ones of that day

    async def persona_counts(self, *, until: datetime | None = None) -> PersonaCounts | None:
        """See the port."""
        query: Document = {} if until is None else {"at": {"$lte": micros(until)}}
        found = await self._collections.persona_counts.find(query, sort=(("at", -1),), limit=1)
        return PersonaCounts.model_validate_json(text(found[0], "value")) if found else None

    async def see_cards(self, seen: Sequence[CardSeen]) -> None:
        """See the port."""
        for card in seen:
            latest = await self._seen(card.persona, limit=1)
            if latest and (latest[0].version == card.version or latest[0].at > card.at):
                continue
            at = micros(card.at)
            await self._collections.persona_cards.insert_many(
                [
                    {
                        "_id": framed(card.persona, str(at)),
                        "persona": card.persona,
                        "at": at,
                        "version": card.version,
                    }
                ]
            )

    async def cards_seen(self, persona: str) -> list[CardSeen]:
        """See the port."""
        return await self._seen(persona, limit=_VERSIONS)

    async def _seen(self, persona: str, *, limit: int) -> list[CardSeen]:
        found = await self._collections.persona_cards.find(
            {"persona": persona}, sort=(("at", -1), ("version", 1)), limit=limit
        )
        return [
            CardSeen(persona=persona, version=text(one, "version"), at=moment(integer(one, "at")))
            for one in found
        ]
