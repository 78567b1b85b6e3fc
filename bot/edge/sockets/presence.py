"""Who looks at which thread, at this edge and at all others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import datetime, timedelta

import structlog
from pydantic import ValidationError

from bot.errors import BusError
from bot.hub.circle import Circle, Tally
from bot.model.ids import AgentId, ThreadId
from bot.model.value import Value
from bot.ports import Clock, Fanout

log = structlog.get_logger("samtal.presence")

SUBJECT = "presence"
_EVERY = timedelta(seconds=10)  # how often an edge says again who is there
_LAPSE = timedelta(seconds=30)  # after which an edge that says nothing has nobody there
_AT_ONCE = 200  # threads in one message

Changed = Callable[[ThreadId], Awaitable[None]]


class Viewer(Value):
    """An agent who looks at a thread."""

    agent: AgentId
    name: str


class Watched(Value):
    """Who looks at a thread at one edge; nobody is told once, when the last one leaves."""

    thread: ThreadId
    viewers: tuple[Viewer, ...]


class Present(Value):
    """What one edge tells the others; `asking`: it has just come and wants to know who is there."""

    edge: str
    watched: tuple[Watched, ...] = ()
    asking: bool = False


class Presence:
    """Knows the viewers of threads; without a fan-out, those of this edge alone."""

    def __init__(
        self, fanout: Fanout | None, *, clock: Clock, changed: Changed, tally: Tally | None = None
    ) -> None:
        self._circle = Circle(fanout, subject=SUBJECT, tally=tally) if fanout else None
        self._clock = clock
        self._changed = changed
        self._own: dict[ThreadId, tuple[Viewer, ...]] = {}
        self._others: dict[ThreadId, dict[str, tuple[tuple[Viewer, ...], datetime]]] = {}

    @property
    def circle(self) -> Circle | None:
        """What it hears others on."""
        return self._circle

    def viewers(self, thread: ThreadId) -> list[Viewer]:
        """Everybody who looks at a thread, each once, by their id."""
        everybody = [*self._own.get(thread, ())]
        for viewers, _ in self._others.get(thread, {}).values():
            everybody += viewers
        names = {one.agent: one for one in reversed(everybody)}
        return [names[agent] for agent in sorted(names)]

    async def set_here(self, thread: ThreadId, viewers: Iterable[Viewer]) -> None:
        """At this edge these, and no others, look at the thread now."""
        now = tuple(sorted(set(viewers), key=lambda one: one.agent))
        if now == self._own.get(thread, ()):
            return
        if now:
            self._own[thread] = now
        else:
            self._own.pop(thread, None)
        await self._tell([Watched(thread=thread, viewers=now)])

    async def run(self) -> None:
        """Hear the others, and tell them again and again, until cancelled."""
        if self._circle is None:
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(
                self._circle.listen(self._heard, missed=self._missed(group), clock=self._clock)
            )
            while True:
                await self._clock.sleep(_EVERY)
                await self._tell_all()
                await self._lapse()

    async def leave(self) -> None:
        """Tell the others that nobody is here any more."""
        gone = [Watched(thread=thread, viewers=()) for thread in self._own]
        self._own.clear()
        await self._tell(gone)

    # --- telling -----------------------------------------------------------------------------

    async def _tell_all(self) -> None:
        await self._tell([Watched(thread=thread, viewers=own) for thread, own in self._own.items()])

    async def _tell(self, watched: list[Watched]) -> None:
        for some in _slices(watched):
            await self._send(Present(edge=self._name, watched=some))

    async def _ask(self) -> None:
        await self._send(Present(edge=self._name, asking=True))
        await self._tell_all()

    async def _send(self, present: Present) -> None:
        if self._circle is None:
            return
        try:
            await self._circle.tell(present.model_dump_json().encode())
        except BusError as error:  # it is said again in a moment
            log.info("others are not told who looks", reason=str(error))

    @property
    def _name(self) -> str:
        return self._circle.origin if self._circle else ""

    # --- hearing -----------------------------------------------------------------------------

    def _missed(self, group: asyncio.TaskGroup) -> Callable[[], None]:
        def ask() -> None:
            group.create_task(self._ask())

        return ask

    async def _heard(self, body: bytes) -> None:
        try:
            present = Present.model_validate_json(body)
        except ValidationError as error:
            if self._circle is not None:
                self._circle.unread(f"{error.error_count()} mistakes")
            return
        if present.asking:
            await self._tell_all()
        for watched in present.watched:
            before = self.viewers(watched.thread)
            self._note(present.edge, watched)
            if self.viewers(watched.thread) != before:
                await self._changed(watched.thread)

    def _note(self, edge: str, watched: Watched) -> None:
        edges = self._others.setdefault(watched.thread, {})
        edges.pop(edge, None)
        if watched.viewers:
            edges[edge] = (watched.viewers, self._clock.now())
        if not edges:
            del self._others[watched.thread]

    async def _lapse(self) -> None:
        """Forget what edges said that have been silent since."""
        since = self._clock.now() - _LAPSE
        for thread, edges in list(self._others.items()):
            before = self.viewers(thread)
            for edge, (_, at) in list(edges.items()):
                if at <= since:
                    del edges[edge]
            if not edges:
                self._others.pop(thread, None)
            if self.viewers(thread) != before:
                await self._changed(thread)


def _slices(watched: list[Watched]) -> Iterator[tuple[Watched, ...]]:
    for start in range(0, len(watched), _AT_ONCE):
        yield tuple(watched[start : start + _AT_ONCE])
