"""Steps 3 and 5: load the thread, let one event change it, write everything in one step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

import structlog

from bot.errors import StaleVersion, StoreError
from bot.hub.agents import Agents, DeskEvent
from bot.hub.correcting import Corrections
from bot.hub.customers import Customers
from bot.hub.draft import Draft
from bot.hub.engines import Engines
from bot.hub.feed import EventEnded, Feed, ThreadMoved
from bot.hub.linked import LinkedChannels, LinkEvent
from bot.hub.scene import Scene
from bot.hub.voice import Voice
from bot.model.event import AgentCorrects, ThreadEvent
from bot.model.ids import EventId, ThreadId
from bot.model.record import Envelope, Span, ThreadChange, Turn
from bot.model.thread import Entry, Unlinked

log = structlog.get_logger("samtal.converse")

# Another worker on the same thread is rare (a link just made two threads one): a few fresh looks
# are enough, after that the bus tries again later.
_LOOKS = 10
# The bus counts deliveries durably, also those that the process died of. Twice as many as tries:
# a restart or a moment without a disk is nobody's fault.
_DELIVERIES = 2
# So many entries of a thread are looked through for those of an event that somebody else handled.
_LATELY = 50
_REMEMBERED = 10_000


@dataclass(frozen=True, kw_only=True)
class Handlers:
    """Who decides what an event does."""

    customers: Customers
    agents: Agents
    links: LinkedChannels
    corrections: Corrections
    voice: Voice


class _Lately:
    """Events of which this process has told, the latest of them."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._events: dict[EventId, None] = {}

    def __contains__(self, event: EventId) -> bool:
        return event in self._events

    def put(self, event: EventId) -> None:
        """Remember one more, and forget the oldest."""
        self._events[event] = None
        if len(self._events) > self._size:
            del self._events[next(iter(self._events))]


