"""The way to NATS: one connection that bus and fan-out share, made again whenever it is lost."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Protocol

import structlog

from bot.buses.nats.link import Link, Server
from bot.errors import BusError, ConfigError
from bot.model.value import Value

_log = structlog.get_logger(__name__)


class ConnectionSettings(Value):
    """How the connection is kept.

    `connect`: how long one server may take to greet us. `beat`: how often the connection is tried,
    and `silence`: how long the answer may take before it counts as lost. Attempts to connect wait
    `first_delay`, doubling up to `longest_delay`, each cut by up to a half by chance, so that the
    processes do not all come at once. `farewell`: how long the end may take.
    """

    connect: timedelta = timedelta(seconds=3)
    beat: timedelta = timedelta(seconds=2)
    silence: timedelta = timedelta(seconds=4)
    first_delay: timedelta = timedelta(milliseconds=50)
    longest_delay: timedelta = timedelta(seconds=2)
    farewell: timedelta = timedelta(seconds=2)


class Watcher(Protocol):
    """Who is told when the connection comes and goes."""

    async def restored(self, link: Link) -> None:
        """There is a new link; raises BusError when it is lost again meanwhile."""

    def went(self) -> None:
        """The link is lost."""


class NatsConnection:
    """A link to one of the servers, for ever: when it is lost, the next is made."""

    def __init__(
        self, servers: Sequence[str], *, name: str, settings: ConnectionSettings | None = None
    ) -> None:
        if not servers:
            raise ConfigError(
                "no server is named",
                where="[bus] servers",
                mend='Name one at least: servers = ["nats://127.0.0.1:4222"].',
            )
        self.settings = settings or ConnectionSettings()
        self._servers = [Server.of(url) for url in servers]
        self._name = name
        self._link: Link | None = None
        self._up = asyncio.Event()
        self._watchers: list[Watcher] = []
        self._keeper: asyncio.Task[None] | None = None
        self._closed = False
        self._trouble = "not connected yet"

    @classmethod
    async def open(
        cls,
        servers: Sequence[str],
        *,
        name: str = "samtal",
        patience: timedelta | None = timedelta(seconds=10),
        settings: ConnectionSettings | None = None,
    ) -> NatsConnection:
        """Connect, and stay connected until closed.

        `name` is what the servers' monitoring shows. Raises BusError when no server answers within
        `patience`; with None it goes on trying in the background. Raises ConfigError for a wrong
        URL.
        """
        connection = cls(servers, name=name, settings=settings)
        connection._keeper = asyncio.create_task(connection._keep(), name="nats-connection")
        if patience is not None:
            try:
                await connection.linked(patience=patience)
            except BaseException:  # whatever it was, the keeper must not go on alone
                await connection.close()
                raise
        return connection

    @property
    def is_up(self) -> bool:
        """Whether there is a link now."""
        return self._link is not None and not self._link.lost.is_set()

    def link(self) -> Link:
        """The link; raises BusError when there is none."""
        link = self._link
        if link is None or link.lost.is_set():
            raise BusError("the NATS connection is closed" if self._closed else self._away())
        return link

    async def linked(self, *, patience: timedelta | None = None) -> Link:
        """The link, as soon as there is one; raises BusError when that takes too long."""
        if self._link is not None and not self._link.lost.is_set():
            return self._link
        try:
            async with asyncio.timeout(None if patience is None else patience.total_seconds()):
                while not self.is_up and not self._closed:
                    await self._up.wait()
                    if not self.is_up:  # lost, and the keeper is still to see it
                        await asyncio.sleep(0.01)
        except TimeoutError:
            raise BusError(self._away()) from None
        return self.link()

    def _away(self) -> str:
        places = ", ".join(server.place for server in self._servers)
        return f"NATS is away ({places}): {self._trouble}"

    def watch(self, watcher: Watcher) -> None:
        """Tell a watcher when the connection comes and goes."""
        self._watchers.append(watcher)

    def unwatch(self, watcher: Watcher) -> None:
        """Tell it no more."""
        with suppress(ValueError):
            self._watchers.remove(watcher)

    async def close(self) -> None:
        """Let what was sent arrive, then end; closing twice is harmless."""
        self._closed = True
        self._up.set()
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            with suppress(asyncio.CancelledError):
                await keeper
        link, self._link = self._link, None
        if link is not None:
            await link.close(patience=self.settings.farewell)
            self._tell_went()

    # --- keeping it ---------------------------------------------------------------------------

    async def _keep(self) -> None:
        """Make a link, mind it until it is lost, and again, until cancelled."""
        while True:
            try:
                await self._keep_one()
            except Exception as error:  # noqa: BLE001 - outermost: its end would cut us off for ever
                self._trouble = f"{type(error).__name__}: {error}"
                _log.exception("bus.keeper_failed")
                link = self._link
                self._went()
                if link is not None:
                    await link.abandon()
                await asyncio.sleep(self.settings.longest_delay.total_seconds())

    async def _keep_one(self) -> None:
        link = await self._reach()
        self._link = link
        self._up.set()
        _log.info("bus.connected", server=link.place)
        for watcher in list(self._watchers):
            with suppress(BusError):  # lost again: the next link comes
                await watcher.restored(link)
        await self._mind(link)
        self._trouble = f"lost {link.place}"
        _log.warning("bus.lost", server=link.place)
        self._went()
        await link.abandon()

    def _went(self) -> None:
        self._up.clear()
        self._link = None
        self._tell_went()

    def _tell_went(self) -> None:
        for watcher in list(self._watchers):
            watcher.went()

    async def _reach(self) -> Link:
        """Try the servers by turns until one answers."""
        delay = self.settings.first_delay
        told = ""
        while True:
            for server in random.sample(self._servers, len(self._servers)):
                try:
                    return await Link.open(server, name=self._name, patience=self.settings.connect)
                except BusError as error:
                    self._trouble = str(error)
            if told != self._trouble:
                told = self._trouble
                _log.warning("bus.away", reason=told)
            share = random.uniform(0.5, 1.0)  # noqa: S311 - spreads attempts, guards nothing
            await asyncio.sleep(delay.total_seconds() * share)
            delay = min(delay * 2, self.settings.longest_delay)

    async def _mind(self, link: Link) -> None:
        """Return when a link is lost, or gives no answer for too long."""
        while True:
            try:
                async with asyncio.timeout(self.settings.beat.total_seconds()):
                    await link.lost.wait()
            except TimeoutError:
                try:
                    await link.round_trip(patience=self.settings.silence)
                except BusError:
                    return
            else:
                return
