"""The load generator, a process of its own: reads an `Order` on standard input, prints a `Took`.

Closed loop: so many customers at a time, each writing again when the answer has come. Open loop:
messages by the clock, whatever becomes of them; times count from the moment a message was meant to
be sent, so that waiting is not hidden.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import sys
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from tests.bench import twilio
from tests.bench.client import Client

QUESTIONS = (
    "Hej! När har ni öppet på lördagar? {}",
    "vad kostar frakten till Göteborg? {}",
    "hur lång är leveranstiden? {}",
    "Vilka betalsätt har ni, går det bra med Swish? {}",
    "var ligger butiken? {}",
)
_PATIENCE = 30.0  # seconds for answers that are still out at the end


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to do. `kind` http: the answer is in the response, else at the provider.

    Message n is from customer `first + (start + n) * step % senders`, in a text that is repeated
    until it has `length` characters.
    """

    port: int
    stream: int = 0
    kind: Literal["callback", "http"] = "callback"
    in_flight: int = 0
    rate: float = 0.0
    seconds: float = 3.0
    senders: int = 2000
    first: int = 0
    start: int = 0
    step: int = 1
    length: int = 0
    record: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """What came of it; times in milliseconds."""

    messages: int
    unanswered: int
    refused: int
    seconds: float
    webhook: dict[str, float] = field(default_factory=dict)
    answer: dict[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        return self.messages / self.seconds


def percentiles(times: Sequence[float]) -> dict[str, float]:
    """Median, p90, p99 and the longest, from seconds to milliseconds (nearest rank)."""
    if not times:
        return {}
    rows = sorted(times)
    ranks = {name: max(math.ceil(len(rows) * q) - 1, 0) for name, q in _QUANTILES.items()}
    return {name: round(rows[rank] * 1000, 3) for name, rank in ranks.items()}


_QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}


def lengthened(text: str, length: int) -> str:
    """A text said again and again, so that it means the same and is so many characters long."""
    times = -(-length // (len(text) + 1))
    return " ".join([text] * max(times, 1))


class Replies:
    """Hears from the provider who got an answer; answers of one recipient come in order."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[asyncio.Future[float]]] = defaultdict(deque)
        self._task: asyncio.Task[None] | None = None

    async def listen(self, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await reader.readline()
        self._task = asyncio.create_task(self._read(reader, writer))

    def expect(self, recipient: str) -> asyncio.Future[float]:
        """When the provider took the next message to this recipient, in monotonic seconds."""
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting[recipient].append(future)
        return future

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                recipient, _, at = line.decode().partition("\t")
                waiting = self._waiting.get(recipient)
                if waiting:
                    waiting.popleft().set_result(float(at))
        finally:
            writer.close()


class Generator:
    """Carries out one order."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._base = f"http://127.0.0.1:{order.port}"
        self._client = Client("127.0.0.1", order.port)
        self._replies = Replies()
        self._numbers = itertools.count()
        self._webhook: list[float] = []
        self._answer: list[float] = []
        self._posted: list[tuple[str, str, str, float, float | None]] = []
        self._refused = 0
        self._unanswered = 0

    async def run(self) -> Took:
        """Do it."""
        if self._order.kind == "callback":
            await self._replies.listen(self._order.stream)
        started = time.monotonic()
        await (self._closed() if self._order.in_flight else self._open())
        ended = time.monotonic()
        await self._replies.close()
        self._client.close()
        self._keep()
        return Took(
            messages=len(self._answer),
            unanswered=self._unanswered,
            refused=self._refused,
            seconds=ended - started,
            webhook=percentiles(self._webhook),
            answer=percentiles(self._answer),
        )

    async def _closed(self) -> None:
        until = time.monotonic() + self._order.seconds

        async def customer() -> None:
            while time.monotonic() < until:
                await self._one(next(self._numbers), time.monotonic())

        await asyncio.gather(*(customer() for _ in range(self._order.in_flight)))

    async def _open(self) -> None:
        started = time.monotonic() + 0.05
        tasks = []
        for number in range(int(self._order.seconds * self._order.rate)):
            meant = started + number / self._order.rate
            pause = meant - time.monotonic()
            if pause > 0:
                await asyncio.sleep(pause)
            tasks.append(asyncio.create_task(self._one(number, meant)))
        await asyncio.gather(*tasks)

    async def _one(self, number: int, meant: float) -> None:
        """Write one message and wait for its answer."""
        order = self._order
        place = (order.start + number) * order.step % order.senders
        sender = f"+4670{order.first + place:07d}"
        sid = f"SM{order.first + number:08x}{order.port:08x}{time.time_ns() & (2**64 - 1):016x}"
        text = lengthened(QUESTIONS[number % len(QUESTIONS)].format(number), order.length)
        reply = self._replies.expect(sender) if order.kind == "callback" else None
        request = twilio.message(self._base, sid=sid, sender=sender, text=text)
        first = time.monotonic()
        status = (await self._client.post(request)).status
        done = time.monotonic()
        self._webhook.append(done - meant)
        ok = 200 <= status < 300
        self._refused += not ok
        self._posted.append((sid, sender, text, first, done if ok else None))
        if reply is not None:
            try:
                done = await asyncio.wait_for(reply, _PATIENCE)
            except TimeoutError:
                self._unanswered += 1
                return
        self._answer.append(done - meant)

    def _keep(self) -> None:
        if self._order.record:
            with Path(self._order.record).open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(row) + "\n" for row in self._posted)


def main() -> None:
    """Carry out the order on standard input."""
    order = Order(**json.load(sys.stdin))
    print(json.dumps(asdict(asyncio.run(Generator(order).run()))))


if __name__ == "__main__":
    main()
