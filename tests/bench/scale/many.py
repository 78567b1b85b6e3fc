"""What many processes cost and bring: engines, drivers, and a second worker."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from tests.bench.load import Order
from tests.bench.scale.figures import Look, Report, together
from tests.bench.scale.plan import Plan
from tests.bench.scale.site import Site, Sites, right, running, settled
from tests.bench.server import Process

SQLITE = "SQLite, one process"
ONE = "MongoDB+NATS, one process"
DRIVER = "the same over pymongo"
SPLIT = "edge, worker, outbox"
SECOND = "edge, 2 workers, outbox"
LONG = ", long texts"
SCARCE = ", long texts, scarce workers"

_IDLE = 3.0
_FIRST = 2_000_000  # the customers of this part are numbered from here
_SCARCE_IN_FLIGHT = 32
_PERIOD = 0.1  # seconds in which a worker gets its share of a core

Looking = Callable[[Site, Order], Awaitable[Look]]


class Many:
    """One run of it."""

    def __init__(self, plan: Plan, sites: Sites, report: Report) -> None:
        self._plan = plan
        self._report = report
        self._played = sites.played
        self._sites = {
            SQLITE: sites.on_sqlite("sqlite"),
            SPLIT: sites.on_servers("split", "edge", "worker", "outbox"),
            SECOND: sites.on_servers("second", "edge", "worker", "outbox", "worker"),
        }
        if plan.drivers:
            self._sites[ONE] = sites.on_servers("one", "all")
            self._sites[DRIVER] = sites.on_servers("driver", "all", driver="pymongo")
        self._first = {
            name: _FIRST + place * plan.senders for place, name in enumerate(self._sites)
        }

    async def run(self) -> None:
        """Measure; raises NoResult."""
        await self._played.behave(receipts=True, forget=True)
        both = {name: self._sites[name] for name in (SPLIT, SECOND)}
        async with running(*self._sites.values()):
            for name, site in self._sites.items():
                await site.look(self._order(name, site, self._plan.warm))
            for name, site in self._sites.items():
                self._report.idle[name] = await site.idle(min(_IDLE, self._plan.look))
            await self._in_turn(self._sites, "", _look)
            await self._in_turn(both, LONG, _look)
            await self._in_turn(both, SCARCE, self._look_scarce)
            await settled(self._played)
        self._report.checked += await right(list(self._sites.values()), self._played)

    async def _in_turn(self, sites: Mapping[str, Site], kind: str, look: Looking) -> None:
        """Look at one after the other, there and back, so that the machine is the same to all."""
        found: dict[str, list[Look]] = {name: [] for name in sites}
        for turn in range(self._plan.looks):
            rows = list(sites.items())
            for name, site in reversed(rows) if turn % 2 else rows:
                order = self._order(name, site, self._plan.look)
                order = replace(order, length=self._plan.long if kind else 0)
                found[name].append(await look(site, order))
        self._report.many |= {name + kind: together(looks) for name, looks in found.items()}

    async def _look_scarce(self, site: Site, order: Order) -> Look:
        """The same while each worker gets its share of a core only, and no more.

        Fewer at a time and for longer, so that answers do not take as long as the look.
        """
        workers = [node.running for node in site.nodes if node.role == "worker"]
        slow = replace(order, in_flight=_SCARCE_IN_FLIGHT, seconds=2 * order.seconds)
        async with _held(workers, share=self._plan.share):
            return await site.look(slow)

    def _order(self, name: str, site: Site, seconds: float) -> Order:
        first, senders = self._first[name], self._plan.senders
        return site.order(seconds=seconds, first=first, senders=senders)


async def _look(site: Site, order: Order) -> Look:
    return await site.look(order)


@asynccontextmanager
async def _held(processes: list[Process], *, share: float) -> AsyncIterator[None]:
    """Let each process run for a share of the time, one after the other."""

    async def hold(process: Process, offset: float) -> None:
        try:
            process.signal(signal.SIGSTOP)
            await asyncio.sleep(offset)
            while True:
                process.signal(signal.SIGCONT)
                await asyncio.sleep(share * _PERIOD)
                process.signal(signal.SIGSTOP)
                await asyncio.sleep((1 - share) * _PERIOD)
        finally:
            process.signal(signal.SIGCONT)

    tasks = [
        asyncio.create_task(hold(process, place * _PERIOD / len(processes)))
        for place, process in enumerate(processes)
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
