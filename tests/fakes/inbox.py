"""Accepting, in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.errors import NotFound, StoreError
from bot.model.event import IdentityJoined, ThreadEvent
from bot.model.ids import EventId, LinkId
from bot.model.people import ChannelIdentity, Link, Proof
from bot.model.record import Accepted, DeadLetter, Envelope
from tests.fakes.memory import KeptRequest, Memory, Section

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from bot.model.event import Outcome
    from bot.model.ids import IdentityId
    from bot.model.record import (
        Acceptance,
        Arrival,
        IdentitySeed,
        RawRequest,
        ReceiptFact,
        Timer,
    )


class FakeInbox(Section):
    """The `Inbox` section."""

    async def accept(self, acceptance: Acceptance) -> Accepted:
        memory = await self._begin()
        for arrival in acceptance.arrivals:
            if arrival.seed is None and arrival.identity not in memory.identities:
                raise NotFound(f"event {arrival.id} is about an unknown identity and has no seed")
        for receipt in acceptance.receipts:
            if receipt.external_id is None and (receipt.user is None or receipt.watermark is None):
                raise StoreError("a receipt names neither a part nor a moment")
        events: list[ThreadEvent] = []
        for arrival in acceptance.arrivals:
            events.extend(_arrive(memory, arrival))
        memory.receipts.extend(acceptance.receipts)
        for consent in acceptance.consents:
            if consent not in memory.consents:
                memory.consents.append(consent)
        _keep_request(memory, acceptance, events)
        if self.bus is not None and events:
            self.bus.put([Envelope(event=event.id, thread=event.thread) for event in events])
        return Accepted(events=tuple(events), queued=self.bus is not None)

    async def outcome(self, event: EventId) -> Outcome | None:
        memory = await self._begin()
        return memory.outcomes.get(event)

    async def unprocessed(self, *, before: datetime, limit: int) -> list[ThreadEvent]:
        memory = await self._begin()
        return [event for event in memory.waiting() if event.at < before][:limit]

    async def waiting(self, *, most: int) -> int:
        memory = await self._begin()
        return min(len(memory.waiting()), max(most, 0))

    async def due_timers(self, *, now: datetime, limit: int) -> list[ThreadEvent]:
        memory = await self._begin()
        due = sorted(
            (timer for timer in memory.timers.values() if timer.due <= now),
            key=lambda timer: timer.due,
        )
        return [_ring(memory, timer, now) for timer in due[:limit]]

    async def bury(self, event: EventId, *, reason: str, tries: int, at: datetime) -> None:
        memory = await self._begin()
        if not memory.waits(event):
            return
        memory.letters[event] = DeadLetter(
            event=event,
            thread=memory.events[event].thread,
            reason=reason,
            tries=tries,
            at=at,
            request=memory.request_of(event),
        )

    async def dead_letters(self, *, limit: int = 100) -> list[DeadLetter]:
        memory = await self._begin()
        return sorted(memory.letters.values(), key=lambda letter: letter.at)[:limit]

    async def revive(self, event: EventId) -> ThreadEvent:
        memory = await self._begin()
        if event not in memory.letters or event not in memory.events:
            raise NotFound(f"no dead letter holds event {event}")
        del memory.letters[event]
        return memory.events[event]

    async def discard_dead_letter(self, event: EventId) -> None:
        memory = await self._begin()
        letter = memory.letters.get(event)
        if letter is None or letter.thread is not None:
            raise NotFound(f"no dead letter {event} of a request that could not be read")
        del memory.letters[event]

    async def prune(self, *, before: datetime) -> int:
        memory = await self._begin()
        memory.receipts = [fact for fact in memory.receipts if not _in_vain(memory, fact, before)]
        kept = [one for one in memory.requests if _needed(memory, one, before)]
        went = len(memory.requests) - len(kept)
        memory.requests = kept
        return went


def _needed(memory: Memory, kept: KeptRequest, before: datetime) -> bool:
    unfinished = (event in memory.letters or memory.waits(event) for event in kept.events)
    return kept.request.at >= before or any(unfinished)


def _in_vain(memory: Memory, fact: ReceiptFact, before: datetime) -> bool:
    """Whether it speaks of a part that has not left in all this time."""
    if fact.external_id is None or fact.at >= before:
        return False
    return (fact.channel, fact.account, fact.external_id) not in memory.part_of


def _arrive(memory: Memory, arrival: Arrival) -> Iterator[ThreadEvent]:
    if arrival.id in memory.events:
        return
    link = None
    if arrival.seed is not None:
        link = _meet(memory, arrival, arrival.seed)
    if link is not None:
        joined = arrival.model_copy(
            update={"id": EventId.of("joined", link.id), "body": IdentityJoined(link=link)}
        )
        yield _record(memory, joined)
    yield _record(memory, arrival)


def _record(memory: Memory, arrival: Arrival) -> ThreadEvent:
    event = ThreadEvent(
        id=arrival.id,
        identity=arrival.identity,
        thread=memory.identities[arrival.identity].thread,
        at=arrival.at,
        body=arrival.body,
        seq=memory.next_seq(),
    )
    memory.events[event.id] = event
    return event


def _meet(memory: Memory, arrival: Arrival, seed: IdentitySeed) -> Link | None:
    """Fill in what was not known; on first sight make the identity, joined with its holder."""
    known = memory.identities.get(arrival.identity)
    link = None
    if known is None:
        link = _link(memory, arrival, seed)
        thread = memory.identities[link.other].thread if link else seed.address.home_thread
        known = ChannelIdentity(
            id=arrival.identity, address=seed.address, thread=thread, created_at=arrival.at
        )
    memory.identities[known.id] = known.model_copy(
        update={
            "phone": known.phone or seed.phone or None,
            "name": known.name or seed.name or None,
            "username": known.username or seed.username or None,
            "language": known.language or seed.language or None,
        }
    )
    for alias in seed.aliases:
        memory.aliases.setdefault(alias, known.id)
    return link


def _link(memory: Memory, arrival: Arrival, seed: IdentitySeed) -> Link | None:
    found = next(_holders(memory, arrival.identity, seed), None)
    if found is None:
        return None
    holder, proof, proof_id = found
    link = Link(
        id=LinkId.of(proof, arrival.identity, holder, arrival.id),
        one=arrival.identity,
        other=holder,
        proof=proof,
        proof_id=proof_id,
        at=arrival.at,
    )
    memory.connect(link)
    return link


def _holders(
    memory: Memory, newcomer: IdentityId, seed: IdentitySeed
) -> Iterator[tuple[IdentityId, Proof, str]]:
    """Who is the same person, by what: by an alias before by the phone, the oldest first."""
    for alias in (newcomer, *seed.aliases):
        holder = alias if alias in memory.identities else memory.aliases.get(alias)
        if holder is not None and holder != newcomer:
            yield holder, Proof.ALIAS, alias
    if seed.join_phone and seed.phone:
        oldest_first = sorted(memory.identities.values(), key=lambda one: (one.created_at, one.id))
        for other in oldest_first:
            if other.phone == seed.phone:
                yield other.id, Proof.ATTESTED_PHONE, seed.phone


def _keep_request(memory: Memory, acceptance: Acceptance, events: list[ThreadEvent]) -> None:
    """Keep the request, if anything new came of it."""
    fresh = [event.id for event in events]
    if acceptance.unreadable is not None:
        fresh += _keep_unreadable(memory, acceptance.request, acceptance.unreadable)
    if acceptance.request is not None and fresh:
        memory.requests.append(KeptRequest(acceptance.request, tuple(fresh)))


def _keep_unreadable(memory: Memory, request: RawRequest | None, reason: str) -> list[EventId]:
    """Set it aside, once; the new dead letter, if it is one."""
    if request is None:
        raise StoreError("an unreadable acceptance needs its request")
    named = (request.channel, request.account, request.url, request.body.hex())
    event = EventId.of("unreadable", *named)
    letter = DeadLetter(
        event=event, thread=None, reason=reason, tries=0, at=request.at, request=request
    )
    fresh = event not in memory.letters
    memory.letters.setdefault(event, letter)
    return [event] if fresh else []


def _ring(memory: Memory, timer: Timer, now: datetime) -> ThreadEvent:
    del memory.timers[timer.id]
    event = ThreadEvent(
        id=timer.id,
        identity=timer.identity,
        thread=memory.identities[timer.identity].thread,
        at=now,
        body=timer.body,
        seq=memory.next_seq(),
    )
    memory.events[timer.id] = event
    return event
