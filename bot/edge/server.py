"""The whole server, put together from its parts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from aiohttp import web

from bot.edge import api
from bot.edge.auth import Gatekeeper
from bot.edge.files import Files
from bot.edge.health import Health, Probed
from bot.edge.live import PATH as SOCKET_PATH
from bot.edge.logs import one_line_log
from bot.edge.mailboxes import Mailboxes
from bot.edge.metrics import Metrics
from bot.edge.middleware import security_headers, surrounding
from bot.edge.pages import Pages
from bot.edge.parts import EdgeParts
from bot.edge.probe import Probe
from bot.edge.probing import probe
from bot.edge.sandbox import Sandbox
from bot.edge.settings import EdgeSettings
from bot.edge.sockets.chat import ChatNamespace
from bot.edge.sockets.chat_feed import ChatFeed
from bot.edge.sockets.desk import DeskNamespace
from bot.edge.sockets.dispatch import Dispatcher
from bot.edge.sockets.present import Present
from bot.edge.sockets.resync import Resync
from bot.edge.sockets.visitors import VisitorLimits
from bot.edge.sockets.waiting import Waiting
from bot.edge.webhooks import Webhooks
from bot.hub.feed import Feed

__all__ = ["EdgeParts", "make_probe_runner", "make_runner", "make_server"]


def make_server(parts: EdgeParts) -> web.Application:
    """The application with everything that the settings ask for."""
    settings = parts.settings
    app = web.Application(
        middlewares=[surrounding(settings, parts.metrics)],
        client_max_size=settings.max_body_bytes,
    )
    app.on_response_prepare.append(security_headers(settings))
    gate = Gatekeeper(
        store=parts.store, clock=parts.clock, settings=settings, passwords=parts.passwords
    )
    Health(_probed(parts)).add_to(app)
    Webhooks(parts).add_to(app)
    Probe(parts.secret).add_to(app)
    limits = VisitorLimits(parts)
    Files(parts, limits).add_to(app)
    api.offer(app, parts, gate)
    if parts.sandbox:
        Sandbox(parts).add_to(app)
    if settings.pages:
        Pages(settings, sandbox=parts.sandbox).add_to(app)
    app.router.add_route("*", SOCKET_PATH, parts.live.handle)
    app.cleanup_ctx.append(_counting(parts.feed, parts.metrics))
    app.cleanup_ctx.append(_sockets(parts, gate, limits))
    app.cleanup_ctx.append(Mailboxes(parts).running)

    async def hang_up(_: web.Application) -> None:
        await parts.live.close()

    app.on_shutdown.append(hang_up)
    return app


def make_runner(parts: EdgeParts) -> web.AppRunner:
    """A runner that leaves bodies as they came; `setup` it and give it to a site."""
    return _runner(make_server(parts))


def make_probe_runner(probed: Probed, settings: EdgeSettings, feed: Feed) -> web.AppRunner:
    """A runner for a process without an edge: with what watches over it, and nothing else."""
    app = web.Application(middlewares=[surrounding(settings, probed.metrics)])
    app.on_response_prepare.append(security_headers(settings))
    Health(probed).add_to(app)
    app.cleanup_ctx.append(_counting(feed, probed.metrics))
    return _runner(app)


def _runner(app: web.Application) -> web.AppRunner:
    return web.AppRunner(
        app,
        access_log=None,  # the middleware's line has no secrets in it
        auto_decompress=False,  # signatures cover the bytes that were sent
        shutdown_timeout=5.0,
        lingering_time=2.0,  # seconds to read on after an early answer
        logger=one_line_log("samtal.aiohttp"),
    )


def _sockets(
    parts: EdgeParts, gate: Gatekeeper, limits: VisitorLimits
) -> Callable[[web.Application], AsyncIterator[None]]:
    present, waiting = Present(parts.live, parts.clock), Waiting(parts)
    chat, desk = ChatNamespace(parts, limits, present, waiting), DeskNamespace(parts, gate)
    feed = ChatFeed(parts, present, waiting)
    dispatcher = Dispatcher([waiting, feed, desk, Resync(parts.live)])
    chat.register()
    desk.register()

    async def run(_: web.Application) -> AsyncIterator[None]:
        dispatcher.start(parts.feed)
        await asyncio.gather(parts.live.open(), chat.open(), desk.open())
        parts.live.start(waiting.run())
        yield
        await desk.leave()
        await dispatcher.close()
        parts.passwords.close()

    return run


def _counting(feed: Feed, metrics: Metrics) -> Callable[[web.Application], AsyncIterator[None]]:
    """Count what this process announces; what others tell it, they count."""

    async def run(_: web.Application) -> AsyncIterator[None]:
        unsubscribe = feed.subscribe(metrics.hear, own=True)
        yield
        unsubscribe()

    return run


def _probed(parts: EdgeParts) -> Probed:
    token = parts.settings.metrics_token
    return parts.probed or probe(parts.hub, metrics=parts.metrics, token=token)
