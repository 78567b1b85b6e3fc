"""What the embedded store and bus cost: `python -m tests.bench.store [--messages N] [--callers N]`.

Every kind of call is timed by itself, with all values built beforehand, by one caller and by many.
CPU is of the whole process: the event loop, the writer's thread and SQLite.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

from bot.buses.sqlite import SqliteBus
from bot.edge.clock import SystemClock
from bot.embedded.database import Database
from bot.model.channel import ReceiptStatus
from bot.model.ids import SendId
from bot.model.record import Acceptance, Accepted, Envelope, Settlement, ThreadChange, Turn
from bot.model.sending import PartSent
from bot.model.thread import SendStatus
from bot.stores.sqlite import SqliteStore
from tests.builders import (
    LAPSES,
    acceptance,
    address,
    arrival,
    at,
    change,
    entry,
    receipt,
    reply,
    send_item,
    spans,
)

T = TypeVar("T")
R = TypeVar("R")

BODY = b'{"from":"+46701234567","to":"+46109999999","text":"' + b"Var ar mitt paket? " * 8 + b'"}'


class Cost(NamedTuple):
    """What one kind of call cost."""

    calls: int
    seconds: float
    cpu: float

    def line(self, name: str) -> str:
        """A row of the report."""
        rate, cpu = self.calls / self.seconds, self.cpu / self.calls * 1e6
        return f"  {name:<22}{rate:>10,.0f}/s {cpu:>9.1f} CPU-us"


async def spread(items: Sequence[T], callers: int, call: Callable[[T], Awaitable[R]]) -> list[R]:
    """Make one call for each item, by so many callers at a time; results in order."""
    results: dict[int, R] = {}
    queue = iter(enumerate(items))

    async def caller() -> None:
        for number, item in queue:
            results[number] = await call(item)

    await asyncio.gather(*(caller() for _ in range(callers)))
    return [results[number] for number in range(len(items))]


class Bench:
    """Takes messages through the store, one kind of call after the other."""

    def __init__(self, store: SqliteStore, bus: SqliteBus, *, callers: int) -> None:
        self.store = store
        self.bus = bus
        self.callers = callers
        self.costs: dict[str, Cost] = {}

    async def measure(
        self, name: str, items: Sequence[T], call: Callable[[T], Awaitable[R]]
    ) -> list[R]:
        """Time one kind of call."""
        cpu, clock = time.process_time(), time.perf_counter()
        results = await spread(items, self.callers, call)
        self.costs[name] = Cost(len(items), time.perf_counter() - clock, time.process_time() - cpu)
        return results

    async def run(self, *, messages: int, people: int, round_: int) -> None:
        """Take messages the whole way: accepted, bus, turn, commit, sent, receipt."""
        accepted = await self.accept(accepted_by(messages, people, round_))
        events = [event for batch in accepted for event in batch.events]
        turns = await self.measure("turn", [event.thread for event in events], self.store.turn)
        await self.answer(turns)

    async def accept(self, acceptances: Sequence[Acceptance]) -> list[Accepted]:
        """Accept messages while the bus hands them out."""
        done = asyncio.Event()
        left = len(acceptances)

        async def handle(envelope: Envelope, *, tries: int) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                done.set()

        task = asyncio.create_task(self.bus.run(handle))
        await asyncio.sleep(0.1)  # it looks through the file first
        accepted = await self.measure("accept, bus, ack", acceptances, self.store.accept)
        await done.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return accepted

    async def answer(self, turns: Sequence[Turn]) -> None:
        """Commit one event of each thread, and send what it answers."""
        await self.measure("commit + send", [change_of(turn) for turn in turns], self.store.commit)
        sends: list[SendId] = []
        cpu, clock = time.process_time(), time.perf_counter()
        while claims := await self.store.claim_sends(now=at(60), limit=16, until=LAPSES):
            sends.extend(claim.item.id for claim in claims)
        self.costs["claim (16 at a time)"] = Cost(
            len(sends), time.perf_counter() - clock, time.process_time() - cpu
        )
        await self.measure("part_sent", sends, self.part)
        await self.measure(
            "settle",
            [Settlement(send=send, status=SendStatus.SENT, at=at(1)) for send in sends],
            self.store.settle,
        )
        await self.measure(
            "accept a receipt",
            [Acceptance(receipts=(receipt(send, ReceiptStatus.DELIVERED),)) for send in sends],
            self.store.accept,
        )
        await self.measure(
            "entries (a thread)",
            [spans(*(one.address for one in turn.identities)) for turn in turns],
            self.store.entries,
        )

    async def part(self, send: SendId) -> None:
        """Record the one part of a send."""
        await self.store.part_sent(send, PartSent(external_id=send), at=at(1))

    def report(self) -> None:
        """Print what it cost."""
        print(f"{self.callers} caller(s)")
        for name, cost in self.costs.items():
            print(cost.line(name))
        total = sum(cost.cpu / cost.calls for name, cost in self.costs.items() if name in LINE)
        print(f"  {'a message, all of it':<22}{'':>12} {total * 1e6:>9.1f} CPU-us")


LINE = {
    "accept, bus, ack",
    "turn",
    "commit + send",
    "claim (16 at a time)",
    "part_sent",
    "settle",
    "accept a receipt",
}


def accepted_by(messages: int, people: int, round_: int) -> list[Acceptance]:
    """Requests with one message each, from so many new people in turn."""
    users = [address(f"user-{round_}-{number}") for number in range(people)]
    return [
        acceptance(
            arrival(users[number % people], f"m{number}", text="Var är mitt paket? " * 4),
            body=BODY,
        )
        for number in range(messages)
    ]


def change_of(turn: Turn) -> ThreadChange:
    """A message in, an answer, and its send."""
    event = turn.events[0]
    out = reply(event, text="Hej! Ditt paket kommer i morgon mellan 9 och 12.")
    return change(turn, event, entry(event), out).model_copy(
        update={"sends": (send_item(turn, out),)}
    )


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[tuple[SqliteStore, SqliteBus]]:
    """A fresh store with its bus."""
    database = Database.open(folder / "bench.db")
    bus = SqliteBus(database, clock=SystemClock())
    store = SqliteStore(database, bus)
    try:
        yield store, bus
    finally:
        await bus.close()
        await store.close()


def sync_time(folder: Path) -> float:
    """How long one fdatasync of a page takes here (median, milliseconds): rates depend on it."""
    times = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(50):
            file.write(bytes(4096))
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - started)
    return sorted(times)[len(times) // 2] * 1e3


async def main(messages: int, many: int) -> None:
    """Measure with one caller and with many."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"fdatasync {sync_time(folder):.2f} ms")
        async with opened(folder) as (store, bus):
            for round_, (callers, count) in enumerate(
                ((many, 500), (1, messages), (many, messages))
            ):
                bench = Bench(store, bus, callers=callers)
                await bench.run(messages=count, people=count, round_=round_)
                if round_ > 0:  # the first is to get warm
                    bench.report()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=4_000)
    parser.add_argument("--callers", type=int, default=200)
    given = parser.parse_args()
    asyncio.run(main(given.messages, given.callers))
