"""What is measured, in which order; every run ends with a look at what it left behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.bench.checking import NoResult, refuse, wrong_with
from tests.bench.figures import Report, Row, stages, together
from tests.bench.load import Order
from tests.bench.playing import Played, carry_out, played, read_posted
from tests.bench.seed import lengthen
from tests.bench.server import MODEL, Place, Process, free_port, serve
from tests.bench.store import sync_time
from tests.crash.gather import gather

_AFTER = 0.4  # seconds for receipts that come after the last answer
_LONG = 10_000  # entries
_LOOKS = 6  # at short and long threads, in turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long to look at what, in seconds; 0 leaves a thing out."""

    floor: float = 2.5
    warm: float = 2.0
    one: float = 4.0
    many: float = 6.0
    open: float = 8.0
    length: float = 1.5
    profile: float = 5.0
    bare: float = 4.0
    long_threads: int = 16
    model: Path = MODEL


QUICK = Plan(
    floor=1.2,
    warm=1.0,
    one=1.5,
    many=3.0,
    open=3.0,
    length=1.0,
    profile=0.0,
    bare=0.0,
    long_threads=8,
)


class Bench:
    """One run of everything."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.report = Report()
        self._plan = plan
        self._folder = folder
        self._played: Played | None = None
        self._first = 0
        self._used: set[int] = set()

    async def run(self) -> Report:
        """Measure; raises NoResult."""
        self.report.sync_ms = sync_time(self._folder)
        before = os.getloadavg()[0]
        async with played() as self._played:
            await self._floors()
            place = self._place("main")
            await self._ours(place)
            await self._length(place)
            if self._plan.profile:
                await self._profile()
        self.report.load = (before, os.getloadavg()[0])
        return self.report

    # --- floors ------------------------------------------------------------------------------

    async def _floors(self) -> None:
        many = (16, 64)
        async with self._floor("a") as (process, port):
            await self._load(process, "warm", _http(port, 16, self._plan.floor / 2))
            for in_flight in many:
                order = _http(port, in_flight, self._plan.floor)
                await self._keep(process, f"floor A, {in_flight}", order)
        async with self._floor("d") as (process, port):
            await self._load(process, "warm", self._closed(port, 16, self._plan.floor / 2))
            for in_flight in (1, *many):
                order = self._closed(port, in_flight, self._plan.floor)
                await self._keep(process, f"floor D, {in_flight}", order)
            await self._same_number(self._record(port))

    @asynccontextmanager
    async def _floor(self, name: str) -> AsyncIterator[tuple[Process, int]]:
        folder = self._folder / name
        folder.mkdir()
        port = free_port()
        command = [sys.executable, "-m", "tests.bench.floors", name, "--port", str(port)]
        command += ["--provider", str(self._provider.port), "--folder", str(folder)]
        process = Process([*command, "--parent", str(os.getpid())], log=folder / "log")
        try:
            await process.ready(port)
            await self._provider.behave(forget=True)
            yield process, port
        finally:
            process.kill()

    async def _same_number(self, record: Path) -> None:
        """The floor keeps no threads: who wrote so many times got so many answers."""
        wrote = Counter(one.sender for one in read_posted(record))
        took = Counter(call.to for call in await self._provider.calls())
        if wrote != took:
            raise NoResult(f"floor D: {wrote.total()} messages, {took.total()} answers")

    # --- the real thing ----------------------------------------------------------------------

    async def _ours(self, place: Place) -> None:
        plan = self._plan
        async with self._running(place, "start, empty store") as process:
            await self._load(process, "warm", self._closed(place.port, 16, plan.warm))
            await self._keep(process, "closed, 1", self._closed(place.port, 1, plan.one))
            for in_flight in (16, 64):
                order = self._closed(place.port, in_flight, plan.many)
                await self._keep(process, f"closed, {in_flight}", order)
            if plan.bare:
                await self._provider.behave(receipts=False)
                order = self._closed(place.port, 64, plan.bare)
                await self._keep(process, "closed, 64, no receipts", order)
                await self._provider.behave(receipts=True)
            await self._open(process, place)

    async def _open(self, process: Process, place: Place) -> None:
        saturation = self.report.rows["closed, 64"].rate
        await self._keep(process, "open, 80/s", self._order(place.port, rate=80.0))
        await self._provider.behave(receipts=True, delay=0.3)
        await self._keep(process, "open, 80/s, slow provider", self._order(place.port, rate=80.0))
        await self._provider.behave(receipts=True)
        rate = round(saturation * 0.7)
        await self._keep(process, "open, 70 %", self._order(place.port, rate=rate))

    async def _length(self, place: Place) -> None:
        """Long threads and short ones in turn, in one process, so that the machine is the same."""
        count = self._plan.long_threads
        short, long = self._take(count), self._take(count)
        users = [f"+4670{long + number:07d}" for number in range(count)]
        await lengthen(place.database, users, entries=_LONG)
        rows: dict[str, list[Row]] = {"short": [], "long": []}
        async with self._running(place, "start, full store") as process:
            for first in (short, long):
                await self._load(process, "warm", self._few(place.port, first, 1.0))
            both = [("short", short), ("long", long)]
            for turn in range(_LOOKS):
                for name, first in both if turn % 2 else reversed(both):
                    order = self._few(place.port, first, self._plan.length)
                    rows[name].append(await self._load(process, name, order))
        for name, found in rows.items():
            self.report.rows[f"threads, {name}"] = together(f"threads, {name}", found)

    async def _profile(self) -> None:
        """Where the time goes: in a process of its own, as watching costs something."""
        place = self._place("profile")
        seen = place.folder / "profile.json"
        os.environ["SAMTAL_PROFILE"] = str(seen)
        async with self._running(place, "", module="tests.bench.profiled") as process:
            await self._load(process, "warm", self._closed(place.port, 64, self._plan.warm))
            process.signal(signal.SIGUSR1)
            row = await self._load(
                process, "profile", self._closed(place.port, 64, self._plan.profile)
            )
            process.signal(signal.SIGUSR1)
            async with asyncio.timeout(10):
                while not seen.exists():  # noqa: ASYNC110 - a file tells nobody of itself
                    await asyncio.sleep(0.05)
            self.report.stages = stages(json.loads(seen.read_text("utf-8")), row.messages)
            self.report.profile_cpu = row.cpu

    @asynccontextmanager
    async def _running(
        self, place: Place, name: str, *, module: str = "bot"
    ) -> AsyncIterator[Process]:
        """The server for a while; afterwards everything it did must be right."""
        process = serve(place, module=module)
        try:
            seconds = await process.ready(place.port)
            if name:
                self.report.starts[name] = seconds
            self.report.ready_rss = self.report.ready_rss or process.rss()
            await self._provider.behave(receipts=True, forget=place.port not in self._used)
            yield process
            await self._settled(place)
            code = await process.stop()
        except BaseException:
            process.kill()
            raise
        if code != 0:
            raise NoResult(f"the server ended with {code}: see {place.log}")
        self._used.add(place.port)
        await self._right(place)

    async def _settled(self, place: Place) -> None:
        """Wait for receipts that are still on their way."""
        calls, receipts = -1, -2
        for _ in range(100):
            calls, receipts = await self._provider.counts()
            await asyncio.sleep(0.1)
            if (calls, receipts) == await self._provider.counts():
                return
        raise NoResult(f"receipts keep coming: {receipts} of {calls} at {place.base}")

    async def _right(self, place: Place) -> None:
        """Raise NoResult unless everything was shown, answered and reported, once and in order."""
        posted = read_posted(self._record(place.port))
        facts = await gather(place.database, posted=posted, calls=await self._provider.calls())
        refuse(wrong_with(facts, receipts=(await self._provider.counts())[1]))
        self.report.checked = max(self.report.checked, len(facts.shown))

    # --- orders ------------------------------------------------------------------------------

    @property
    def _provider(self) -> Played:
        if self._played is None:
            raise RuntimeError("no provider")
        return self._played

    def _place(self, name: str) -> Place:
        folder = self._folder / name
        folder.mkdir()
        return Place(
            folder=folder, port=free_port(), provider=self._provider.port, model=self._plan.model
        )

    def _record(self, port: int) -> Path:
        """Where the load generator writes what it posted there."""
        return self._folder / f"{port}.jsonl"

    def _take(self, count: int) -> int:
        """So many customers that nobody has been yet."""
        self._first += count
        return self._first - count

    def _order(self, port: int, *, rate: float) -> Order:
        seconds = self._plan.open
        return Order(
            port=port,
            stream=self._provider.stream,
            rate=rate,
            seconds=seconds,
            first=self._take(2000),
            record=str(self._record(port)),
        )

    def _closed(self, port: int, in_flight: int, seconds: float) -> Order:
        order = self._order(port, rate=0.0)
        return replace(order, in_flight=in_flight, seconds=seconds)

    def _few(self, port: int, first: int, seconds: float) -> Order:
        """The same few customers, as many at a time as they are."""
        count = self._plan.long_threads
        order = self._closed(port, count, seconds)
        return replace(order, first=first, senders=count)

    async def _keep(self, process: Process, name: str, order: Order) -> None:
        self.report.rows[name] = await self._load(process, name, order)

    async def _load(self, process: Process, name: str, order: Order) -> Row:
        """Carry out an order against a process and see what it cost."""
        before = process.cpu()
        took = await carry_out(order)
        await asyncio.sleep(_AFTER)
        cpu = process.cpu() - before
        if took.unanswered or took.refused:
            raise NoResult(f"{name}: {took.unanswered} unanswered, {took.refused} refused")
        return Row(
            name=name,
            messages=took.messages,
            rate=took.rate,
            cpu=cpu * 1000 / max(took.messages, 1),
            rss=process.rss(),
            webhook=took.webhook,
            answer=took.answer,
        )


def _http(port: int, in_flight: int, seconds: float) -> Order:
    return Order(port=port, kind="http", in_flight=in_flight, seconds=seconds)
