"""The parts of one process, put together."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass

from aiohttp import web
from pydantic import JsonValue, SecretStr

from bot.app.accounts import Current, Key
from bot.app.engines import Opened
from bot.app.keeping import StoredAccounts
from bot.app.reloading import Loaded, Reach, Reloading, Renewable
from bot.crms.plain import PlainCrm
from bot.edge.fanout import FanoutEmitter
from bot.edge.health import Check, Probed, Standing
from bot.edge.live import Live
from bot.edge.metrics import Metrics
from bot.edge.probing import probe
from bot.edge.retuning import Retuning
from bot.edge.server import EdgeParts, make_probe_runner, make_runner
from bot.edge.wire import EmitSocket, HttpWire
from bot.hub.engines import Engines
from bot.hub.hub import Hub, Work
from bot.ports import Channel, Clock, Fanout, Nlu, Provider
from bot.ports.crm import Crm
from config.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Assembled:
    """One process, not at work yet; `runner` serves its edge, or its probes alone."""

    hub: Hub
    metrics: Metrics
    standing: Standing
    reloading: Reloading
    keeping: StoredAccounts
    runner: web.AppRunner


@dataclass(frozen=True, kw_only=True)
class Base:
    """What a process is assembled from."""

    loaded: Loaded
    opened: Opened
    nlu: Nlu
    reader: Renewable | None = None
    clock: Clock
    secret: SecretStr
    work: Work


async def assembled(base: Base, stack: AsyncExitStack) -> Assembled:
    """Put it together; what has to be closed is left to the stack."""
    settings, opened = base.loaded.settings, base.opened
    metrics, standing, retuning = Metrics(), Standing(), Retuning()
    channels = Current(base.loaded.accounts.channels)
    providers = Current(base.loaded.accounts.providers)
    realms = Current(settings.identity.realms)
    keeping = _keeping(base, channels, providers)
    live = _live(base, metrics)
    emit = live.emit if live is not None else _emitter(opened.fanout, metrics)
    wire = await stack.enter_async_context(HttpWire(emit=emit, metrics=metrics))
    engines = Engines(
        store=opened.store,
        bus=opened.bus,
        wire=wire,
        nlu=base.nlu,
        clock=base.clock,
        channels=channels,
        spooling=opened.spooling,
        crm=_crm(settings),
    )
    hub = _hub(base, engines)
    probed = _probed(base, hub, metrics, standing)
    if live is None:
        runner = make_probe_runner(probed, settings.edge, hub.feed)
    else:
        runner = make_runner(
            EdgeParts(
                settings=settings.edge,
                hub=hub,
                live=live,
                secret=base.secret,
                providers=providers,
                realms=realms,
                probed=probed,
                fanout=opened.fanout,
                retuning=retuning,
                keeping=keeping,
            )
        )
    reach = Reach(
        hub=hub,
        channels=channels,
        providers=providers,
        realms=realms,
        metrics=metrics,
        retune=retuning.retune,
        reader=base.reader,
    )
    return Assembled(
        hub=hub,
        metrics=metrics,
        standing=standing,
        reloading=Reloading(base.loaded, reach),
        keeping=keeping,
        runner=runner,
    )


def _keeping(
    base: Base, channels: Current[Key, Channel], providers: Current[Key, Provider]
) -> StoredAccounts:
    return StoredAccounts(
        base.loaded.settings,
        store=base.opened.store,
        clock=base.clock,
        secret=base.secret,
        channels=channels,
        providers=providers,
    )


def _crm(settings: Settings) -> Crm | None:
    return None if settings.crm is None else PlainCrm(settings.crm)


def _hub(base: Base, engines: Engines) -> Hub:
    words = base.loaded.words
    return Hub(
        engines,
        content=words.content,
        forms=words.forms,
        personas=words.personas,
        settings=base.loaded.settings.hub,
        secret=base.secret,
    )


def _live(base: Base, metrics: Metrics) -> Live | None:
    """The sockets, in a process that has any."""
    if not base.work.intake:
        return None
    return Live(
        settings=base.loaded.settings.edge,
        clock=base.clock,
        metrics=metrics,
        fanout=base.opened.fanout,
    )


def _emitter(fanout: Fanout | None, metrics: Metrics) -> EmitSocket:
    if fanout is None:
        return _nobody
    return FanoutEmitter(fanout, tally=metrics).emit


async def _nobody(namespace: str, room: str, event: str, data: JsonValue) -> None:
    """There are no sockets in this process, and no other process."""


def _probed(base: Base, hub: Hub, metrics: Metrics, standing: Standing) -> Probed:
    checks: dict[str, Check] = {}
    if base.opened.fanout_ready is not None:
        checks["fanout"] = base.opened.fanout_ready
    return probe(
        hub,
        base.work,
        metrics=metrics,
        token=base.loaded.settings.edge.metrics_token,
        standing=standing,
        checks=checks,
    )
