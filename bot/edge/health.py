"""`/healthz`, `/readyz`, `/metrics`: what watches over the process."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import structlog
from aiohttp import web
from pydantic import SecretStr

from bot.edge.metrics import CONTENT_TYPE, Metrics
from bot.edge.problems import Refusal
from bot.errors import BusError, StoreError

log = structlog.get_logger("samtal.health")

_PATIENCE = 3.0  # seconds that a part gets to say that it is ready
_SAMPLE_PATIENCE = 1.0  # seconds that a figure gets to be taken

Check = Callable[[], Awaitable[str | None]]
Sample = Callable[[], Awaitable[None]]


class Standing:
    """Whether the process is about to end."""

    def __init__(self) -> None:
        self.draining = False


@dataclass(frozen=True, kw_only=True)
class Probed:
    """What probes are told of one process.

    Each check returns when its part is ready, or a word for a state that is not right and still
    lets the process do its work (`spooling`); it raises when it does not. `needed` names the parts
    without which the process is not ready. `samples` bring figures up to date before they are read.
    """

    checks: Mapping[str, Check]
    needed: frozenset[str]
    metrics: Metrics
    metrics_token: SecretStr | None = None
    standing: Standing = field(default_factory=Standing)
    samples: tuple[Sample, ...] = ()


class Health:
    """Answers probes."""

    def __init__(self, probed: Probed) -> None:
        self._probed = probed

    def add_to(self, app: web.Application) -> None:
        """Offer the routes."""
        app.router.add_get("/healthz", self.alive)
        app.router.add_get("/readyz", self.ready)
        app.router.add_get("/metrics", self.metrics)

    async def alive(self, _: web.Request) -> web.Response:
        """The process runs and its loop turns."""
        return web.json_response({"status": "alive"})

    async def ready(self, _: web.Request) -> web.Response:
        """200 when what the process needs is there; names every part that is not."""
        probed = self._probed
        found = await asyncio.gather(*(_state(*one) for one in probed.checks.items()))
        states = dict(zip(probed.checks, (state for state, _ in found), strict=True))
        lacking = {
            name for name, (_, fit) in zip(probed.checks, found, strict=True) if not fit
        } & probed.needed
        status = "not ready" if lacking else "ready"
        if probed.standing.draining:
            status = "draining"
        code = 200 if status == "ready" else 503
        return web.json_response({"status": status, "parts": states}, status=code)

    async def metrics(self, request: web.Request) -> web.Response:
        """The figures, in Prometheus' text format."""
        probed = self._probed
        token = probed.metrics_token
        if token is not None:
            given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
            if not hmac.compare_digest(given, f"Bearer {token.get_secret_value()}".encode()):
                raise Refusal(401, "Send the metrics token as Authorization: Bearer.")
        await asyncio.gather(*(_sampled(sample) for sample in probed.samples))
        body = probed.metrics.exposition()
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})


async def _state(name: str, check: Check) -> tuple[str, bool]:
    """The word for a part's state, and whether the process can do its work with it."""
    try:
        async with asyncio.timeout(_PATIENCE):
            return await check() or "ready", True
    except TimeoutError:
        return "no answer", False
    except (BusError, StoreError) as error:
        log.warning("not ready", part=name, error=type(error).__name__)
    except Exception:  # outermost: whatever a part raises, the probe gets an answer
        log.exception("not ready", part=name)
    return "not ready", False


async def _sampled(sample: Sample) -> None:
    """Take a figure, or leave it as it was when its source does not answer."""
    try:
        async with asyncio.timeout(_SAMPLE_PATIENCE):
            await sample()
    except (TimeoutError, BusError, StoreError) as error:
        log.debug("figure not taken", error=type(error).__name__)
