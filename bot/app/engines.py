"""Opens the store, the bus and what goes with them, as the configuration chooses.

Only the chosen engines are imported: who uses SQLite needs neither MongoDB's driver nor NATS's.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import structlog
from pydantic import SecretStr

from bot.errors import BusError, StoreAway
from bot.hub.spooling import Spooling
from bot.ports import Bus, Clock, Fanout, Store
from config.settings import Settings, StoreSection

log = structlog.get_logger("samtal.engines")

T = TypeVar("T")
Ready = Callable[[], Awaitable[None]]

SECRET_BYTES = 32
_LOOK_AGAIN = 0.5  # seconds
_BUS_PATIENCE = timedelta(seconds=3)


@dataclass(frozen=True, kw_only=True)
class Opened:
    """The engines of one process; without a fan-out it is the only one."""

    store: Store
    bus: Bus
    fanout: Fanout | None = None
    fanout_ready: Ready | None = None
    spooling: Spooling | None = None


def own_secret(settings: Settings) -> SecretStr:
    """The configured secret, or one that is made once and kept beside the SQLite store."""
    if settings.secret is not None:
        return settings.secret
    path = settings.store.path.with_suffix(".secret")
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        # In one step: a crash half-way must not leave an empty secret behind.
        made = path.with_name(f"{path.name}.{os.getpid()}")
        made.touch(mode=0o600)
        made.write_text(secrets.token_urlsafe(SECRET_BYTES), "utf-8")
        made.replace(path)
    return SecretStr(path.read_text("utf-8").strip())


@asynccontextmanager
async def opened(settings: Settings, *, clock: Clock, intake: bool) -> AsyncIterator[Opened]:
    """All engines, closed at the end: the store last.

    `intake`: the process takes requests in, so it spools them while MongoDB is away. Raises
    StoreAway when the store does not answer within `store.start_patience`; a bus that does not
    is waited for in the background.
    """
    async with AsyncExitStack() as stack:
        if settings.store.engine == "sqlite" and settings.bus.engine == "sqlite":
            yield await _embedded(settings, clock=clock, stack=stack)
            return
        spooling = await _spooling(settings, clock=clock, stack=stack) if intake else None
        store = await stack.enter_async_context(_store(settings))
        yield await _distributed(settings, store, spooling, clock=clock, stack=stack)


async def _embedded(settings: Settings, *, clock: Clock, stack: AsyncExitStack) -> Opened:
    """Store and bus on one SQLite file, so that recording and queueing are one transaction."""
    from bot.buses.sqlite import SqliteBus
    from bot.embedded.database import Database
    from bot.stores.sqlite import SqliteStore

    path = settings.store.path
    path.parent.mkdir(parents=True, exist_ok=True)
    database = Database.open(path)
    bus = SqliteBus(database, clock=clock, partitions=settings.bus.partitions)
    store = SqliteStore(database, bus)
    stack.push_async_callback(store.close)
    stack.push_async_callback(bus.close)
    return Opened(store=store, bus=bus)


async def _distributed(
    settings: Settings,
    store: Store,
    spooling: Spooling | None,
    *,
    clock: Clock,
    stack: AsyncExitStack,
) -> Opened:
    """Any store with NATS beside it."""
    from bot.buses.nats import NatsBus, NatsConnection, NatsFanout

    chosen = settings.bus
    servers = [url.get_secret_value() for url in chosen.servers]
    connection = await NatsConnection.open(servers, name=chosen.name, patience=None)
    stack.push_async_callback(connection.close)
    try:
        await connection.linked(patience=_BUS_PATIENCE)
    except BusError as error:
        log.warning("starting without the bus", reason=str(error))
    bus = NatsBus(
        connection,
        clock=clock,
        partitions=chosen.partitions,
        name=chosen.name,
        replicas=chosen.replicas,
    )
    stack.push_async_callback(bus.close)
    fanout = NatsFanout(connection, name=chosen.name)
    stack.push_async_callback(fanout.close)

    async def linked() -> None:
        connection.link()

    return Opened(store=store, bus=bus, fanout=fanout, fanout_ready=linked, spooling=spooling)


async def _spooling(settings: Settings, *, clock: Clock, stack: AsyncExitStack) -> Spooling | None:
    """What keeps requests while the store is away; a store in a file never is."""
    if settings.store.engine == "sqlite":
        return None
    from bot.embedded.spool import SqliteSpool

    chosen = settings.spool
    chosen.path.parent.mkdir(parents=True, exist_ok=True)
    spool = SqliteSpool.open(chosen.path, longest=chosen.longest, most_bytes=chosen.most_bytes)
    stack.push_async_callback(spool.close)
    return Spooling(spool, clock=clock, patience=chosen.patience)


@asynccontextmanager
async def _store(settings: Settings, *, beside: bool = False) -> AsyncIterator[Store]:
    store = await _open_store(settings.store, beside=beside)
    try:
        yield store
    finally:
        await store.close()


async def _open_store(chosen: StoreSection, *, beside: bool) -> Store:
    if chosen.engine == "sqlite" or chosen.url is None:
        from bot.embedded.database import Database
        from bot.stores.sqlite import SqliteStore

        chosen.path.parent.mkdir(parents=True, exist_ok=True)
        return SqliteStore(Database.open(chosen.path, beside=beside))
    from bot.stores.mongo import MongoStore

    url, database, driver = chosen.url.get_secret_value(), chosen.database, chosen.driver

    async def open_it() -> Store:
        return await MongoStore.open(url, database=database, driver=driver)

    return await patiently(open_it, patience=chosen.start_patience)


def beside(settings: Settings) -> contextlib.AbstractAsyncContextManager[Store]:
    """The store, for a command that may run while servers do."""
    return _store(settings, beside=True)


@asynccontextmanager
async def looked_at(settings: Settings) -> AsyncIterator[Store | None]:
    """The store to read from, as it is: nothing is made there; None when there is none yet."""
    chosen = settings.store
    if chosen.engine == "sqlite" or chosen.url is None:
        if not chosen.path.exists():
            yield None
            return
        async with beside(settings) as store:
            yield store
        return
    from bot.stores.mongo import MongoStore
    from bot.stores.mongo.driver import Driver

    url = chosen.url.get_secret_value()
    mongo = MongoStore(Driver.open(url, chosen.database, chosen.driver))
    try:
        yield mongo
    finally:
        await mongo.close()


async def patiently(attempt: Callable[[], Awaitable[T]], *, patience: timedelta) -> T:
    """Try until the store answers; raises StoreAway when it takes longer than this."""
    deadline = time.monotonic() + patience.total_seconds()
    while True:
        try:
            return await attempt()
        except StoreAway as error:
            if time.monotonic() + _LOOK_AGAIN > deadline:
                raise StoreAway(
                    f"store.url: the store did not answer within {patience.total_seconds():g} s "
                    f"({error}). Start it, or mend the URL"
                ) from None
            log.warning("waiting for the store", reason=str(error))
            await asyncio.sleep(_LOOK_AGAIN)
