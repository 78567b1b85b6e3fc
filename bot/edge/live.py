"""The Socket.IO server: rooms over all processes, ordered events, an end for who does not read."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Protocol, cast

import engineio
import socketio
import structlog
from aiohttp import web
from pydantic import JsonValue

from bot.edge.backlog import Backlog
from bot.edge.clients import chat_origin, client_address, limit_key
from bot.edge.fanout import SUBJECT, FanoutManager
from bot.edge.limits import Buckets
from bot.edge.logs import one_line_log
from bot.edge.metrics import Metrics
from bot.edge.plain_socket import PlainSocket
from bot.edge.problems import Refusal, too_many
from bot.edge.settings import EdgeSettings
from bot.hub.circle import Circle
from bot.ports import Clock, Fanout

log = structlog.get_logger("samtal.live")

PATH = "/socket.io/"
Handler = Callable[..., Awaitable[JsonValue]]

_FAREWELL = 0.2  # seconds a socket gets to close by itself when the server stops
_LISTENING = 5.0  # seconds to wait for the fan-out; without it the server starts all the same
_AT_ONCE = timedelta(0)
# Another connection may lead to another server; this one never does.
_LEAVING = {"Retry-After": "1", "Connection": "close"}


class _Engine(Protocol):
    """What Engine.IO knows of one client."""

    sid: str
    queue: asyncio.Queue[object]
    upgraded: bool
    closed: bool
    closing: bool

    async def send(self, pkt: object) -> None: ...
    async def close(self, wait: bool = True, abort: bool = False) -> None: ...  # noqa: FBT001, FBT002 - theirs


class Live:
    """Sockets of this process. One client's events are handled one at a time, in order.

    With a `fanout`, emits reach the rooms of all processes that share it.
    """

    def __init__(
        self,
        *,
        settings: EdgeSettings,
        clock: Clock,
        metrics: Metrics,
        fanout: Fanout | None = None,
    ) -> None:
        self.metrics = metrics
        self._settings = settings
        self._clock = clock
        self._circle = Circle(fanout, subject=SUBJECT, tally=metrics) if fanout else None
        self._manager = FanoutManager(self._circle) if self._circle else None
        self._leaving = False
        self._parting: set[str] = set()
        self._connects = Buckets(settings.connect_rate, clock=clock)
        self._tasks: set[asyncio.Future[None]] = set()
        self._requests: dict[int, web.Request] = {}
        self._upgrades: dict[str, web.Request] = {}
        self._open: Counter[str] = Counter()
        self._server = socketio.AsyncServer(
            client_manager=self._manager,
            async_mode="aiohttp",
            async_handlers=False,  # True would run one client's events out of order
            max_http_buffer_size=settings.socket_max_bytes,
            cors_allowed_origins="*",  # `handle` has looked at the origin by then
            logger=False,
            engineio_logger=one_line_log("samtal.engineio"),
        )
        self._server.eio.create_queue = self._new_backlog
        # Where Engine.IO takes its driver's parts from; a server of its own may differ.
        self._server.eio._async = {**self._server.eio._async, "websocket": PlainSocket}  # noqa: SLF001 - it offers no other way
        self._server.eio.start_background_task = self._start

    async def open(self) -> None:
        """Hear other processes from now on; call it before there are sockets."""
        if self._manager is None or self._circle is None:
            return
        self.start(self._manager.listen(missed=self.resync, clock=self._clock))
        with suppress(TimeoutError):
            await asyncio.wait_for(self._circle.listening.wait(), _LISTENING)

    # --- connections -------------------------------------------------------------------------

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one Engine.IO request; refuses foreign origins and floods of connections."""
        if not chat_origin(request, self._settings):
            raise Refusal(403, "This site may not open sockets here; name it in embed_origins.")
        sid = request.query.get("sid")
        if self._leaving and sid is None:
            raise Refusal(503, "This server is stopping.", headers=_LEAVING)
        client = limit_key(client_address(request, trusted=self._settings.trusted_proxies))
        self._count(client, new=sid is None)
        if sid is not None and "Upgrade" in request.headers:
            self._upgrades[sid] = request
        self._open[client] += 1
        self._requests[id(request)] = request
        try:
            return cast("web.StreamResponse", await self._server.handle_request(request))
        finally:
            if request.method == "POST" and sid is not None:
                self._end_poll(sid)
            self._open[client] -= 1
            if not self._open[client]:
                del self._open[client]
            del self._requests[id(request)]
            if sid is not None and self._upgrades.get(sid) is request:
                del self._upgrades[sid]

    def resync(self) -> None:
        """Have all sockets come again, a few at a time: they may have missed something."""
        engines = [one for one in self._engines() if one.sid not in self._parting]
        if engines:
            log.warning("sockets are to come again", sockets=len(engines))
            self.metrics.sockets_resynced(len(engines))
            self.start(self._hang_up(engines, over=self._settings.resync_spread))

    async def farewell(self, *, over: timedelta = _AT_ONCE) -> None:
        """Have all sockets come again, to another process: here no new one is let in."""
        self._leaving = True
        await self._hang_up(self._engines(), over=over)

    async def close(self) -> None:
        """Say good-bye to all sockets and end what runs for them."""
        await self.farewell()
        for _ in range(10):
            if not self._requests:
                break
            await asyncio.sleep(_FAREWELL / 10)
        for request in list(self._requests.values()):
            _cut(request)
        for engine in self._engines():  # its disconnect handlers are to run all the same
            await engine.close(wait=False, abort=True)
        await self._server.shutdown()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def request(self, namespace: str, sid: str) -> web.Request | None:
        """The HTTP request that a socket began with, or None when it is gone."""
        environ = self._server.get_environ(sid, namespace)
        return cast("web.Request", environ["aiohttp.request"]) if environ else None

    def connected(self, namespace: str, sid: str) -> bool:
        """Whether the socket is told that it is connected."""
        return bool(self._server.manager.is_connected(sid, namespace))

    # --- events ------------------------------------------------------------------------------

    def on(self, namespace: str, event: str, handler: Handler) -> None:
        """Call `handler(sid, *arguments)`; what it returns is the acknowledgement."""
        self._server.on(event, handler=handler, namespace=namespace)

    async def emit(self, namespace: str, room: str, event: str, data: JsonValue) -> None:
        """Send an event to everybody in a room, in every process; raises BusError.

        Then those in this process have got it.
        """
        await self._server.emit(event, data, room=room, namespace=namespace)

    async def emit_here(self, namespace: str, room: str, event: str, data: JsonValue) -> None:
        """Send an event to everybody in a room, of this process alone."""
        await self._server.emit(event, data, room=room, namespace=namespace, ignore_queue=True)

    async def emit_to_others(
        self, namespace: str, room: str, event: str, data: JsonValue, *, sid: str
    ) -> None:
        """Send an event to everybody in a room but one socket, everywhere; raises BusError."""
        await self._server.emit(event, data, room=room, namespace=namespace, skip_sid=sid)

    async def enter(self, namespace: str, sid: str, room: str) -> None:
        """Put a socket into a room; nothing happens when it is gone."""
        if self.connected(namespace, sid):
            await self._server.enter_room(sid, room, namespace=namespace)

    async def leave(self, namespace: str, sid: str, room: str) -> None:
        """Take a socket out of a room."""
        await self._server.leave_room(sid, room, namespace=namespace)

    async def disconnect(self, namespace: str, sid: str) -> None:
        """End a socket's stay in a namespace."""
        await self._server.disconnect(sid, namespace=namespace, ignore_queue=True)

    def members(self, namespace: str, room: str) -> list[str]:
        """The sockets in a room."""
        return [sid for sid, _ in self._server.manager.get_participants(namespace, room)]

    def refuse(self, problem: Mapping[str, JsonValue]) -> Exception:
        """What a connect handler raises: the client gets `{message, data}`, `data` the problem."""
        error = socketio.exceptions.ConnectionRefusedError(problem["title"], dict(problem))
        return cast("Exception", error)

    def start(self, coroutine: Coroutine[object, object, None]) -> None:
        """Run something for the sockets until it or the server ends."""
        _ = self._start(lambda: coroutine)

    # --- inside ------------------------------------------------------------------------------

    def _engines(self) -> list[_Engine]:
        return list(self._server.eio.sockets.values())

    async def _hang_up(self, engines: list[_Engine], *, over: timedelta) -> None:
        """End transports evenly over a time, so that the clients come again by themselves.

        No packet says that it is the end, neither Socket.IO's nor Engine.IO's: on those, clients
        stay away (python-socketio on both, socket.io-client on the former).
        """
        self._parting.update(engine.sid for engine in engines)
        try:
            for number, engine in enumerate(engines):
                if number and over:
                    await self._clock.sleep(over / len(engines))
                await _end_transport(engine)
        finally:
            self._parting.difference_update(engine.sid for engine in engines)

    def _count(self, client: str, *, new: bool) -> None:
        wait = self._connects.take(client) if new else 0.0
        if wait:
            raise too_many(wait, what="too many new connections")
        if self._open[client] >= self._settings.sockets_per_client:
            raise Refusal(429, "Too many open connections.", headers={"Retry-After": "30"})

    def _start(
        self, target: Callable[..., Awaitable[None]], *args: object, **kwargs: object
    ) -> asyncio.Future[None]:
        task = asyncio.ensure_future(target(*args, **kwargs))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _end_poll(self, sid: str) -> None:
        """A client that said good-bye may still poll: Engine.IO would keep that for a minute."""
        engine = self._server.eio.sockets.get(sid)
        if engine is not None and engine.closed:
            engine.queue.put_nowait(engineio.packet.Packet(engineio.packet.NOOP))

    def _new_backlog(self, *_: object, **__: object) -> Backlog:
        return Backlog(limit=self._settings.backlog_bytes, overflow=self._drop)

    def _drop(self, backlog: Backlog) -> None:
        """End a socket that does not read; what it missed it gets when it comes back."""
        for sid, engine in self._server.eio.sockets.items():
            if engine.queue is backlog:
                log.warning(
                    "dropped a socket that does not read", bytes=self._settings.backlog_bytes
                )
                self.metrics.socket_dropped()
                self._abort(sid)
                return

    def _abort(self, sid: str) -> None:
        environ = self._server.environ.get(sid)
        request = self._upgrades.get(sid) or (environ["aiohttp.request"] if environ else None)
        if request is not None and "Upgrade" in request.headers:
            _cut(request)
        else:  # long polling: there is no connection to cut
            engine = self._server.eio.sockets[sid]
            _ = self._start(engine.close, wait=False, abort=True)


async def _end_transport(engine: _Engine) -> None:
    if engine.closed or engine.closing:
        return
    if engine.upgraded:
        engine.queue.put_nowait(None)  # what waits is written, then the WebSocket is closed
    else:
        await engine.send(engineio.packet.Packet(engineio.packet.NOOP))  # ends a poll under way
        await engine.close(wait=False, abort=True)  # the next is refused


def _cut(request: web.Request) -> None:
    if isinstance(request.transport, asyncio.Transport):
        request.transport.abort()
