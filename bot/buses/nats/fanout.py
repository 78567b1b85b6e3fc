"""The fan-out over NATS: at most once, to every process that listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial

import structlog
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from bot.buses.listening import MOST, MOST_BYTES, Listeners, checked
from bot.buses.nats.connection import NatsConnection
from bot.buses.nats.link import TROUBLE, Link
from bot.errors import BusError

_log = structlog.get_logger(__name__)

_PATIENCE = timedelta(seconds=3)


class NatsFanout:
    """The `Fanout` port over subjects `<name>.fan.<subject>`.

    A listener gets None when the connection goes and when it is back. What was told shortly before
    a connection went may have been lost on the way: so whoever told it says so afterwards, on
    `<name>.gap.<subject>`, and every listener of that subject gets None. The connection stays open
    for who shares it.
    """

    def __init__(
        self,
        connection: NatsConnection,
        *,
        name: str = "samtal",
        most: int = MOST,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._connection = connection
        self._name = name
        self._listeners = Listeners(most=most, most_bytes=most_bytes)
        self._heard_over: Link | None = None
        self._subscriptions: dict[str, list[Subscription]] = {}
        self._subscribing = asyncio.Lock()
        # Subject -> when something was last told, on the event loop's clock.
        self._told: dict[str, float] = {}
        self._doubtful: set[str] = set()
        self._closed = False
        connection.watch(self)

    async def tell(self, subject: str, message: bytes) -> None:
        """See the port; raises BusError when the message is larger than the server takes."""
        if self._closed:
            raise BusError("the fan-out is closed")
        link = self._connection.link()
        await link.send(f"{self._name}.fan.{checked(subject)}", message)
        self._told[subject] = asyncio.get_running_loop().time()

    @asynccontextmanager
    async def listen(self, subject: str) -> AsyncIterator[AsyncIterator[bytes | None]]:
        """See the port; without a connection, messages come once there is one."""
        listener = self._listeners.add(subject)
        try:
            with suppress(BusError):  # `restored` does it, and says that something was missed
                await self._subscribe(self._connection.link())
            yield listener
        finally:
            self._listeners.remove(subject, listener)
            await self._unsubscribe(subject)

    async def close(self) -> None:
        """See the port; closing twice is harmless."""
        self._closed = True
        self._connection.unwatch(self)
        self._listeners.end()
        for subject in list(self._subscriptions):
            await self._unsubscribe(subject, listened_to=False)

    # --- the connection -----------------------------------------------------------------------

    async def restored(self, link: Link) -> None:
        """Listen over the new link, then say that something may have been missed."""
        await self._subscribe(link)
        for subject in sorted(self._doubtful):
            await link.send(f"{self._name}.gap.{subject}")
            self._doubtful.discard(subject)
        self._listeners.miss()

    def went(self) -> None:
        """What is told now is not heard, and what was told lately may not have been."""
        settings = self._connection.settings
        # A message counts as having arrived once the connection was found to be well after it.
        doubt = 2 * (settings.beat + settings.silence).total_seconds()
        now = asyncio.get_running_loop().time()
        self._doubtful |= {subject for subject, at in self._told.items() if now - at <= doubt}
        self._told.clear()
        self._listeners.miss()

    # --- listening ----------------------------------------------------------------------------

    async def _subscribe(self, link: Link) -> None:
        """Have the server send what is listened to; once this returns, nothing is missed."""
        async with self._subscribing:
            if self._heard_over is not link:
                self._heard_over, self._subscriptions = link, {}
            new = [one for one in self._listeners.subjects if one not in self._subscriptions]
            for subject in new:
                heard, missed = partial(self._on_message, subject), partial(self._on_gap, subject)
                self._subscriptions[subject] = [
                    await link.subscribe(f"{self._name}.fan.{subject}", heard),
                    await link.subscribe(f"{self._name}.gap.{subject}", missed),
                ]
            if new:
                await link.round_trip(patience=_PATIENCE)

    async def _unsubscribe(self, subject: str, *, listened_to: bool = True) -> None:
        async with self._subscribing:
            if listened_to and subject in self._listeners.subjects:
                return
            for subscription in self._subscriptions.pop(subject, []):
                with suppress(*TROUBLE):  # of a link that is lost, nothing is left
                    await subscription.unsubscribe()

    async def _on_message(self, subject: str, message: Msg) -> None:
        self._listeners.hear(subject, message.data)

    async def _on_gap(self, subject: str, message: Msg) -> None:
        del message
        _log.info("fanout.gap", subject=subject)
        self._listeners.miss(subject)
