"""What agents see and do; everything they do travels the line as an event."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.errors import NotFound
from bot.hub.assurance import Level
from bot.hub.ingress import Ingress
from bot.hub.levels import Levels
from bot.hub.searching import SearchPage, SearchPlace, search
from bot.model.channel import Address, Attachment
from bot.model.event import (
    AgentAccepts,
    AgentHandsBack,
    AgentNotes,
    AgentReplies,
    AgentResolves,
    AgentSetsFacet,
    AgentSnoozes,
    AgentTransfers,
    AgentUnsnoozes,
    EventBody,
    Outcome,
)
from bot.model.ids import AgentId, EpisodeId, EventId, IdentityId, ThreadId
from bot.model.listing import ALL_THREADS, HolderCount, ThreadFilter, ThreadOrder, ThreadPlace
from bot.model.people import ByAgent
from bot.model.record import Arrival, LinkMade, Span, ThreadRow
from bot.model.thread import Entry, MessageOut, Phase, SendState
from bot.model.value import Value
from bot.ports import Clock, Store

COUNTED_TO = 100


class EntryView(Value):
    """An entry as people see it: where it happened, and how a message out went."""

    entry: Entry
    address: Address
    send: SendState | None = None


class ThreadLine(ThreadRow):
    """A thread as agents see it; `level` is that of the address the customer wrote from last."""

    level: Level


class ThreadPage(Value):
    """Some threads of a list; `next` is where the page ended, if there are more."""

    rows: tuple[ThreadLine, ...]
    next: ThreadPlace | None = None


class QueueCount(Value):
    """How many threads wait in one queue."""

    queue: str
    waiting: int


class ThreadCounts(Value):
    """How many threads are mine, any agent's, and waiting, also by queue.

    Put aside, of the bot, and all there are may be very many: they are counted to `most`.
    """

    mine: int
    agents: int
    waiting: int
    queues: tuple[QueueCount, ...]
    snoozed: int
    bot: int
    all: int
    most: int = COUNTED_TO


class QueueList(Value):
    """The queues that are known: those of the settings, and every other that somebody waits in."""

    queues: tuple[QueueCount, ...]


class Desk:
    """The agents' side of the hub."""

    def __init__(
        self,
        *,
        store: Store,
        ingress: Ingress,
        clock: Clock,
        levels: Levels,
        patience: timedelta = timedelta(seconds=10),
    ) -> None:
        self._store = store
        self._ingress = ingress
        self._clock = clock
        self._levels = levels
        self._patience = patience

    async def threads(
        self,
        wanted: ThreadFilter = ALL_THREADS,
        *,
        order: ThreadOrder = ThreadOrder.NEWEST,
        after: ThreadPlace | None = None,
        limit: int = 50,
    ) -> ThreadPage:
        """A page of the threads that a filter takes; `after` is where the page before ended."""
        # One more tells whether there is a page after this one.
        rows = await self._store.threads(wanted, order=order, after=after, limit=limit + 1)
        page = await self.lines(rows[:limit])
        more = len(rows) > limit
        return ThreadPage(rows=page, next=ThreadPlace.of(page[-1], order) if more else None)

    async def lines(self, rows: Sequence[ThreadRow]) -> tuple[ThreadLine, ...]:
        """Threads with how sure we are of who writes there."""
        # Most customers have one address, and so no links.
        linked = [one.id for row in rows if len(row.identities) > 1 for one in row.identities]
        links = await self._store.links(linked) if linked else []
        return tuple(self._line(row, links) for row in rows)

    def _line(self, row: ThreadRow, links: Sequence[LinkMade]) -> ThreadLine:
        found = {one.id: one for one in row.identities}
        speaks = found.get(row.state.active) if row.state.active else None
        level = self._levels.level(speaks or row.identities[0], links)
        return ThreadLine(state=row.state, identities=row.identities, level=level)

    async def counts(self, agent: AgentId) -> ThreadCounts:
        """How many threads there are in each view of the list, for this agent."""
        held = await self._store.counts()
        owned = [one for one in held if one.owner == "agent"]
        queues = _queues(held)
        snoozed, bots, everything = [
            await self._store.count(wanted, most=COUNTED_TO)
            for wanted in (
                ThreadFilter(phase=Phase.SNOOZED),
                ThreadFilter(owner="bot"),
                ALL_THREADS,
            )
        ]
        return ThreadCounts(
            mine=sum(one.count for one in owned if one.holder == agent),
            agents=sum(one.count for one in owned),
            waiting=sum(one.waiting for one in queues),
            queues=queues,
            snoozed=snoozed,
            bot=bots,
            all=everything,
        )

    async def queues(self, *known: str) -> QueueList:
        """The queues that threads can be offered to, by name; `known` also with nobody in them."""
        waiting = {one.queue: one for one in _queues(await self._store.counts())}
        empty = {name: QueueCount(queue=name, waiting=0) for name in known}
        found = empty | waiting
        return QueueList(queues=tuple(found[name] for name in sorted(found)))

    async def search(
        self, text: str, *, after: SearchPlace | None = None, limit: int = 20
    ) -> SearchPage:
        """A page of what a text finds; `after` is where the page before ended."""
        return await search(self._store, text, after=after, limit=limit)

    async def thread(self, thread: ThreadId) -> ThreadLine:
        """One thread; an absorbed one leads to where it went. Raises NotFound."""
        turn = await self._store.turn(thread)
        if not turn.identities:
            raise NotFound(f"no thread {thread}")
        (line,) = await self.lines([ThreadRow(state=turn.state, identities=turn.identities)])
        return line

    async def entries(
        self,
        thread: ThreadId,
        *,
        after: int = 0,
        before: int | None = None,
        limit: int = 100,
    ) -> list[EntryView]:
        """Entries of a thread, oldest first; without `after` the last `limit` of them.

        Raises NotFound.
        """
        row = await self.thread(thread)
        entries = await self._store.entries(
            [Span(identity=identity.id) for identity in row.identities],
            after=after,
            before=before,
            limit=limit,
            newest=after == 0,
        )
        return await view(self._store, row, entries)

    async def accept(self, thread: ThreadId, by: ByAgent, *, takeover: bool = False) -> Outcome:
        """Take an offered thread, or with `takeover` one that the bot owns."""
        return await self._ask(thread, AgentAccepts(by=by, takeover=takeover))

    async def reply(  # noqa: PLR0913 - what an agent's message consists of
        self,
        thread: ThreadId,
        by: ByAgent,
        *,
        text: str,
        client_id: str,
        attachments: tuple[Attachment, ...] = (),
        identity: IdentityId | None = None,
        seen: int | None = None,
    ) -> Outcome:
        """Write to the customer; the same `client_id` again changes nothing.

        `seen`: refused when a colleague has written after this entry number.
        """
        body = AgentReplies(by=by, text=text, attachments=attachments, identity=identity, seen=seen)
        return await self._ask(thread, body, key=client_id)

    async def note(
        self, thread: ThreadId, by: ByAgent, *, text: str, client_id: str | None = None
    ) -> Outcome:
        """Leave a remark that is never sent; the same `client_id` again changes nothing."""
        # Apart from the replies' ids: a reply and a note may have the same one.
        key = None if client_id is None else f"note {client_id}"
        return await self._ask(thread, AgentNotes(by=by, text=text), key=key)

    async def hand_back(self, thread: ThreadId, by: ByAgent, *, note: str = "") -> Outcome:
        """Give the thread back to the bot."""
        return await self._ask(thread, AgentHandsBack(by=by, note=note))

    async def transfer(self, thread: ThreadId, by: ByAgent, *, queue: str, note: str) -> Outcome:
        """Offer the thread to a queue."""
        return await self._ask(thread, AgentTransfers(by=by, queue=queue, note=note))

    async def resolve(self, thread: ThreadId, by: ByAgent, *, reason: str) -> Outcome:
        """Close the case; the bot owns the thread again."""
        return await self._ask(thread, AgentResolves(by=by, reason=reason))

    async def snooze(self, thread: ThreadId, by: ByAgent, *, until: datetime) -> Outcome:
        """Put the case aside until a moment, or until the customer writes."""
        return await self._ask(thread, AgentSnoozes(by=by, until=until))

    async def unsnooze(self, thread: ThreadId, by: ByAgent) -> Outcome:
        """Take the case up again."""
        return await self._ask(thread, AgentUnsnoozes(by=by))

    async def set_facet(
        self, thread: ThreadId, by: ByAgent, *, facet: str, episode: EpisodeId | None = None
    ) -> Outcome:
        """Say as which persona the customer speaks; the latest case is that facet's from now on.

        `episode`: refused when another case is the latest.
        """
        return await self._ask(thread, AgentSetsFacet(by=by, facet=facet, episode=episode))

    async def _ask(self, thread: ThreadId, body: EventBody, *, key: str | None = None) -> Outcome:
        row = await self.thread(thread)
        identity = row.state.active or row.identities[0].id
        # Of the thread as it was asked for: it may go up in another one between two attempts.
        event = EventId.of("desk", thread, key) if key else EventId.new()
        arrival = Arrival(id=event, identity=identity, at=self._clock.now(), body=body)
        return await self._ingress.ask(arrival, patience=self._patience)


def _queues(held: list[HolderCount]) -> tuple[QueueCount, ...]:
    """The queues that somebody waits in, by name."""
    waiting = sorted((one.holder, one.count) for one in held if one.owner == "offered")
    return tuple(QueueCount(queue=queue, waiting=count) for queue, count in waiting)


async def view(store: Store, row: ThreadRow, entries: list[Entry]) -> list[EntryView]:
    """Entries with their addresses and the state of their sends."""
    addresses = {identity.id: identity.address for identity in row.identities}
    wanted = [entry.body.send for entry in entries if isinstance(entry.body, MessageOut)]
    sends = {state.send: state for state in await store.sends(wanted)} if wanted else {}
    return [
        EntryView(
            entry=entry,
            address=addresses[entry.identity],
            send=sends.get(entry.body.send) if isinstance(entry.body, MessageOut) else None,
        )
        for entry in entries
    ]
