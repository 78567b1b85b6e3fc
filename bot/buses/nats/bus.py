"""The bus over NATS JetStream, for many machines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from nats.aio.msg import Msg

from bot.buses.nats.connection import NatsConnection
from bot.buses.nats.delivery import Delivery
from bot.buses.nats.settings import Settings
from bot.buses.nats.stream import Stream
from bot.errors import BusError
from bot.model.record import Envelope
from bot.ports import Clock, Handle

# https://github.com/nats-io/nats-server/blob/main/server/errors.json
_FULL = frozenset({10047, 10077})
_NO_RESPONDERS = "503"


class _NoStream(BusError):
    """Nobody takes what is sent to the stream's subjects."""


class NatsBus:
    """The `Bus` port over one stream; any number of processes deliver.

    The store is the record, the bus only wakes: an envelope that two workers handle, as happens
    when one of them stands still for longer than `Settings.ack_wait`, does no harm. The connection
    stays open for who shares it.
    """

    def __init__(  # noqa: PLR0913 - settings of the deployment, each by its name
        self,
        connection: NatsConnection,
        *,
        clock: Clock,
        partitions: int = 16,
        name: str = "samtal",
        replicas: int = 1,
        settings: Settings | None = None,
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._stream = Stream(
            name=name, partitions=partitions, replicas=replicas, settings=settings
        )
        self._running = False

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """See the port; a stream that is full refuses, too."""
        at_once = self._stream.settings.at_once
        for start in range(0, len(envelopes), at_once):
            chunk = envelopes[start : start + at_once]
            try:
                await self._publish(chunk)
            except _NoStream:  # it was lost since it was seen
                await self._publish(chunk)

    async def _publish(self, envelopes: Sequence[Envelope]) -> None:
        """Send all of them in order, then wait for what the server says to each."""
        link = self._connection.link()
        await self._stream.ensure(link)
        answers: list[asyncio.Future[Msg]] = []
        try:
            for envelope in envelopes:
                subject = self._stream.subject(self._stream.partition(envelope.thread))
                body = envelope.model_dump_json().encode()
                answers.append(await link.ask(subject, body, event=envelope.event))
            async with asyncio.timeout(self._stream.settings.patience.total_seconds()):
                for answer in answers:
                    _check(await answer)
        except TimeoutError:
            raise BusError(f"NATS at {link.place} does not say that it took it") from None
        except _NoStream:
            self._stream.forget(link)
            raise
        finally:
            for answer in answers:
                _let_go(answer)

    async def run(self, handle: Handle) -> None:
        """See the port."""
        if self._running:
            raise RuntimeError("this bus is delivering already")
        self._running = True
        try:
            await Delivery(self._connection, self._stream, clock=self._clock, handle=handle).run()
        finally:
            self._running = False

    async def depth(self) -> int:
        """See the port; raises BusError when the server does not answer."""
        return await self._stream.count(self._connection.link())

    async def close(self) -> None:
        """See the port; nothing is held between two calls."""


def _check(answer: Msg) -> None:
    """Raise BusError unless the server has taken it, now or before."""
    if (answer.headers or {}).get("Status") == _NO_RESPONDERS:
        raise _NoStream("NATS has no stream for envelopes, or no JetStream")
    error = json.loads(answer.data).get("error")
    if error is None:
        return
    if error.get("err_code") in _FULL:
        raise BusError("the bus is full: NATS takes no more envelopes until workers catch up")
    raise BusError(f"NATS refuses an envelope: {error.get('description')}")


def _let_go(answer: asyncio.Future[Msg]) -> None:
    if answer.done() and not answer.cancelled():
        answer.exception()  # it was seen: the first trouble is told
    else:
        answer.cancel()
