"""Asking for envelopes: what the partitions of one worker wait for over one link."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import deque
from datetime import timedelta

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from bot.buses.nats.link import TROUBLE, Link
from bot.buses.nats.stream import Stream
from bot.errors import BusError

# A request that ended without an envelope, as it should; anything else means that the consumer
# is gone or has moved: https://github.com/nats-io/nats-architecture-and-design (ADR-37)
_ENDED = frozenset({"404", "408"})
_STATUS = "Status"
# What the server takes longer than it was asked to, before it counts as silent.
_SLACK = timedelta(seconds=1)


class Gone(BusError):
    """The consumer does not answer: it is to be made again."""


class _Waiting:
    """What came for one partition."""

    def __init__(self) -> None:
        self.came: deque[Msg] = deque()
        self.request = ""
        self.status: str | None = None
        self.news = asyncio.Event()


class Pulls:
    """Requests for envelopes over one link, and what comes in answer.

    An envelope may come late, after its request was given up: it is kept for the next one.
    """

    def __init__(self, link: Link, stream: Stream) -> None:
        self.link = link
        self._stream = stream
        self._inbox = link.client.new_inbox()
        self._numbers = itertools.count()
        self._waiting: dict[int, _Waiting] = {}
        self._subscription: Subscription | None = None

    @classmethod
    async def open(cls, link: Link, stream: Stream) -> Pulls:
        """Begin to listen for answers; raises BusError."""
        pulls = cls(link, stream)
        pulls._subscription = await link.subscribe(f"{pulls._inbox}.>", pulls._on_message)
        return pulls

    async def close(self, *, patience: timedelta) -> list[Msg]:
        """Ask no more; returns what came and nobody took, so that it can be given back."""
        if self._subscription is not None and not self.link.lost.is_set():
            try:
                async with asyncio.timeout(patience.total_seconds()):
                    # The server forgets requests that nobody listens for any more; what it sent
                    # before it knew is still read.
                    await self._subscription.drain()  # type: ignore[no-untyped-call]  # it has no types
            except TROUBLE:
                pass  # the link is as good as lost, and the requests with it
        return [message for waiting in self._waiting.values() for message in waiting.came]

    def wake(self) -> None:
        """Nobody waits any longer: the link is lost, or the stream may be."""
        for waiting in self._waiting.values():
            waiting.news.set()

    async def next(self, partition: int, *, expires: timedelta) -> Msg | None:
        """The next envelope of a partition, or None when none came or it was woken.

        Raises Gone when the consumer is not there, BusError when nothing can be sent.
        """
        waiting = self._waiting.setdefault(partition, _Waiting())
        if not waiting.came and not self.link.lost.is_set():
            await self._request(partition, waiting, expires)
            await self._answer(partition, waiting, expires + _SLACK)
        return waiting.came.popleft() if waiting.came else None

    async def _request(self, partition: int, waiting: _Waiting, expires: timedelta) -> None:
        waiting.request = str(next(self._numbers))
        waiting.status = None
        waiting.news.clear()
        nanoseconds = expires // timedelta(microseconds=1) * 1_000
        await self.link.send(
            self._stream.pull_subject(partition),
            json.dumps({"batch": 1, "expires": nanoseconds}).encode(),
            reply=f"{self._inbox}.{partition}.{waiting.request}",
        )

    async def _answer(self, partition: int, waiting: _Waiting, longest: timedelta) -> None:
        try:
            async with asyncio.timeout(longest.total_seconds()):
                await waiting.news.wait()
        except TimeoutError:
            raise Gone(f"no answer from the consumer of partition {partition}") from None
        if not waiting.came and waiting.status not in {None, *_ENDED}:
            raise Gone(f"the consumer of partition {partition} is gone: {waiting.status}")

    async def _on_message(self, message: Msg) -> None:
        # An envelope has its own subject and a reply for the acknowledgement; what else the server
        # says has the subject that it was asked to answer to.
        if message.reply:
            waiting = self._waiting.get(int(message.metadata.consumer.removeprefix("p")))
            if waiting is not None:
                waiting.came.append(message)
                waiting.news.set()
            return
        partition, _, request = message.subject.removeprefix(f"{self._inbox}.").partition(".")
        waiting = self._waiting.get(int(partition))
        if waiting is not None and waiting.request == request:
            waiting.status = (message.headers or {}).get(_STATUS, "unknown")
            waiting.news.set()
