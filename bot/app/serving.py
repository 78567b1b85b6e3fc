"""One process at work: opened for its role, run, reloaded, and ended in good order."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from aiohttp import web

from bot.app.assembly import Base, assembled
from bot.app.commands import put_agent
from bot.app.configuration import check_role, settings_from
from bot.app.engines import opened, own_secret
from bot.app.reloading import Reloading, loaded
from bot.app.roles import ProcessRole
from bot.app.stopping import Signals, bounded
from bot.edge.clock import SystemClock
from bot.edge.health import Standing
from bot.edge.logs import configure
from bot.edge.settings import EdgeSettings
from bot.errors import ConfigError, StoreAway
from bot.hub.engines import NoReader
from bot.hub.hub import Hub, Work
from bot.hub.relay import Relay
from bot.model.people import Role
from bot.ports import Clock, Store
from config.settings import Settings

if TYPE_CHECKING:
    from nlu.serving import SpacyNlu

log = structlog.get_logger("samtal.app")

WORK = {
    ProcessRole.ALL: Work(),
    ProcessRole.EDGE: Work(converse=False, outbox=False, upkeep=False),
    ProcessRole.WORKER: Work(intake=False, outbox=False),
    ProcessRole.OUTBOX: Work(intake=False, converse=False, upkeep=False),
}
_DEMO_EMAIL = "anna@fjallbutiken.example"
_DEMO_PASSWORD = "fjallbutiken"  # noqa: S105 - the README says it; the sandbox is on the loopback
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_COLLECT = (20_000, 20, 50)
_SLACK = timedelta(seconds=20)  # for requests in flight, good-byes and closing files


@dataclass(frozen=True, kw_only=True)
class Server:
    """A process at work."""

    url: str
    hub: Hub
    standing: Standing
    reloading: Reloading


async def serve(config: Path | None, *, role: ProcessRole, clock: Clock | None = None) -> None:
    """Run until SIGTERM or SIGINT; reload on SIGHUP. Raises ConfigError and StoreAway at start.

    The first signal to stop makes `/readyz` say so; after `edge.drain_delay` the process takes
    nothing more, finishes what is in hand and ends. The second one ends it at once.
    """
    settings = settings_from(config)
    check_role(settings, role)
    configure(level=settings.log.level, as_json=settings.log.format == "json")
    signals = Signals()
    signals.listen()
    try:
        async with running(settings, role=role, clock=clock) as server:
            signals.started()
            log.info("ready", url=server.url, role=role, sandbox=settings.sandbox)
            await _until_told(signals, server, config)
            log.info("stopping")
            await _drain(server)
    except asyncio.CancelledError:
        if not signals.stop.is_set():
            raise
        log.info("stopped while starting")
    except BaseExceptionGroup as group:  # what was at work beside it makes a group of one error
        foreseen = _innermost(group)
        if isinstance(foreseen, ConfigError | StoreAway):
            raise foreseen from None
        raise
    else:
        log.info("stopped")


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


async def _until_told(signals: Signals, server: Server, config: Path | None) -> None:
    """Return when told to stop; reloads meanwhile when told to."""
    stop = asyncio.ensure_future(signals.stop.wait())
    try:
        while not stop.done():
            reload = asyncio.ensure_future(signals.reload.wait())
            try:
                await asyncio.wait({stop, reload}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                reload.cancel()
            if signals.reload.is_set():
                signals.reload.clear()
                await server.reloading.reload(lambda: settings_from(config))
    finally:
        stop.cancel()


async def _drain(server: Server) -> None:
    """Say that the end is near, and give balancers time to see it."""
    server.standing.draining = True
    settings = server.reloading.settings
    delay = settings.edge.drain_delay
    bounded(delay + 2 * settings.hub.stop_grace + _SLACK)
    await asyncio.sleep(delay.total_seconds())


@asynccontextmanager
async def running(
    settings: Settings, *, role: ProcessRole = ProcessRole.ALL, clock: Clock | None = None
) -> AsyncIterator[Server]:
    """One process of this role at work; at the end of the block it has ended in good order.

    What comes in ends first, then what is in hand, then what others are told, and the store last.
    """
    first = loaded(settings)
    clock, work = clock or SystemClock(), WORK[role]
    async with AsyncExitStack() as stack:
        reader = await _reader(settings, stack) if work.converse else None
        engines = await stack.enter_async_context(opened(settings, clock=clock, intake=work.intake))
        base = Base(
            loaded=first,
            opened=engines,
            nlu=reader or NoReader(),
            reader=reader,
            clock=clock,
            secret=own_secret(settings),
            work=work,
        )
        made = await assembled(base, stack)
        await made.keeping.refresh()
        await stack.enter_async_context(_at_work(made.keeping.run(), name="accounts"))
        if engines.fanout is not None:
            relay = Relay(made.hub.feed, engines.fanout, clock=clock, tally=made.metrics)
            await stack.enter_async_context(_at_work(relay.run(), name="relay"))
        await stack.enter_async_context(_at_work(made.hub.run(work), name="hub"))
        if reader is not None:
            watching = _watch(made.reloading, clock)
            await stack.enter_async_context(_at_work(watching, name="models"))
        if settings.sandbox and settings.edge.host in _LOOPBACK:
            await _demo_agent(engines.store)
        await made.runner.setup()
        stack.push_async_callback(made.runner.cleanup)
        _settle_memory()
        yield Server(
            url=await _listen(made.runner, settings.edge),
            hub=made.hub,
            standing=made.standing,
            reloading=made.reloading,
        )


async def _listen(runner: web.AppRunner, edge: EdgeSettings) -> str:
    """Take requests from now on; the URL."""
    site = web.TCPSite(runner, edge.host, edge.port)
    try:
        await site.start()
    except OSError as error:
        raise ConfigError(
            f"cannot listen: {error.strerror or error}",
            where="edge.host, edge.port",
            mend="End what listens there, or set others.",
        ) from error
    return str(site.name)


async def _watch(reloading: Reloading, clock: Clock) -> None:
    """Take over each model that is published, soon after it was."""
    while (pause := reloading.settings.nlu.watch) is not None:
        await clock.sleep(pause)
        await reloading.renew()


async def _reader(settings: Settings, stack: AsyncExitStack) -> SpacyNlu:
    from nlu.serving import SpacyNlu  # spaCy takes seconds to import: other roles do without it

    named = settings.nlu
    nlu = await asyncio.to_thread(SpacyNlu.load, named.folder, encoder=named.encoder)
    stack.push_async_callback(nlu.close)
    if nlu.degraded:
        mend = (
            "install the extra `vectors`; name the model's encoder, if it has one, in nlu.encoder"
        )
        log.warning("degraded", missing="vectors", mend=mend)
    return nlu


@asynccontextmanager
async def _at_work(work: Coroutine[object, object, None], *, name: str) -> AsyncIterator[None]:
    """Something at work beside the block; a fault in it ends the block."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work, name=name)
        yield
        task.cancel()


def _settle_memory() -> None:
    """Keep the collector from walking what was loaded at start, which never goes away."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT)


async def _demo_agent(store: Store) -> None:
    """Let a newcomer log in at the desk: a sandbox with nobody in it gets the README's agent."""
    if await store.agents():
        return
    await put_agent(store, _DEMO_EMAIL, name="Anna", role=Role.AGENT, password=_DEMO_PASSWORD)
