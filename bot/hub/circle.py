"""What processes tell each other: one subject of the fan-out, and whether anything was missed."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Protocol

import structlog

from bot.errors import BusError
from bot.ports import Clock, Fanout

log = structlog.get_logger("samtal.circle")

Hear = Callable[[bytes], Awaitable[None]]
Missed = Callable[[], None]

_FIRST_WAIT = timedelta(milliseconds=100)
_LONGEST_WAIT = timedelta(seconds=2)
_ORIGINS = 1000  # processes whose numbers are remembered; the ones silent longest are forgotten
_HEADER = re.compile(rb"([0-9a-f]{16}) ([0-9]{1,18})( !)?\n")


class Tally(Protocol):
    """Counts what goes over the fan-out; a metrics registry of the edge does."""

    def fanout(self, subject: str, *, result: str) -> None:
        """One message was `told`, `untold`, `heard`, `unread`, or a stretch of them `missed`."""


class Circle:
    """The processes that talk on one subject; nobody hears itself.

    Each message carries its teller and a number, so that a hole shows whoever made it: a server
    that dropped something, or a teller that could not tell for a while.
    """

    def __init__(self, fanout: Fanout, *, subject: str, tally: Tally | None = None) -> None:
        self.origin = secrets.token_hex(8)
        self.listening = asyncio.Event()
        self._fanout = fanout
        self._subject = subject
        self._tally = tally
        self._number = 0
        self._broken = False
        self._telling = asyncio.Lock()
        self._heard: OrderedDict[bytes, int] = OrderedDict()

    async def tell(self, body: bytes) -> None:
        """Tell the others; raises BusError, and then the next that arrives shows them the hole.

        An empty body tells nothing but that.
        """
        async with self._telling:  # numbers leave in order
            self._number += 1
            number = self._number
            mark = b" !" if self._broken else b""
            header = b"%s %d%s\n" % (self.origin.encode(), number, mark)
            try:
                await self._fanout.tell(self._subject, header + body)
            except BusError:
                self._broken = True
                self._count("untold")
                raise
            self._broken = self._number != number
            self._count("told")

    def give_up(self) -> None:
        """One message will never be told: the next that is shows the hole."""
        self._number += 1
        self._broken = True
        self._count("untold")

    async def listen(self, hear: Hear, *, missed: Missed, clock: Clock) -> None:
        """Hand over what others tell until cancelled, or until the fan-out closes.

        `missed` is called whenever something may have been missed, also when listening begins. A
        fan-out that does not answer is asked again.
        """
        wait = _FIRST_WAIT
        while True:
            try:
                await self._listen(hear, missed)
            except BusError as error:
                self.listening.clear()
                log.warning("does not hear", subject=self._subject, reason=str(error))
                await clock.sleep(wait)
                wait = min(wait * 2, _LONGEST_WAIT)
            else:
                return

    async def _listen(self, hear: Hear, missed: Missed) -> None:
        async with self._fanout.listen(self._subject) as messages:
            missed()
            self.listening.set()
            async for message in messages:
                if message is None:
                    self._count("missed")
                    missed()
                else:
                    await self._take(message, hear, missed)

    async def _take(self, message: bytes, hear: Hear, missed: Missed) -> None:
        header = _HEADER.match(message)
        if header is None:
            self.unread("no header")
            return
        origin, number = header[1], int(header[2])
        if origin == self.origin.encode():
            return
        last = self._heard.pop(origin, None)
        self._heard[origin] = max(number, last or 0)
        if len(self._heard) > _ORIGINS:
            self._heard.popitem(last=False)
        if last is not None and number <= last:
            return  # a repeat
        if header[3] or (last is not None and number > last + 1):
            self._count("missed")
            missed()
        body = message[header.end() :]
        if body:
            self._count("heard")
            await hear(body)

    def unread(self, reason: str) -> None:
        """What somebody told cannot be read (another version's, or not ours): counted, logged."""
        self._count("unread")
        log.warning("cannot read what was told", subject=self._subject, reason=reason)

    def _count(self, result: str) -> None:
        if self._tally is not None:
            self._tally.fanout(self._subject, result=result)
