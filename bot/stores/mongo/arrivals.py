"""Accepting events: each once by its id, with the request it came in on the first of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from bot.model.event import ThreadEvent
from bot.model.ids import EventId, ThreadId
from bot.model.moments import micros
from bot.model.record import Acceptance, Arrival, RawRequest
from bot.stores.mongo.collection import Collection
from bot.stores.mongo.documents import event_document, framed, maybe, request_document
from bot.stores.mongo.meeting import Known, Meeting
from bot.stores.mongo.numbers import Numbers
from bot.stores.mongo.remembered import both
from bot.stores.mongo.schema import Collections

# One for the event that tells of a joining, and one for what arrives.
_NUMBERS_EACH: Final = 2


class Events:
    """The events of one acceptance; `fresh` are those that were not there, in order.

    `holder` is the event that the request is kept with, once it is known.
    """

    def __init__(self, events: Collection, acceptance: Acceptance) -> None:
        self.fresh: list[ThreadEvent] = []
        self.holder: EventId | None = None
        self._events = events
        self._request = acceptance.request
        # Only where several are kept for one request can it be met half kept.
        several = len(acceptance.arrivals) + (acceptance.unreadable is not None) > 1
        self._key = _request_key(acceptance.request) if several and acceptance.request else None
        self._ids: set[EventId] = set()
        self._pending: list[ThreadEvent] = []

    def add(self, arrival: Arrival, *, thread: ThreadId, seq: int) -> None:
        """Have an arrival written with the next `write`."""
        if arrival.id in self._ids:
            return
        self._ids.add(arrival.id)
        self._pending.append(
            ThreadEvent(
                id=arrival.id,
                identity=arrival.identity,
                thread=thread,
                at=arrival.at,
                body=arrival.body,
                seq=seq,
            )
        )

    def request_of(self, arrival: Arrival) -> EventId | None:
        """Where the request is kept for what is written ahead of this arrival."""
        return None if self._request is None else self.holder or arrival.id

    async def has(self, arrival: Arrival) -> bool:
        """Whether this came before."""
        return await self._events.find_one({"_id": arrival.id}, fields=()) is not None

    async def write(self) -> None:
        """Insert what was added; what is there already stays."""
        pending, self._pending = self._pending, []
        fresh: set[EventId] = set()
        rest = pending
        if pending and self._request is not None and self.holder is None:
            rest = await self._write_with_request(pending, self._request, fresh)
        documents = [
            event_document(event, request_of=self.holder, request_key=self._key) for event in rest
        ]
        there = await self._events.insert_many(documents)
        fresh.update(event.id for place, event in enumerate(rest) if place not in there)
        self.fresh += [event for event in pending if event.id in fresh]

    async def _write_with_request(
        self, pending: Sequence[ThreadEvent], request: RawRequest, fresh: set[EventId]
    ) -> list[ThreadEvent]:
        """Insert the first that is fresh together with the request; returns what is left."""
        rest = list(pending)
        while rest and self.holder is None:
            first = rest.pop(0)
            document = event_document(first, request_key=self._key)
            document |= {"request": request_document(request), "request_at": micros(request.at)}
            if await self._events.insert_one(document):
                self.holder = first.id
                fresh.add(first.id)
            elif self._key is not None:
                there = await self._look((first, *rest))
                rest.sort(key=lambda event: event.id in there)
                if all(event.id in there for event in rest):
                    break
        return rest

    async def _look(self, events: Sequence[ThreadEvent]) -> set[str]:
        """Which of them are there; if of the same request, that is kept already."""
        there = await self._events.find(
            {"_id": {"$in": [event.id for event in events]}},
            fields=("request_key", "request_of", "request_at"),
        )
        for found in there:
            if found.get("request_key") != self._key:
                continue
            kept_with = found["_id"] if "request_at" in found else maybe(found, "request_of", str)
            if kept_with is not None:
                self.holder = EventId(kept_with)
        return {str(found["_id"]) for found in there}


async def accept_arrivals(
    collections: Collections, numbers: Numbers, acceptance: Acceptance
) -> Events:
    """Record what is new of an acceptance; repeats leave no trace.

    Raises NotFound for an unknown identity without a seed; then nothing is written. Of known
    identities it takes numbers and identities at once, and then the events: two round trips long.
    """
    events = Events(collections.events, acceptance)
    arrivals = acceptance.arrivals
    if not arrivals:
        return events
    meeting = Meeting(collections, numbers)
    count = _NUMBERS_EACH * len(arrivals)
    _, first = await both(meeting.look_up(arrivals), numbers.take("events", count))
    meeting.refuse_unknown(arrivals)
    for place, arrival in enumerate(arrivals):
        one = await _meet(meeting, events, arrival, number=first + _NUMBERS_EACH * place)
        if one is None:
            continue
        if one.since > first + _NUMBERS_EACH * place:
            # Somebody else has met them just now: what arrives here comes after the joining.
            first = await numbers.take("events", count)
        seq = first + _NUMBERS_EACH * place + 1
        events.add(arrival, thread=one.place.thread, seq=seq)
    await events.write()
    return events


async def _meet(meeting: Meeting, events: Events, arrival: Arrival, *, number: int) -> Known | None:
    """Whose arrival it is; the event that tells of a joining is written ahead of it.

    None for a repeat of what came from somebody who was erased since: it brings nobody back.
    """
    one = meeting.known.get(arrival.identity)
    if one is None and arrival.seed is not None:
        if await events.has(arrival):
            return None
        holder = await meeting.holder(arrival.identity, arrival.seed)
        if holder is not None:
            await events.write()
        kept_with = events.request_of(arrival)
        one = await meeting.make(arrival, holder, number=number, request_of=kept_with)
    one = one or meeting.known[arrival.identity]
    if arrival.seed is not None:
        one = await meeting.take_in(one, arrival.seed)
    if one.joined is not None:
        await events.write()
        one, told = await meeting.finish(one)
        events.fresh += [] if told is None else [told]
    return one


def _request_key(request: RawRequest) -> str:
    """The same for a request that comes again; its headers and its time may differ."""
    named = framed(request.channel, request.account, request.method, request.url)
    digest = hashlib.blake2b(named.encode("utf-8", "surrogatepass"), digest_size=16)
    digest.update(request.body)
    return digest.hexdigest()