class Converse:
    """The bus's handler: works off what waits for a thread, in order of acceptance.

    The bus only wakes it: what waits is read from the store, so that an envelope delivered twice,
    late or to the wrong worker does no harm.
    """

    def __init__(self, engines: Engines, *, handlers: Handlers, feed: Feed, max_tries: int) -> None:
        self._store = engines.store
        self._clock = engines.clock
        self._handlers = handlers
        self._feed = feed
        self._max_tries = max_tries
        self._failures: Counter[EventId] = Counter()
        self._told = _Lately(_REMEMBERED)

    def take_over(self, handlers: Handlers, *, max_tries: int) -> None:
        """Go on with these; an event in hand ends with those it began with."""
        self._handlers = handlers
        self._max_tries = max_tries

    async def handle(self, envelope: Envelope, *, tries: int) -> None:
        """Work off the thread that this envelope speaks of."""
        stale = 0
        given_up = tries > self._max_tries * _DELIVERIES
        while stale < _LOOKS:
            turn = await self._store.turn(envelope.thread)
            if not turn.events:
                await self._tell_of(envelope.event, turn)
                return
            if given_up:
                # Whatever it is, the process does not live to tell, or the store will not take it.
                given_up = False
                reason = f"delivered {tries} times without an end"
                await self._bury(turn.events[0], reason=reason, tries=tries)
                continue
            try:
                await self._work_off(turn)
            except StaleVersion:
                stale += 1
                log.info("stale", thread=turn.state.thread, tries=tries)
                continue
            if [event.id for event in turn.events] == [envelope.event]:
                return  # the usual case: whatever came meanwhile has an envelope of its own
        raise StaleVersion(f"thread {envelope.thread} keeps moving")

    async def _work_off(self, turn: Turn) -> None:
        for event in turn.events:
            change = await self._take(turn, event)
            if change is None:
                continue
            for part in change.splits:
                # What waits for those who left was put on the bus for the thread they were in.
                await self._work_off(await self._store.turn(part.state.thread))
            if change.absorb or change.splits:
                return
            turn = turn.model_copy(update={"state": change.state})

    async def _take(self, turn: Turn, event: ThreadEvent) -> ThreadChange | None:
        """Let one event have its effect; None when it was set aside as a dead letter."""
        try:
            change = await self._effect(turn, event)
            await self._commit(turn, change)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - the worker's outermost guard: one event's
            # fault must not stop the others.
            await self._trouble(event, error)
            return None
        return change

    async def _tell_of(self, event: EventId, turn: Turn) -> None:
        """Announce what another worker wrote for an event, as it may have died before it did.

        Nor is it known here what became of a commit that the store did not answer.
        """
        if event in self._told:
            return
        spans = [Span(identity=identity.id) for identity in turn.identities]
        newest = await self._store.entries(spans, limit=_LATELY, newest=True)
        entries = tuple(entry for entry in newest if entry.event == event)
        outcome = await self._store.outcome(event)
        if outcome is not None:
            self._told.put(event)
            self._feed.announce(EventEnded(event=event, outcome=outcome))
            apart = await self._apart(entries)
            if apart:
                await self._announce_parts({turn.state.thread, *apart}, entries)
                return
            self._feed.announce(
                ThreadMoved(state=turn.state, identities=turn.identities, entries=entries)
            )

    async def _apart(self, entries: tuple[Entry, ...]) -> set[ThreadId]:
        """The threads that links which these entries ended lead to now."""
        ends = {
            end
            for entry in entries
            if isinstance(entry.body, Unlinked)
            for end in (entry.body.one, entry.body.other)
        }
        found = [await self._store.identity(end) for end in sorted(ends)]
        return {identity.thread for identity in found if identity is not None}

    async def _effect(self, turn: Turn, event: ThreadEvent) -> ThreadChange:
        identity = turn.identity(event.identity)
        if identity is None:
            raise LookupError(f"identity {event.identity} is not in thread {turn.state.thread}")
        draft = Draft(turn.state, event, now=self._clock.now())
        scene = Scene(turn=turn, identity=identity, draft=draft, voice=self._handlers.voice)
        if isinstance(event.body, DeskEvent):
            await self._handlers.agents.handle(scene, event.body)
        elif isinstance(event.body, LinkEvent):
            await self._handlers.links.handle(scene, event.body)
        elif isinstance(event.body, AgentCorrects):
            await self._handlers.corrections.handle(scene, event.body)
        else:
            await self._handlers.customers.handle(scene, event.body)
        return draft.change()

    async def _commit(self, turn: Turn, change: ThreadChange) -> None:
        entries = await self._store.commit(change)
        self._failures.pop(change.event, None)
        self._told.put(change.event)
        self._feed.announce(EventEnded(event=change.event, outcome=change.outcome))
        log.info(
            "processed",
            event_id=change.event,
            thread=change.state.thread,
            version=change.state.version,
            entries=len(entries),
            sends=len(change.sends),
        )
        if change.splits:
            threads = {change.state.thread, *(part.state.thread for part in change.splits)}
            await self._announce_parts(threads, entries)
            return
        identities = turn.identities
        if change.absorb:
            identities = (await self._store.turn(change.state.thread)).identities
        self._feed.announce(
            ThreadMoved(
                state=change.state,
                identities=identities,
                entries=entries,
                absorbed=change.absorb.thread if change.absorb else None,
            )
        )

    async def _announce_parts(
        self, threads: Collection[ThreadId], entries: tuple[Entry, ...]
    ) -> None:
        """Tell of each thread that came out of one, with what is its own."""
        for thread in sorted(threads):
            turn = await self._store.turn(thread)
            own = {identity.id for identity in turn.identities}
            self._feed.announce(
                ThreadMoved(
                    state=turn.state,
                    identities=turn.identities,
                    entries=tuple(entry for entry in entries if entry.identity in own),
                    parted=True,
                )
            )

    async def _trouble(self, event: ThreadEvent, error: Exception) -> None:
        self._failures[event.id] += 1
        tries = self._failures[event.id]
        log.error(
            "event failed", event_id=event.id, thread=event.thread, tries=tries, exc_info=error
        )
        if tries < self._max_tries:
            raise error
        await self._bury(event, reason=f"{type(error).__name__}: {error}", tries=tries)
        del self._failures[event.id]

    async def _bury(self, event: ThreadEvent, *, reason: str, tries: int) -> None:
        log.error("event set aside", event_id=event.id, thread=event.thread, tries=tries)
        await self._store.bury(event.id, reason=reason, tries=tries, at=self._clock.now())
