"""Thousands of visitors with the web chat open, a process of its own.

`python -m tests.bench.scale.visitors` carries out what standard input asks, a line of JSON each,
and answers with a line; `Visitors` is the other side of that.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import JsonValue

from tests.bench.scale.websocket import Visitor
from tests.bench.server import ROOT

_AT_ONCE = 64  # connections being made
_LONGEST_LINE = 2**26
_PATIENCE = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """A visitor who is connected: at which edge (its place), under which name."""

    number: int
    edge: int
    name: str
    compressed: bool
    lost: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One message that a visitor was shown: when, in monotonic seconds and on the clock.

    `sent` is the moment in monotonic seconds that the teller wrote into it, `at` the outbox's.
    """

    visitor: int
    id: str
    author: str
    text: str
    at: str
    sent: float | None
    arrived: float
    clock: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrote:
    """One message that a visitor wrote; moments are monotonic seconds."""

    visitor: int
    sid: str
    text: str
    first_at: float
    accepted_at: float | None


class Crowd:
    """The visitors."""

    def __init__(self) -> None:
        self._visitors: list[Visitor] = []
        self._edges: dict[int, int] = {}
        self._told: list[Told] = []

    async def connect(self, ports: list[int], count: int, account: str, *, deflate: bool) -> None:
        """Have so many more visitors, evenly over the edges."""
        room = asyncio.Semaphore(_AT_ONCE)

        async def one(number: int) -> Visitor:
            place = number % len(ports)
            self._edges[number] = place
            async with room:
                return await self._open(number, ports[place], account, deflate=deflate)

        first = len(self._edges)
        self._visitors += await asyncio.gather(*(one(first + place) for place in range(count)))

    async def _open(self, number: int, port: int, account: str, *, deflate: bool) -> Visitor:
        loop = asyncio.get_running_loop()
        visitor = Visitor(number, self._hear, account=account, deflate=deflate)
        try:
            await loop.create_connection(lambda: visitor, "127.0.0.1", port)
            await asyncio.wait_for(visitor.ready, 60)
        except (OSError, TimeoutError) as error:
            visitor.close()
            visitor.lost = f"{type(error).__name__}: {error}"
        return visitor

    def here(self) -> list[Here]:
        """Everybody, those whose connection is lost too."""
        return [
            Here(
                number=one.number,
                edge=self._edges[one.number],
                name=one.name,
                compressed=one.compressed,
                lost=one.lost,
            )
            for one in self._visitors
        ]

    async def write(self, numbers: Sequence[int], text: str) -> list[Wrote]:
        """Have each of these write one message; returns when all are acknowledged."""
        chosen = {one.number: one for one in self._visitors}

        async def one(visitor: Visitor) -> Wrote:
            sid, own = f"w{visitor.number}-{time.monotonic_ns()}", text.format(visitor.number)
            first_at = time.monotonic()
            ack = await visitor.say("message", {"id": sid, "text": own})
            taken = isinstance(ack, dict) and ack.get("ok") is True
            accepted_at = time.monotonic() if taken else None
            return Wrote(
                visitor=visitor.number,
                sid=sid,
                text=own,
                first_at=first_at,
                accepted_at=accepted_at,
            )

        return list(await asyncio.gather(*(one(chosen[number]) for number in numbers)))

    def told(self) -> list[Told]:
        """What they were shown since this was asked last."""
        told, self._told = self._told, []
        return told

    def count(self) -> int:
        """How much that is."""
        return len(self._told)

    def leave(self) -> None:
        """Close all pages."""
        for one in self._visitors:
            one.close()
        self._visitors.clear()

    def _hear(self, visitor: Visitor, event: str, data: dict[str, JsonValue]) -> None:
        if event != "message" or data.get("author") == "customer":
            return
        sent = data.get("sent")
        self._told.append(
            Told(
                visitor=visitor.number,
                id=str(data["id"]),
                author=str(data["author"]),
                text=str(data["text"]),
                at=str(data.get("at", "")),
                sent=float(sent) if isinstance(sent, int | float) else None,
                arrived=time.monotonic(),
                clock=time.time(),
            )
        )


# --- the process -----------------------------------------------------------------------------


async def carry_out() -> None:
    """Do what standard input asks until it ends."""
    crowd, loop = Crowd(), asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(await _done(crowd, json.loads(line))), flush=True)


async def _done(crowd: Crowd, wish: dict[str, Any]) -> object:
    match wish.pop("do"):
        case "connect":
            await crowd.connect(**wish)
            return None
        case "here":
            return [asdict(one) for one in crowd.here()]
        case "write":
            return [asdict(one) for one in await crowd.write(**wish)]
        case "told":
            return [asdict(one) for one in crowd.told()]
        case "count":
            return crowd.count()
        case "leave":
            crowd.leave()
            return None
        case other:
            raise ValueError(f"nobody knows how to {other}")


class Visitors:
    """The other side: asks the process."""

    def __init__(self, ask: Callable[[dict[str, object]], Awaitable[Any]]) -> None:
        self._ask = ask

    async def connect(
        self, ports: Sequence[int], count: int, *, account: str, deflate: bool
    ) -> None:
        """See `Crowd.connect`."""
        wish = {"do": "connect", "ports": list(ports), "count": count, "account": account}
        await self._ask({**wish, "deflate": deflate})

    async def here(self) -> list[Here]:
        """See `Crowd.here`."""
        return [Here(**row) for row in await self._ask({"do": "here"})]

    async def write(self, numbers: Sequence[int], text: str) -> list[Wrote]:
        """See `Crowd.write`."""
        rows = await self._ask({"do": "write", "numbers": list(numbers), "text": text})
        return [Wrote(**row) for row in rows]

    async def told(self) -> list[Told]:
        """See `Crowd.told`."""
        return [Told(**row) for row in await self._ask({"do": "told"})]

    async def count(self) -> int:
        """See `Crowd.count`."""
        return int(await self._ask({"do": "count"}))

    async def leave(self) -> None:
        """See `Crowd.leave`."""
        await self._ask({"do": "leave"})


@asynccontextmanager
async def visitors() -> AsyncIterator[Visitors]:
    """The process, for as long as the block lasts."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.scale.visitors"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LONGEST_LINE,
    )

    async def ask(wish: dict[str, object]) -> Any:  # noqa: ANN401 - JSON, read by `Visitors`
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("no pipes")
        process.stdin.write(json.dumps(wish).encode() + b"\n")
        async with asyncio.timeout(_PATIENCE):
            line = await process.stdout.readline()
        if not line:
            raise RuntimeError(f"the visitors' process ended at {wish['do']}")
        return json.loads(line)

    try:
        yield Visitors(ask)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


if __name__ == "__main__":
    asyncio.run(carry_out())
