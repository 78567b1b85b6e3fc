"""Customers in browsers: they write, lose the connection, come again, and show each message once.

What a page does with what it is told is `web/widget/src/talk.ts`, in few words.
"""

from __future__ import annotations

import asyncio
import random
import time
from bisect import insort
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import aiohttp
import socketio

from bot.model.channel import Address
from tests.crash.facts import Posted
from tests.crash.load import QUESTIONS
from tests.faults.doors import Balancer
from tests.faults.estate import WEBCHAT, Node

_ACK = 8.0  # seconds until a message counts as not taken
_CONNECT = 10.0
_TALK = (1.0, 6.0)  # seconds between messages
_LEAVE = 0.1  # chance that a page is closed and opened again after a message
_ERRORS = (socketio.exceptions.SocketIOError, OSError, TimeoutError, ValueError)


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """One message on the page, by its place."""

    seq: int
    id: str
    author: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a page shows in the end, in order; `wrong` is what it was told and should not be."""

    visitor: str
    lines: tuple[Line, ...]
    wrong: tuple[str, ...]
    connects: int
    told_twice: int


class Page:
    """What is on the screen: each message once, by its number."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.token: str | None = None
        self.visitor = ""
        self.last_seq = 0
        self.caught_up = asyncio.Event()
        self.told_twice = 0
        self.wrong: list[str] = []
        self._known: dict[str, Line] = {}

    def opens(self) -> None:
        """A new connection: a replay is to come."""
        self.caught_up.clear()

    def auth(self) -> dict[str, object]:
        """What the page says when it connects."""
        return {"last_seq": self.last_seq, **({"token": self.token} if self.token else {})}

    def hear(self, event: str, *told: Mapping[str, object]) -> None:
        """Take in what the server tells."""
        data = told[0] if told else {}
        match event:
            case "welcome":
                self.token, self.visitor = str(data["token"]), str(data["visitor"])
            case "replayed":
                self.last_seq = max(self.last_seq, _number(data["seq"]))
                self.caught_up.set()
            case "message":
                self._message(data)
            case _:
                pass

    def _message(self, data: Mapping[str, object]) -> None:
        # Not a word here of `last_seq`: one message may be lost on its way to this edge, and the
        # next of the same thread, from another process, come through before anybody knows.
        text = str(data.get("text", ""))
        line = Line(_number(data.get("seq")), str(data["id"]), str(data["author"]), text)
        known = self._known.setdefault(line.id, line)
        if known is line:
            insort(self.lines, line)
            return
        self.told_twice += 1
        if known != line:
            self.wrong.append(f"{line.id} was shown as {known}, then told as {line}")


class Browser:
    """One customer at a page: writes numbered questions until told that it is enough."""

    def __init__(
        self, number: int, nodes: list[Node], balancer: Balancer, chance: random.Random
    ) -> None:
        self.page = Page()
        self.posted: list[Posted] = []
        self.connects = 0
        self._number = number
        self._nodes = nodes
        self._node = nodes[number % len(nodes)]
        self._balancer = balancer
        self._chance = chance
        self._client: socketio.AsyncClient | None = None
        self._http: aiohttp.ClientSession | None = None

    async def run(self, enough: asyncio.Event) -> None:
        """Write now and then."""
        while not enough.is_set():
            await self._write()
            if self._chance.random() < _LEAVE:
                await self._leave()
            await asyncio.sleep(self._chance.uniform(*_TALK))

    async def finish(self, expected: Callable[[str], int], *, patience: float) -> View:
        """Stay until the page shows as many messages as there are, or nothing more comes."""
        limit = time.monotonic() + patience
        while len(self.page.lines) < expected(self.page.visitor) and time.monotonic() < limit:
            await self._connected()
            await asyncio.sleep(0.2)
        await asyncio.sleep(0.5)  # for what comes twice
        await self._leave()
        if self._http is not None:
            await self._http.close()
        return View(
            visitor=self.page.visitor,
            lines=tuple(self.page.lines),
            wrong=tuple(self.page.wrong),
            connects=self.connects,
            told_twice=self.page.told_twice,
        )

    async def _write(self) -> None:
        """Write one message, again and again with the same id until it is taken."""
        if not await self._connected():
            return
        count = len(self.posted) + 1
        text = QUESTIONS[count % len(QUESTIONS)].format(count)
        sid = f"w{self._number}-{count}"
        one = Posted(sid, self.page.visitor, text, time.monotonic())
        self.posted.append(one)
        while True:
            if await self._sent(one):
                break
            await asyncio.sleep(self._chance.uniform(0.2, 1.0))
        one.accepted_at, one.edge = time.monotonic(), self._node.name
        self._balancer.took(one)

    async def _sent(self, one: Posted) -> bool:
        if not await self._connected() or self._client is None:
            return False
        said = {"id": one.sid, "text": one.text}
        try:
            ack = await self._client.call("message", said, namespace="/chat", timeout=_ACK)
        except _ERRORS:
            await self._leave()
            return False
        return isinstance(ack, dict) and bool(ack.get("ok"))

    async def _connected(self) -> bool:
        """Whether there is a connection that has caught up; makes one if it takes that."""
        if self._client is not None and self._client.connected:
            return self.page.caught_up.is_set()
        await self._leave()
        if await self._balancer.all_recorded(self.page.visitor):
            self._node = self._chance.choice(self._nodes)
        if self._http is None:  # one of its own: the library leaves one behind at each failure
            self._http = aiohttp.ClientSession()
        client = socketio.AsyncClient(reconnection=False, http_session=self._http)
        client.on("*", self.page.hear, namespace="/chat")
        self._client = client
        self.page.opens()
        try:
            async with asyncio.timeout(_CONNECT):
                await client.connect(
                    f"http://{self._node.host}:{self._node.port}",
                    namespaces=["/chat"],
                    auth=self.page.auth() | {"account": WEBCHAT},
                    transports=["websocket"],
                    wait_timeout=_CONNECT,
                )
                self.connects += 1
                await self.page.caught_up.wait()
        except _ERRORS:
            await self._leave()
            await asyncio.sleep(self._chance.uniform(0.2, 1.0))
            return False
        return True

    async def _leave(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(*_ERRORS):
                async with asyncio.timeout(3):
                    await client.disconnect()


def address_of(visitor: str) -> Address:
    """Where a visitor is reached."""
    return Address(channel="webchat", account=WEBCHAT, user=visitor)


def _number(value: object) -> int:
    return int(value) if isinstance(value, int | float | str) else 0
