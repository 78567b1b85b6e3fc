"""What happens around every request: its id, its log line, its headers, and its errors."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from random import getrandbits
from urllib.parse import urlsplit

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from bot.edge.clients import client_address
from bot.edge.metrics import Metrics
from bot.edge.policy import content_policy
from bot.edge.problems import Refusal, respond
from bot.edge.settings import EdgeSettings
from bot.errors import Conflict, Denied, NotFound, StoreError

log = structlog.get_logger("samtal.http")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
REQUEST_ID: web.RequestKey[str] = web.RequestKey("request_id", str)
_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_SWITCHING = 101


def surrounding(settings: EdgeSettings, metrics: Metrics) -> Middleware:
    """Give each request an id, log how it ended, and turn what went wrong into a problem.

    The line has the route's pattern, never the path or the query: they may carry secrets.
    """

    @web.middleware
    async def surround(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get("X-Request-Id", "")
        request_id = given if _GIVEN_ID.fullmatch(given) else f"{getrandbits(128):032x}"
        request[REQUEST_ID] = request_id
        started = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = await _answer(request, handler)
            seconds = time.perf_counter() - started
            route = _route(request)
            if response.status != _SWITCHING:  # a socket's request lasts as long as the socket
                method = request.method if route != "none" else "any"
                metrics.request(method, route, status=response.status, seconds=seconds)
            write = log.info if response.status >= web.HTTPBadRequest.status_code else log.debug
            write(
                "request",
                method=request.method,
                route=route,
                status=response.status,
                ms=round(seconds * 1000, 1),
                client=client_address(request, trusted=settings.trusted_proxies),
            )
        return response

    return surround


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refusal as refusal:
        return respond(refusal, instance=request[REQUEST_ID])
    except web.HTTPException as error:
        if error.status < web.HTTPBadRequest.status_code:
            raise
        return respond(_of_http(error), instance=request[REQUEST_ID])
    except (NotFound, Denied, Conflict, StoreError) as error:
        return respond(_of_ours(error), instance=request[REQUEST_ID])
    except Exception:  # outermost: nobody outside sees a traceback
        log.exception("request failed", route=_route(request))
        fault = Refusal(500, "It has been logged under the id in `instance`.")
        return respond(fault, instance=request[REQUEST_ID])


def _of_http(error: web.HTTPException) -> Refusal:
    headers = {}
    if isinstance(error, web.HTTPMethodNotAllowed):
        headers["Allow"] = ", ".join(sorted(error.allowed_methods))
        return Refusal(405, f"Use one of: {headers['Allow']}", headers=headers)
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return Refusal(413, "Send a smaller body.")
    return Refusal(error.status)


def _of_ours(error: NotFound | Denied | Conflict | StoreError) -> Refusal:
    match error:
        case NotFound():
            return Refusal(404, str(error))
        case Denied():
            return Refusal(403, str(error))
        case Conflict():
            return Refusal(409, str(error))
        case StoreError():
            log.error("the store failed", error=str(error))
            return Refusal(503, "Nothing was changed; try again.", headers={"Retry-After": "2"})


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "none"


def security_headers(
    settings: EdgeSettings,
) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Headers of every response, sockets and errors included."""
    headers = {
        "Content-Security-Policy": content_policy(settings),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }
    if urlsplit(settings.public_base_url).scheme == "https":
        headers["Strict-Transport-Security"] = "max-age=31536000"

    async def put(request: web.Request, response: web.StreamResponse) -> None:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        if REQUEST_ID in request:
            response.headers.setdefault("X-Request-Id", request[REQUEST_ID])
        response.headers["Server"] = "Samtal"

    return put
