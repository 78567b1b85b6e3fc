"""Two edges, a worker and an outbox: four processes' worth of parts, sharing a store and a bus."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from bot.edge.fanout import FanoutEmitter
from bot.edge.metrics import Metrics
from bot.edge.wire import HttpWire
from bot.hub.hub import Work
from tests.edge.house import House, Site, accounts, house, make_hub, working

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from bot.hub.hub import Hub
    from bot.ports import Fanout

    NewFanout = Callable[[], Awaitable[Fanout]]

INTAKE = Work(intake=True, converse=False, outbox=False, upkeep=False)
CONVERSE = Work(intake=False, converse=True, outbox=False, upkeep=True)
OUTBOX = Work(intake=False, converse=False, outbox=True, upkeep=False)


@dataclass(kw_only=True)
class Processes:
    """What runs."""

    site: Site
    one: House
    two: House
    worker: Hub
    outbox: Hub


@contextlib.asynccontextmanager
async def processes(new_fanout: NewFanout, **settings: object) -> AsyncIterator[Processes]:
    """Two edges, a worker and an outbox, each with a fan-out of its own."""
    site, edge = Site.new(), cast("dict[str, Any]", settings)
    async with contextlib.AsyncExitStack() as stack:
        enter = stack.enter_async_context
        one = await enter(house(site=site, fanout=await new_fanout(), work=INTAKE, **edge))
        two = await enter(house(site=site, fanout=await new_fanout(), work=INTAKE, **edge))
        worker = await enter(laborer(site, await new_fanout(), work=CONVERSE, base=one.base))
        outbox = await enter(laborer(site, await new_fanout(), work=OUTBOX, base=one.base))
        yield Processes(site=site, one=one, two=two, worker=worker, outbox=outbox)


@contextlib.asynccontextmanager
async def laborer(site: Site, fanout: Fanout, *, work: Work, base: str) -> AsyncIterator[Hub]:
    """A process without an edge; the providers it calls are played at `base`."""
    channels, _ = accounts(base, base)
    metrics = Metrics()
    emitter = FanoutEmitter(fanout, tally=metrics)
    async with HttpWire(emit=emitter.emit, metrics=metrics) as wire:
        hub = make_hub(site, wire, channels)
        async with working(hub, fanout, work=work, metrics=metrics):
            yield hub
