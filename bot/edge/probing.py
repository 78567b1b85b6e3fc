"""What one process of the hub tells its probes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping

from pydantic import SecretStr

from bot.edge.health import Check, Probed, Standing
from bot.edge.metrics import Metrics
from bot.errors import SamtalError, StoreAway
from bot.hub.hub import EVERYTHING, Hub, Work
from bot.model.health import HealthState

_STORE_PATIENCE = 2.0  # seconds; a spool takes over before anybody waits for longer


def probe(  # noqa: PLR0913 - what a process consists of
    hub: Hub,
    work: Work = EVERYTHING,
    *,
    metrics: Metrics,
    token: SecretStr | None = None,
    standing: Standing | None = None,
    checks: Mapping[str, Check] | None = None,
) -> Probed:
    """The checks and figures of a process that does this work, and `checks` of its own.

    It needs the store, and the reader and the bus where it converses. One that takes requests in
    does so without the bus, and with a spool also without the store: then it says so and stays
    ready, or else nobody would take in what can be kept. How accounts of channels fare is told and
    never makes a process unfit: its providers are none of its parts.
    """
    watch = _Watch(hub, work, metrics)
    hub.handling.observe = metrics.handled
    if hub.pushes is not None:
        hub.pushes.observe = metrics.pushed
    known: dict[str, Check] = {
        "store": watch.store,
        "bus": watch.bus,
        "channels": watch.channels,
    }
    needed = {"store"}
    if work.converse:
        known["model"] = watch.model
        needed |= {"model"} if work.intake else {"model", "bus"}
    return Probed(
        checks=known | dict(checks or {}),
        needed=frozenset(needed),
        metrics=metrics,
        metrics_token=token,
        standing=standing or Standing(),
        samples=(watch.work, watch.backlog, watch.spool, watch.crm, watch.accounts),
    )


class _Watch:
    """Looks at the parts of one process."""

    def __init__(self, hub: Hub, work: Work, metrics: Metrics) -> None:
        self._hub = hub
        self._work = work
        self._metrics = metrics

    async def store(self) -> str | None:
        spooling = self._hub.engines.spooling
        if spooling is None:
            await self._hub.engines.store.ready()
            return None
        try:
            async with asyncio.timeout(_STORE_PATIENCE):
                await self._hub.engines.store.ready()
        except (StoreAway, TimeoutError):
            if (await spooling.state()).full:
                raise
            return "spooling"
        return "spooling" if await spooling.waiting() else None

    async def bus(self) -> None:
        await self._hub.engines.bus.depth()

    async def model(self) -> None:
        if not self._hub.engines.nlu.model:
            msg = "no model is loaded"
            raise SamtalError(msg)

    async def channels(self) -> str | None:
        counted = Counter(one.state for one in await self._hub.healths.read())
        bad = (HealthState.FAILING, HealthState.WARNING)
        return ", ".join(f"{n} {state}" for state in bad if (n := counted[state])) or None

    async def accounts(self) -> None:
        self._metrics.channels(await self._hub.healths.read())

    async def work(self) -> None:
        self._metrics.work(in_hand=self._hub.handling.in_hand, sending=self._hub.outbox.under_way)

    async def backlog(self) -> None:
        pressure = self._hub.pressure
        if self._work.intake:
            self._metrics.backlog(pressure.waiting, full=pressure.full)
        self._metrics.bus(await self._hub.engines.bus.depth())

    async def spool(self) -> None:
        if self._hub.engines.spooling is not None:
            self._metrics.spool(await self._hub.engines.spooling.state())

    async def crm(self) -> None:
        if self._hub.pushes is not None:
            self._metrics.pushes(await self._hub.engines.store.count_pushes())
