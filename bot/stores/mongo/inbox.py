"""Accepting, and what becomes of what was accepted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from pydantic import TypeAdapter

from bot.model.event import Outcome, ThreadEvent, TimerBody
from bot.model.ids import EventId, IdentityId, ThreadId
from bot.model.moments import micros
from bot.model.record import Acceptance, Accepted, DeadLetter
from bot.stores.mongo.arrivals import accept_arrivals
from bot.stores.mongo.documents import WAITING, event_document, event_of, maybe, text
from bot.stores.mongo.driver import Document
from bot.stores.mongo.letters import Letters
from bot.stores.mongo.numbers import Numbers
from bot.stores.mongo.pruning import prune_receipts, prune_requests
from bot.stores.mongo.receipts import accept_consents, accept_receipts, check_receipts
from bot.stores.mongo.remembered import both
from bot.stores.mongo.schema import Collections

_OUTCOME: Final[TypeAdapter[Outcome]] = TypeAdapter(Outcome)
_TIMER_BODY: Final[TypeAdapter[TimerBody]] = TypeAdapter(TimerBody)


class MongoInbox:
    """The `Inbox` section of the store.

    Every step of an acceptance may be made again: one that was broken off is taken up by its
    repeat, which the provider sends as it was not answered.
    """

    def __init__(self, collections: Collections, numbers: Numbers) -> None:
        self._collections = collections
        self._numbers = numbers
        self._letters = Letters(collections, numbers)

    async def accept(self, acceptance: Acceptance) -> Accepted:
        """See the port; nothing of it is ever queued in the same step."""
        check_receipts(acceptance.receipts)
        events = await accept_arrivals(self._collections, self._numbers, acceptance)
        if acceptance.unreadable is not None:
            await self._letters.set_aside(
                acceptance.unreadable, acceptance.request, kept_with=events.holder
            )
        await accept_receipts(self._collections, self._numbers, acceptance.receipts)
        await accept_consents(self._collections, self._numbers, acceptance.consents)
        return Accepted(events=tuple(events.fresh))

    async def outcome(self, event: EventId) -> Outcome | None:
        """See the port."""
        found = await self._collections.events.find_one({"_id": event}, fields=("outcome",))
        told = None if found is None else maybe(found, "outcome", str)
        return None if told is None else _OUTCOME.validate_json(told)

    async def unprocessed(self, *, before: datetime, limit: int) -> list[ThreadEvent]:
        """See the port."""
        if limit <= 0:
            return []
        found = await self._collections.events.find(
            {"state": WAITING, "at": {"$lt": micros(before)}},
            fields=("value",),
            sort=(("seq", 1),),
            limit=limit,
        )
        return [event_of(one) for one in found]

    async def due_timers(self, *, now: datetime, limit: int) -> list[ThreadEvent]:
        """See the port; of several processes that ask at once one gets each event."""
        if limit <= 0:
            return []
        due = await self._collections.timers.find(
            {"due": {"$lte": micros(now)}}, sort=(("due", 1), ("_id", 1)), limit=limit
        )
        if not due:
            return []
        first, threads = await both(self._numbers.take("events", len(due)), self._threads_of(due))
        events = [
            _rung(timer, threads[text(timer, "identity")], at=now, seq=seq)
            for seq, timer in enumerate(due, start=first)
            if text(timer, "identity") in threads
        ]
        there = await self._collections.events.insert_many([event_document(e) for e in events])
        # One of these that is set again later finds its event there.
        await self._collections.timers.delete_many(
            {"_id": {"$in": [text(timer, "_id") for timer in due]}}
        )
        return [event for place, event in enumerate(events) if place not in there]

    async def bury(self, event: EventId, *, reason: str, tries: int, at: datetime) -> None:
        """See the port; an event that was processed, or buried before, stays as it is."""
        await self._letters.bury(event, reason=reason, tries=tries, at=at)

    async def dead_letters(self, *, limit: int = 100) -> list[DeadLetter]:
        """See the port."""
        return await self._letters.oldest(max(limit, 0))

    async def revive(self, event: EventId) -> ThreadEvent:
        """See the port; an unreadable request has no event to revive: read it anew instead."""
        return await self._letters.revive(event)

    async def discard_dead_letter(self, event: EventId) -> None:
        """See the port."""
        await self._letters.discard(event)

    async def prune(self, *, before: datetime) -> int:
        """See the port; at most 500 requests and as many receipts go at a call."""
        await prune_receipts(self._collections, before=micros(before))
        return await prune_requests(self._collections, before=micros(before))

    async def _threads_of(self, timers: Sequence[Document]) -> dict[str, ThreadId]:
        wanted = sorted({text(timer, "identity") for timer in timers})
        found = await self._collections.identities.find(
            {"_id": {"$in": wanted}}, fields=("thread",)
        )
        return {text(one, "_id"): ThreadId(text(one, "thread")) for one in found}


def _rung(timer: Document, thread: ThreadId, *, at: datetime, seq: int) -> ThreadEvent:
    return ThreadEvent(
        id=EventId(text(timer, "_id")),
        identity=IdentityId(text(timer, "identity")),
        thread=thread,
        at=at,
        body=_TIMER_BODY.validate_json(text(timer, "value")),
        seq=seq,
    )
