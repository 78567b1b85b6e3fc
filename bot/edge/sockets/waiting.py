"""Tells those who wait in a browser for a human where they stand, and when that changes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from bot.edge.parts import EdgeParts
from bot.edge.sockets.shapes import ChatState, chat_state, document
from bot.edge.sockets.visitors import NAMESPACE
from bot.errors import StoreError
from bot.hub.feed import Announcement, ThreadMoved
from bot.hub.queueing import COUNTED, Acceptances, place_in
from bot.model.ids import ThreadId
from bot.model.thread import Offered, OwnerChanged, ThreadState

log = structlog.get_logger("samtal.waiting")

_PAUSE = timedelta(seconds=2)  # what moves in a queue meanwhile is told at once


@dataclass(kw_only=True)
class _Waiter:
    """A thread that waits, what was told of it last, and in which rooms its sockets are."""

    queue: str
    rooms: frozenset[str]
    told: ChatState


class Waiting:
    """Knows the sockets of this process that wait; a queue is read once for all of them.

    Any process may accept whoever stands before them: the announcements of all are heard.
    """

    def __init__(self, parts: EdgeParts) -> None:
        self._live = parts.live
        self._store = parts.store
        self._clock = parts.clock
        self._acceptances = Acceptances()
        self._waiters: dict[ThreadId, _Waiter] = {}
        self._moved = asyncio.Event()

    async def shown(self, state: ThreadState | None, *, rooms: Sequence[str]) -> ChatState:
        """Who answers now, for the sockets in these rooms, which hear of it from here on."""
        told, here = chat_state(state), frozenset(filter(self._is_there, rooms))
        if state is None or not isinstance(state.owner, Offered) or not here:
            return told
        queue, known = state.owner.queue, self._waiters.get(state.thread)
        waiter = _Waiter(queue=queue, rooms=here | (known.rooms if known else here), told=told)
        self._waiters[state.thread] = waiter
        try:
            threads = await self._queue(queue)
        except StoreError as error:  # who answers is to be told all the same
            log.warning("a place in the queue is not told yet", reason=str(error))
            self._moved.set()
        else:
            waiter.told = self._placed(told, threads, state.thread)
        return waiter.told

    def concerns(self, announcement: Announcement) -> bool:
        """Whether a queue may have moved."""
        return isinstance(announcement, ThreadMoved) and any(
            isinstance(entry.body, OwnerChanged) for entry in announcement.entries
        )

    async def tell(self, announcement: Announcement) -> None:
        """Have those who wait told soon; those who do no longer are told by the feed."""
        if not isinstance(announcement, ThreadMoved):
            return
        thread = announcement.state.thread
        self._acceptances.hear(thread, announcement.entries)
        if not isinstance(announcement.state.owner, Offered):
            self._waiters.pop(thread, None)
        self._moved.set()

    async def run(self) -> None:
        """Tell of changed places until cancelled."""
        while True:
            await self._moved.wait()
            await self._clock.sleep(_PAUSE)
            self._moved.clear()
            try:
                await self._tell_all()
            except StoreError as error:
                log.warning("places in the queue are not told", reason=str(error))
                self._moved.set()

    async def _tell_all(self) -> None:
        self._forget_the_gone()
        for queue in {one.queue for one in self._waiters.values()}:
            threads = await self._queue(queue)
            for thread, waiter in list(self._waiters.items()):
                if waiter.queue == queue:
                    await self._tell(thread, waiter, threads)

    async def _tell(self, thread: ThreadId, waiter: _Waiter, threads: list[ThreadId]) -> None:
        told = self._placed(waiter.told, threads, thread)
        if told.place is None:  # it waits no longer, and the feed says so
            del self._waiters[thread]
        elif told != waiter.told:
            waiter.told = told
            for room in waiter.rooms:
                await self._live.emit_here(NAMESPACE, room, "owner", document(told))

    def _forget_the_gone(self) -> None:
        for thread, waiter in list(self._waiters.items()):
            waiter.rooms = frozenset(filter(self._is_there, waiter.rooms))
            if not waiter.rooms:
                del self._waiters[thread]

    def _is_there(self, room: str) -> bool:
        return bool(self._live.members(NAMESPACE, room))

    async def _queue(self, name: str) -> list[ThreadId]:
        return await self._store.queue(name, most=COUNTED)

    def _placed(self, told: ChatState, threads: list[ThreadId], thread: ThreadId) -> ChatState:
        place = place_in(threads, thread)
        now, queue = self._clock.now(), told.queue or ""
        minutes = place and self._acceptances.minutes(queue, place, now=now)
        return told.model_copy(update={"place": place, "minutes": minutes})
