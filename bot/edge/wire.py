"""The only way out: provider calls over one pool of connections, mail, and Socket.IO events."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Self

import aiohttp
import structlog
from aiohttp.abc import AbstractResolver
from pydantic import JsonValue
from yarl import URL

from bot.edge.guard import Forbidden, GuardedResolver, Permits, check_url, is_public
from bot.edge.metrics import Metrics
from bot.edge.smtp import SCHEMES, hand_over
from bot.errors import BusError
from bot.model.sending import Call, CallResult, Emit, HttpCall, Lost, Reply, Unreached

log = structlog.get_logger("samtal.wire")

EmitSocket = Callable[[str, str, str, JsonValue], Awaitable[None]]

_CONNECT = 5.0  # seconds for a connection; a provider that takes longer is down
_HOPS = 5
_SEE_OTHER = 303
_BAD = 400
_MOVED = {301, 302}  # a POST becomes a GET, as every client does it
_REDIRECTS = {*_MOVED, _SEE_OTHER, 307, 308}
_PRIVATE_HEADERS = {"authorization", "cookie", "proxy-authorization"}
_MASK = "***"


class _TooLarge(Exception):
    """The answer has more bytes than the call wants."""


class HttpWire:
    """Makes calls; every kind of trouble comes back as a value, without secrets in it.

    `Unreached` is only said when nothing of the request can have left. `permits` says which
    addresses a guarded call may reach, `resolver` resolves their names (None: the system's).
    """

    def __init__(
        self,
        *,
        emit: EmitSocket,
        metrics: Metrics | None = None,
        permits: Permits = is_public,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._emit = emit
        self._metrics = metrics
        self._permits = permits
        self._resolver = resolver
        self._open: aiohttp.ClientSession | None = None
        self._guarded: aiohttp.ClientSession | None = None

    async def call(self, call: Call) -> CallResult:
        """Make one call; network trouble is a value (`Unreached`, `Lost`), never an exception."""
        if isinstance(call, Emit):
            return await self._emit_event(call)
        started = time.perf_counter()
        by_mail = call.url.partition(":")[0].lower() in SCHEMES
        result = await (hand_over(call) if by_mail else self._http(call))
        self._record(call, result, seconds=time.perf_counter() - started)
        return result

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        for session in (self._open, self._guarded):
            if session is not None:
                await session.close()

    async def _emit_event(self, call: Emit) -> CallResult:
        try:
            data: JsonValue = json.loads(call.data)
        except ValueError:
            return Unreached(reason="the event's data is no JSON document")
        try:
            await self._emit(call.namespace, call.room, call.event, data)
        except BusError as error:  # sockets of this process have it; twice does them no harm
            return Unreached(reason=str(error))
        return Reply(status=200)

    async def _http(self, call: HttpCall) -> CallResult:
        trace = SimpleNamespace(sent=False)
        try:
            async with asyncio.timeout(call.timeout.total_seconds()):
                return await self._follow(call, trace)
        except Forbidden as error:
            # Before the first request: refused. On a redirect: the first request has left.
            return self._trouble(call, error, sent=trace.sent)
        except _TooLarge:
            return Lost(reason=f"the answer has more than {call.max_bytes} bytes")
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            return self._trouble(call, error, sent=trace.sent)

    async def _follow(self, call: HttpCall, trace: SimpleNamespace) -> Reply:
        """One request, and for guarded calls its redirects, each checked like the first."""
        url, method, headers, body = URL(call.url), call.method, call.headers, call.body
        for _ in range(_HOPS + 1):
            if call.guarded:
                check_url(url, permits=self._permits)
            async with self._session(guarded=call.guarded).request(
                method,
                url,
                headers=list(headers),
                data=body or None,
                allow_redirects=False,
                trace_request_ctx=trace,
            ) as response:
                location = response.headers.get("Location")
                if not call.guarded or response.status not in _REDIRECTS or location is None:
                    return await _reply(response, limit=call.max_bytes)
            target = url.join(URL(location))
            if target.origin() != url.origin():
                headers = tuple(h for h in headers if h[0].lower() not in _PRIVATE_HEADERS)
            if response.status == _SEE_OTHER or (response.status in _MOVED and method == "POST"):
                method, body = "GET", b""
            url = target
        raise Forbidden(f"more than {_HOPS} redirects")

    def _session(self, *, guarded: bool) -> aiohttp.ClientSession:
        if guarded:
            if self._guarded is None:
                inner = self._resolver or aiohttp.ThreadedResolver()
                resolver = GuardedResolver(inner, permits=self._permits)
                self._guarded = _new_session(resolver)
            return self._guarded
        if self._open is None:
            self._open = _new_session(self._resolver)
        return self._open

    def _trouble(self, call: HttpCall, error: Exception, *, sent: bool) -> CallResult:
        reason = redact(_reason(error), call)
        # Connecting may fail after an earlier hop was sent, and still this hop never left.
        return Lost(reason=reason) if sent else Unreached(reason=reason)

    def _record(self, call: HttpCall, result: CallResult, *, seconds: float) -> None:
        status = result.status if isinstance(result, Reply) else None
        label = result.kind if status is None else f"{status // 100}xx"
        if self._metrics is not None:
            self._metrics.call(label, seconds=seconds)
        went_well = isinstance(result, Reply) and result.status < _BAD
        write = log.debug if went_well else log.info  # the outbox says how the send ended
        write(
            "called",
            method=call.method,
            host=_host(call.url),
            result=label,
            status=status,
            reason=None if isinstance(result, Reply) else result.reason,
            ms=round(seconds * 1000, 1),
        )


def redact(text: str, call: HttpCall) -> str:
    """The text without the call's secrets and without its URL's path and query."""
    hidden = [secret.get_secret_value() for secret in call.secrets]
    hidden.append(call.url)
    with suppress(ValueError):
        url = URL(call.url)
        hidden += [path for path in (url.path_qs, url.raw_path_qs) if len(path) > 1]
    for secret in sorted(filter(None, hidden), key=len, reverse=True):
        text = text.replace(secret, _MASK)
    return text


def _reason(error: Exception) -> str:
    if isinstance(error, Forbidden):
        return str(error)
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"cannot connect to {error.host}:{error.port}: {_cause(error.os_error)}"
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, aiohttp.InvalidURL):
        return "the URL is not valid"
    if isinstance(error, ValueError):
        return f"the call cannot be made: {error}"
    return type(error).__name__


def _cause(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__


def _host(url: str) -> str:
    try:
        return URL(url).host or ""
    except ValueError:
        return ""


async def _reply(response: aiohttp.ClientResponse, *, limit: int) -> Reply:
    body = bytearray()
    async for chunk in response.content.iter_chunked(65_536):
        body += chunk
        if len(body) > limit:
            response.close()
            raise _TooLarge
    headers = tuple(
        (name.decode("latin-1").lower(), value.decode("latin-1"))
        for name, value in response.raw_headers
    )
    return Reply(status=response.status, headers=headers, body=bytes(body))


async def _mark_sent(
    session: aiohttp.ClientSession,  # noqa: ARG001 - the signature is aiohttp's
    context: SimpleNamespace,
    params: aiohttp.TraceRequestHeadersSentParams,  # noqa: ARG001 - the signature is aiohttp's
) -> None:
    context.trace_request_ctx.sent = True


def _new_session(resolver: AbstractResolver | None) -> aiohttp.ClientSession:
    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(_mark_sent)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            resolver=resolver, limit=200, limit_per_host=50, family=socket.AF_UNSPEC
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT),
        trace_configs=[trace],
        headers={"User-Agent": "Samtal"},
        skip_auto_headers=("Content-Type",),
    )
