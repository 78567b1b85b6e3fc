"""`/healthz`, `/readyz`, `/metrics`: what watches over the process."""

from __future__ import annotations

import asyncio
import hmac

import structlog
from aiohttp import web

from bot.edge.metrics import CONTENT_TYPE
from bot.edge.parts import Check, EdgeParts
from bot.edge.problems import Refusal
from bot.errors import SamtalError

log = structlog.get_logger("samtal.health")

_PATIENCE = 3.0  # seconds that a part gets to say that it is ready


class Health:
    """Answers probes."""

    def __init__(self, parts: EdgeParts) -> None:
        self._parts = parts

    def add_to(self, app: web.Application) -> None:
        """Offer the routes."""
        app.router.add_get("/healthz", self.alive)
        app.router.add_get("/readyz", self.ready)
        app.router.add_get("/metrics", self.metrics)

    async def alive(self, _: web.Request) -> web.Response:
        """The process runs and its loop turns."""
        return web.json_response({"status": "alive"})

    async def ready(self, _: web.Request) -> web.Response:
        """Every part can do its work; 503 names those that cannot."""
        checks: dict[str, Check] = {
            "store": self._parts.store.ready,
            "bus": self._bus,
            "model": self._model,
            **self._parts.checks,
        }
        found = await asyncio.gather(*(_state(name, check) for name, check in checks.items()))
        states = dict(zip(checks, found, strict=True))
        ready = set(states.values()) == {"ready"}
        document = {"status": "ready" if ready else "not ready", "parts": states}
        return web.json_response(document, status=200 if ready else 503)

    async def _bus(self) -> None:
        await self._parts.hub.engines.bus.depth()

    async def _model(self) -> None:
        if not self._parts.hub.engines.nlu.model:
            msg = "no model is loaded"
            raise SamtalError(msg)

    async def metrics(self, request: web.Request) -> web.Response:
        """The figures, in Prometheus' text format."""
        token = self._parts.settings.metrics_token
        if token is not None:
            given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
            if not hmac.compare_digest(given, f"Bearer {token.get_secret_value()}".encode()):
                raise Refusal(401, "Send the metrics token as Authorization: Bearer.")
        body = self._parts.metrics.exposition()
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})


async def _state(name: str, check: Check) -> str:
    try:
        async with asyncio.timeout(_PATIENCE):
            await check()
    except TimeoutError:
        return "no answer"
    except Exception:  # outermost: whatever a part raises, the probe gets an answer
        log.exception("not ready", part=name)
        return "not ready"
    return "ready"
