"""Loading, changing and reading threads, in memory."""

from __future__ import annotations

from collections import Counter
from operator import itemgetter
from typing import TYPE_CHECKING

from bot.errors import StaleVersion, StoreError
from bot.model.listing import (
    ALL_THREADS,
    HolderCount,
    Listing,
    ThreadFilter,
    ThreadOrder,
    ThreadPlace,
)
from bot.model.moments import micros
from bot.model.record import GapCount, ThreadRow, Turn
from bot.model.splitting import leads, refusal
from bot.model.thread import SendState, SendStatus, ThreadState
from tests.fakes.memory import Memory, Section, SendRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.model.ids import EntryId, IdentityId, SendId, ThreadId
    from bot.model.people import ChannelIdentity
    from bot.model.record import Absorb, LinkMade, Span, ThreadChange
    from bot.model.thread import Entry


class FakeThreads(Section):
    """The `Threads` section."""

    async def turn(self, thread: ThreadId) -> Turn:
        memory = await self._begin()
        now = memory.survivor(thread)
        events = [event for event in memory.waiting() if memory.thread_of(event.identity) == now]
        return Turn(state=_state(memory, now), identities=memory.members(now), events=tuple(events))

    async def commit(self, change: ThreadChange) -> tuple[Entry, ...]:
        memory = await self._begin()
        _check(memory, change)
        if change.link is not None:
            memory.connect(change.link)
        for mark in change.marks:
            memory.mark(mark)
        written = tuple(
            entry.model_copy(update={"seq": memory.next_seq()}) for entry in change.entries
        )
        memory.entries.extend(written)
        memory.entry_seqs.update({entry.id: entry.seq for entry in written})
        memory.states[change.state.thread] = change.state
        memory.outcomes[change.event] = change.outcome
        if change.absorb is not None:
            _absorb(memory, change.absorb, change.state.thread)
        if change.splits:
            _split(memory, change)
        if change.code is not None:
            del memory.codes[change.code]
        _set_out(memory, change)
        memory.learn(change.facts)
        for push in change.pushes:
            memory.let_wait(push)
        return written

    async def entries(
        self,
        spans: Sequence[Span],
        *,
        after: int = 0,
        before: int | None = None,
        limit: int = 100,
        newest: bool = False,
    ) -> list[Entry]:
        memory = await self._begin()
        found = [
            entry
            for entry in memory.entries
            if after < entry.seq
            and (before is None or entry.seq < before)
            and any(
                span.identity == entry.identity and span.from_seq <= entry.seq for span in spans
            )
        ]
        return found[max(len(found) - limit, 0) :] if newest else found[:limit]

    async def entry(self, entry: EntryId) -> Entry | None:
        memory = await self._begin()
        return next((one for one in memory.entries if one.id == entry), None)

    async def sends(self, sends: Sequence[SendId]) -> list[SendState]:
        memory = await self._begin()
        return [memory.send_state(memory.sends[send]) for send in sends if send in memory.sends]

    async def threads(
        self,
        wanted: ThreadFilter = ALL_THREADS,
        *,
        order: ThreadOrder = ThreadOrder.NEWEST,
        after: ThreadPlace | None = None,
        limit: int = 50,
    ) -> list[ThreadRow]:
        memory = await self._begin()
        rows = [
            ThreadRow(state=state, identities=memory.members(thread))
            for thread, state in memory.states.items()
            if not state.is_untouched
        ]
        found = [(_key(ThreadPlace.of(row, order), order), row) for row in rows]
        if order is ThreadOrder.WAITING:
            found = [(key, row) for key, row in found if row.state.owner.kind == "offered"]
        return [
            row
            for key, row in sorted(found, key=itemgetter(0))
            if _takes(wanted, row) and (after is None or key > _key(after, order))
        ][: max(limit, 0)]

    async def counts(self) -> list[HolderCount]:
        memory = await self._begin()
        held = Counter(
            (listing.owner, listing.holder) for listing in map(Listing.of, memory.states.values())
        )
        return [
            HolderCount(owner=owner, holder=holder, count=count)
            for (owner, holder), count in held.items()
            if holder
        ]

    async def queue(self, name: str, *, most: int) -> list[ThreadId]:
        rows = await self.threads(
            ThreadFilter(queue=name), order=ThreadOrder.WAITING, limit=max(most, 0)
        )
        return [row.state.thread for row in rows]

    async def count(self, wanted: ThreadFilter, *, most: int) -> int:
        return len(await self.threads(wanted, limit=most))

    async def thread_ids(self) -> list[ThreadId]:
        memory = await self._begin()
        return sorted({identity.thread for identity in memory.identities.values()})

    async def put_state(self, thread: ThreadRow) -> None:
        memory = await self._begin()
        state = thread.state
        if state.thread in memory.leads_to:
            raise StaleVersion(f"thread {state.thread} went up in another one")
        if _state(memory, state.thread).version != state.version:
            raise StaleVersion(f"thread {state.thread} has moved on")
        memory.states[state.thread] = state

    async def identity(self, identity: IdentityId) -> ChannelIdentity | None:
        memory = await self._begin()
        return memory.identities.get(identity)

    async def links(self, identities: Sequence[IdentityId]) -> list[LinkMade]:
        memory = await self._begin()
        return [
            made
            for made in memory.links.values()
            if made.link.one in identities and made.link.other in identities
        ]

    async def gaps(self, *, limit: int = 100) -> list[GapCount]:
        memory = await self._begin()
        demand = sorted(
            memory.gaps.values(), key=lambda gap: (gap.count, gap.last_at), reverse=True
        )
        return demand[:limit]


