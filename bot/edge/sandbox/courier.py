"""Carries the played providers' webhooks to the hub, over real HTTP, in order."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Iterator
from typing import Literal
from urllib.parse import urlsplit

import aiohttp
import structlog

from bot.edge.problems import Refusal
from bot.edge.settings import EdgeSettings
from bot.model.channel import Answer, Request
from bot.model.value import AwareDatetime, Value

log = structlog.get_logger("samtal.sandbox")

_WAITING = 1000
_TRIES = 5
_FIRST_WAIT = 0.2  # seconds, doubling
_SERVER_FAULT = 500
_LONGEST = 2000
_OWN_HEADERS = {"host", "content-length", "transfer-encoding", "connection"}
_BOT_TOKEN = re.compile(r"/bot[^/]+")
_PROOFS = re.compile(r"authorization|signature|token|secret|api-key")
_SCHEME = re.compile(r"(?:Basic|Bearer) (?=.)")


class WireHeader(Value):
    """A header that says something of the body or proves who sent it."""

    name: str
    value: str
    proof: bool


class Exchange(Value):
    """One request between the hub and a played provider; bodies are cut, secrets taken out.

    `n` grows, over restarts too.
    """

    n: int
    at: AwareDatetime
    way: Literal["to_provider", "webhook"]
    channel: str
    account: str
    method: str
    path: str
    headers: tuple[WireHeader, ...]
    body: str
    status: int
    answer: str


class WireLog:
    """The last exchanges."""

    def __init__(self, numbers: Iterator[int], *, kept: int = 200) -> None:
        """`numbers` grow."""
        self._exchanges: deque[Exchange] = deque(maxlen=kept)
        self._numbers = numbers

    def add(
        self,
        account: tuple[str, str],
        request: Request,
        answer: Answer,
        *,
        way: Literal["to_provider", "webhook"],
    ) -> None:
        """Remember one."""
        self._exchanges.append(
            Exchange(
                n=next(self._numbers),
                at=request.received_at,
                way=way,
                channel=account[0],
                account=account[1],
                method=request.method,
                path=_BOT_TOKEN.sub("/bot***", request.path),
                headers=tuple(_headers(request)),
                body=_text(request.body),
                status=answer.status,
                answer=_text(answer.body),
            )
        )

    def after(self, number: int) -> tuple[Exchange, ...]:
        """Those that are remembered from after a number, oldest first."""
        return tuple(one for one in self._exchanges if one.n > number)


class Courier:
    """Posts webhooks to this server, wherever it listens."""

    def __init__(self, settings: EdgeSettings, wire_log: WireLog) -> None:
        self._public = settings.public_base_url
        self._log = wire_log
        self._queue: asyncio.Queue[tuple[str, tuple[str, str], Request]] = asyncio.Queue(_WAITING)
        self._session: aiohttp.ClientSession | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to carry."""
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=15), auto_decompress=False
        )
        self._task = asyncio.create_task(self._run(), name="samtal-sandbox")

    async def close(self) -> None:
        """Stop; what was not carried is lost, as a provider's retry would find no server."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def later(self, webhook: Request, *, account: tuple[str, str], base: str) -> None:
        """Carry a webhook when those before it are carried; `base` is where the server listens."""
        try:
            self._queue.put_nowait((base, account, webhook))
        except asyncio.QueueFull:
            log.warning("a webhook was dropped: too many wait", channel=account[0])

    async def now(self, webhook: Request, *, account: tuple[str, str], base: str) -> Answer:
        """Carry a webhook and return the hub's answer; raises Refusal when it did not answer."""
        try:
            answer = await self._post(webhook, base)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Refusal(502, f"The hub did not answer: {type(error).__name__}") from None
        self._log.add(account, webhook, answer, way="webhook")
        return answer

    async def _run(self) -> None:
        while True:
            base, account, webhook = await self._queue.get()
            for attempt in range(_TRIES):
                try:
                    answer = await self.now(webhook, account=account, base=base)
                except Refusal:
                    answer = Answer(status=_SERVER_FAULT)
                if answer.status < _SERVER_FAULT:
                    break
                await asyncio.sleep(_FIRST_WAIT * 2**attempt)

    async def _post(self, webhook: Request, base: str) -> Answer:
        if self._session is None:
            raise Refusal(503, "The sandbox is not running.")
        headers = [header for header in webhook.headers if header[0] not in _OWN_HEADERS]
        async with self._session.request(
            webhook.method,
            base + self._target(webhook.url),
            headers=headers,
            data=webhook.body,
            allow_redirects=False,
        ) as response:
            body = await response.content.read(_LONGEST)
            return Answer(status=response.status, body=body)

    def _target(self, url: str) -> str:
        """Path and query of a public URL; whoever it names, it is this server that is meant."""
        if url.startswith(self._public):
            return url.removeprefix(self._public)
        parts = urlsplit(url)
        return parts.path + (f"?{parts.query}" if parts.query else "")


def _headers(request: Request) -> Iterator[WireHeader]:
    for name, value in request.headers:
        if _PROOFS.search(name):
            # A signature is of one request alone; whatever else proves something does so again.
            kept = value if "signature" in name else _hidden(value)
            yield WireHeader(name=name, value=kept, proof=True)
        elif name == "content-type":
            yield WireHeader(name=name, value=value, proof=False)


def _hidden(value: str) -> str:
    scheme = _SCHEME.match(value)
    return f"{scheme[0] if scheme else ''}***"


def _text(body: bytes) -> str:
    return body[:_LONGEST].decode("utf-8", "replace")
