"""Carries announcements between the processes of one installation."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Annotated

import structlog
from pydantic import Field, TypeAdapter, ValidationError

from bot.errors import BusError
from bot.hub.circle import Circle, Tally
from bot.hub.feed import Announcement, EventEnded, Feed, Missed, SendMoved, ThreadMoved
from bot.ports import Clock, Fanout

log = structlog.get_logger("samtal.relay")

SUBJECT = "feed"
_MOST_BYTES = 500_000  # of one message; a NATS server takes 1 MiB by default
_MOST_WAITING = 5_000  # announcements while nothing can be told; the oldest are given up
_FIRST_WAIT = timedelta(milliseconds=100)
_LONGEST_WAIT = timedelta(seconds=2)
_PARTING = timedelta(seconds=1)

Told = Annotated[ThreadMoved | SendMoved | EventEnded, Field(discriminator="kind")]
_ANNOUNCEMENTS: TypeAdapter[list[ThreadMoved | SendMoved | EventEnded]] = TypeAdapter(list[Told])


class Relay:
    """Tells other processes what this one announces, and announces here what they tell.

    The order of one process is kept. Nobody waits for it and trouble disturbs nobody: what could
    not be told or heard shows, here and there, as the announcement `Missed`.
    """

    def __init__(
        self, feed: Feed, fanout: Fanout, *, clock: Clock, tally: Tally | None = None
    ) -> None:
        self._feed = feed
        self._clock = clock
        self._circle = Circle(fanout, subject=SUBJECT, tally=tally)
        self._waiting: deque[Announcement] = deque()
        self._fresh = asyncio.Event()

    @property
    def listening(self) -> asyncio.Event:
        """Set while others are heard."""
        return self._circle.listening

    async def run(self) -> None:
        """Do so until cancelled."""
        unsubscribe = self._feed.subscribe(self._announced, own=True)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._tell())
                group.create_task(
                    self._circle.listen(self._heard, missed=self._missed, clock=self._clock)
                )
        finally:
            unsubscribe()
            await self._last_words()

    # --- telling -----------------------------------------------------------------------------

    def _announced(self, announcement: Announcement) -> None:
        self._waiting.append(announcement)
        if len(self._waiting) > _MOST_WAITING:
            self._waiting.popleft()
            self._circle.give_up()
        self._fresh.set()

    async def _tell(self) -> None:
        while True:
            await self._fresh.wait()
            self._fresh.clear()
            for body in bodies(self._taken()):
                await self._deliver(body)

    async def _last_words(self) -> None:
        """Tell what was announced just before the end; who misses it would not know."""
        with suppress(BusError, TimeoutError):
            async with asyncio.timeout(_PARTING.total_seconds()):
                for body in bodies(self._taken()):
                    await self._circle.tell(body)

    def _taken(self) -> Iterator[Announcement]:
        while self._waiting:
            yield self._waiting.popleft()

    async def _deliver(self, body: bytes) -> None:
        try:
            await self._circle.tell(body)
        except BusError as error:
            log.warning("others are not told", reason=str(error))
            await self._own_up()

    async def _own_up(self) -> None:
        """Let the others know that there is a hole, as soon as they can be told anything."""
        wait = _FIRST_WAIT
        while True:
            await self._clock.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)
            try:
                await self._circle.tell(b"")
            except BusError:
                continue
            log.info("others are told again")
            return

    # --- hearing -----------------------------------------------------------------------------

    async def _heard(self, body: bytes) -> None:
        try:
            announcements = _ANNOUNCEMENTS.validate_json(body)
        except ValidationError as error:
            self._circle.unread(f"{error.error_count()} mistakes")  # not its text: it quotes
            return
        for announcement in announcements:
            self._feed.pass_on(announcement)

    def _missed(self) -> None:
        self._feed.pass_on(Missed())


def bodies(announcements: Iterator[Announcement]) -> Iterator[bytes]:
    """Messages that carry these announcements, in order: several in one, and none too large."""
    parts: list[bytes] = []
    size = 0
    for announcement in announcements:
        for part in _parts(announcement):
            if parts and size + len(part) > _MOST_BYTES:
                yield _joined(parts)
                parts, size = [], 0
            parts.append(part)
            size += len(part)
    if parts:
        yield _joined(parts)


def _joined(parts: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(parts) + b"]"


def _parts(announcement: Announcement) -> Iterator[bytes]:
    """The announcement as JSON; one with much in it in pieces, each of fewer entries."""
    if isinstance(announcement, Missed):
        return
    part = announcement.model_dump_json().encode()
    if (
        len(part) <= _MOST_BYTES
        or not isinstance(announcement, ThreadMoved)
        or len(announcement.entries) <= 1
    ):
        yield part
        return
    middle = len(announcement.entries) // 2
    first, second = announcement.entries[:middle], announcement.entries[middle:]
    yield from _parts(announcement.model_copy(update={"entries": first}))
    yield from _parts(announcement.model_copy(update={"entries": second, "absorbed": None}))