def _key(place: ThreadPlace, order: ThreadOrder) -> tuple[int, ThreadId]:
    """Rises in the order."""
    at = micros(place.at)
    return (at if order is ThreadOrder.WAITING else -at), place.thread


def _takes(wanted: ThreadFilter, row: ThreadRow) -> bool:
    listing = Listing.of(row.state)
    channels = {one.address.channel for one in row.identities}
    return (
        listing.owner in wanted.owners
        and wanted.holder in {None, listing.holder}
        and listing.phase in wanted.phases
        and listing.language in wanted.languages
        and (wanted.channel is None or wanted.channel in channels)
    )


def _state(memory: Memory, thread: ThreadId) -> ThreadState:
    return memory.states.get(thread) or ThreadState(thread=thread)


def _check(memory: Memory, change: ThreadChange) -> None:
    """Everything that can be wrong is found before anything is written."""
    thread = change.state.thread
    if change.state.version != change.expected + 1:
        raise StoreError(f"version {change.state.version} does not follow {change.expected}")
    if not memory.waits(change.event):
        raise StaleVersion(f"event {change.event} does not wait any more")
    for fenced, version in _fences(change):
        if fenced in memory.leads_to or _state(memory, fenced).version != version:
            raise StaleVersion(f"thread {fenced} has moved on from version {version}")
    if change.absorb is not None and change.absorb.thread == thread:
        raise StoreError(f"thread {thread} cannot absorb itself")
    if change.code is not None and change.code not in memory.codes:
        raise StaleVersion("the link code is used up or gone")
    _check_facts(memory, change)
    if any(entry.id in memory.entry_seqs for entry in change.entries):
        raise StaleVersion(f"event {change.event} has left entries in thread {thread} before")
    _check_links(memory, change)


def _check_links(memory: Memory, change: ThreadChange) -> None:
    known = {*memory.links, change.link.id if change.link else None}
    if any(mark.link not in known for mark in change.marks):
        raise StoreError("a mark is of an unknown link")
    taken = {identity.thread for identity in memory.identities.values()}
    members = memory.members(change.state.thread)
    refused = change.splits and refusal(change, members, taken=taken)
    if refused:
        raise StoreError(refused)


def _check_facts(memory: Memory, change: ThreadChange) -> None:
    for fact in change.facts:
        if fact.identity not in memory.identities:
            raise StoreError(f"fact {fact.id} is about an unknown identity {fact.identity}")
    for push in change.pushes:
        if push.identity not in memory.identities:
            raise StoreError(f"push {push.key} is about an unknown identity {push.identity}")


def _fences(change: ThreadChange) -> list[tuple[ThreadId, int]]:
    fences = [(change.state.thread, change.expected)]
    if change.absorb is not None:
        fences.append((change.absorb.thread, change.absorb.version))
    return fences


def _absorb(memory: Memory, absorb: Absorb, survivor: ThreadId) -> None:
    memory.leads_to[absorb.thread] = survivor
    memory.versions[absorb.thread] = absorb.version
    memory.states.pop(absorb.thread, None)
    for identity in memory.members(absorb.thread):
        memory.identities[identity.id] = identity.model_copy(update={"thread": survivor})


def _split(memory: Memory, change: ThreadChange) -> None:
    members = memory.members(change.state.thread)
    for split in change.splits:
        thread = split.state.thread
        version = memory.versions.get(thread, 0) + 1
        memory.states[thread] = split.state.model_copy(update={"version": version})
        memory.leads_to.pop(thread, None)
        for one in split.identities:
            moved = memory.identities[one].model_copy(update={"thread": thread})
            memory.identities[one] = moved
    for thread, lead in leads(change, members):
        if thread in memory.leads_to:
            memory.leads_to[thread] = lead


def _set_out(memory: Memory, change: ThreadChange) -> None:
    """What a change leaves to be done: sends, timers, content to be written."""
    for item in change.sends:
        state = SendState(send=item.id, status=SendStatus.QUEUED)
        seq = memory.entry_seqs[item.entry]
        memory.sends[item.id] = SendRow(item=item, seq=seq, due=item.at, state=state)
    for timer in change.timers:
        if timer.id not in memory.events:
            memory.timers.setdefault(timer.id, timer)
    when = change.entries[-1].at if change.entries else memory.events[change.event].at
    for gap in change.gaps:
        known = memory.gaps.get(gap)
        count = known.count + 1 if known else 1
        last_at = max(known.last_at, when) if known else when
        memory.gaps[gap] = GapCount(gap=gap, count=count, last_at=last_at)
