"""What probes are told: of each role, of each part that is away, and of the end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta

import pytest
from aiohttp.test_utils import make_mocked_request
from typing_extensions import override

from bot.edge.health import Health, Probed, Standing
from bot.edge.metrics import Metrics
from bot.edge.probing import probe
from bot.errors import BusError, StoreAway, StoreError
from bot.hub.handling import Handling
from bot.hub.hub import EVERYTHING, Work
from bot.hub.spooling import Spooling
from bot.model.health import Sign
from bot.model.ids import EventId, ThreadId
from bot.model.record import Acceptance, Envelope, RawRequest
from tests.builders import START
from tests.fakes.bus import FakeBus
from tests.fakes.clock import FakeClock
from tests.fakes.spool import FakeSpool
from tests.fakes.store import FakeStore
from tests.hubs import HubKit, hub_kit

EDGE = Work(converse=False, outbox=False, upkeep=False)
WORKER = Work(intake=False, outbox=False)
WELL = {"store": "ready", "bus": "ready", "channels": "ready"}
OUTBOX = Work(intake=False, converse=False, upkeep=False)


class Away(FakeBus):
    """A bus that does not answer."""

    away = False

    @override
    async def depth(self) -> int:
        if self.away:
            raise BusError("away")
        return 7


async def asked(probed: Probed) -> tuple[int, str, Mapping[str, str]]:
    """The status, the word, and the parts that `/readyz` tells."""
    answer = await Health(probed).ready(make_mocked_request("GET", "/readyz"))
    assert isinstance(answer.body, bytes)
    document = json.loads(answer.body)
    return answer.status, document["status"], document["parts"]


def probed_of(kit: HubKit, work: Work) -> Probed:
    return probe(kit.hub, work, metrics=Metrics())


@pytest.mark.parametrize(
    ("work", "parts", "without_bus", "without_store"),
    [
        (EVERYTHING, {"store", "bus", "channels", "model"}, 200, 503),
        (EDGE, {"store", "bus", "channels"}, 200, 503),
        (WORKER, {"store", "bus", "channels", "model"}, 503, 503),
        (OUTBOX, {"store", "bus", "channels"}, 200, 503),
    ],
)
async def test_each_role_needs_what_it_works_with(
    work: Work, parts: set[str], without_bus: int, without_store: int
) -> None:
    bus, store = Away(), FakeStore()
    async with hub_kit(bus=bus, store=store, working=False) as kit:
        probed = probed_of(kit, work)
        assert await asked(probed) == (200, "ready", dict.fromkeys(parts, "ready"))
        bus.away = True
        status, word, found = await asked(probed)
        assert status == without_bus
        assert word == ("ready" if without_bus == 200 else "not ready")
        assert found == dict.fromkeys(parts, "ready") | {"bus": "not ready"}
        bus.away = False
        store.failing = StoreError("disk full")
        status, word, found = await asked(probed)
        assert (status, word, found["store"]) == (without_store, "not ready", "not ready")
        store.failing = None
        assert (await asked(probed))[0] == 200


async def test_a_part_of_its_own_is_told_and_not_needed() -> None:
    trouble: list[Exception] = []

    async def fanout() -> None:
        if trouble:
            raise trouble[0]

    async with hub_kit(working=False) as kit:
        probed = probe(kit.hub, EDGE, metrics=Metrics(), checks={"fanout": fanout})
        assert (await asked(probed))[2]["fanout"] == "ready"
        for error in (BusError("away"), LookupError("ours")):
            trouble[:] = [error]
            status, _, parts = await asked(probed)
            assert (status, parts["fanout"]) == (200, "not ready")


async def test_a_process_that_drains_says_so_whatever_else_it_has() -> None:
    standing = Standing()
    async with hub_kit(working=False) as kit:
        probed = probe(kit.hub, EDGE, metrics=Metrics(), standing=standing)
        standing.draining = True
        assert await asked(probed) == (
            503,
            "draining",
            WELL,
        )
        alive = await Health(probed).alive(make_mocked_request("GET", "/healthz"))
        assert alive.status == 200


def acceptance(number: int) -> Acceptance:
    request = RawRequest(
        channel="c",
        account="a",
        method="POST",
        url=f"https://hub.example.com/{number}",
        headers=(),
        body=b"",
        at=START,
    )
    return Acceptance(request=request, unreadable="rubbish")


async def test_an_edge_that_spools_is_ready_until_the_spool_is_full() -> None:
    store, clock = FakeStore(), FakeClock()
    spool = FakeSpool(most_bytes=100_000, longest=timedelta(minutes=1))
    spooling = Spooling(spool, clock=clock, patience=timedelta(seconds=1))
    async with hub_kit(store=store, clock=clock, spooling=spooling, working=False) as kit:
        probed = probed_of(kit, EDGE)
        assert (await asked(probed))[2]["store"] == "ready"
        store.failing = StoreAway("no answer")
        assert (await asked(probed))[:2] == (200, "ready")
        assert (await asked(probed))[2]["store"] == "spooling"
        await spooling.keep(acceptance(1))
        await clock.advance(61)
        with pytest.raises(StoreError, match="waited"):
            await spooling.keep(acceptance(2))
        status, word, parts = await asked(probed)
        assert (status, word, parts["store"]) == (503, "not ready", "not ready")
        # The store is back, and what waits is on its way: it is ready, and says what it does.
        store.failing = None
        assert (await asked(probed))[2]["store"] == "spooling"
        await spooling.bring(kit.hub.ingress)
        assert await asked(probed) == (
            200,
            "ready",
            WELL,
        )


async def test_figures_are_taken_when_they_are_asked_for() -> None:
    bus, metrics = Away(), Metrics()
    async with hub_kit(bus=bus, working=False) as kit:
        held = asyncio.Event()

        async def handle(envelope: Envelope, *, tries: int) -> None:
            await held.wait()

        kit.hub.handling = Handling(handle, clock=kit.clock, grace=timedelta(seconds=1))
        health = Health(probe(kit.hub, WORKER, metrics=metrics))

        async def figures() -> dict[str, float]:
            answer = await health.metrics(make_mocked_request("GET", "/metrics"))
            assert isinstance(answer.body, bytes)
            rows = [line.rpartition(" ") for line in answer.body.decode().splitlines()]
            return {name: float(value) for name, _, value in rows if not name.startswith("#")}

        found = await figures()
        assert found["samtal_bus_depth"] == 7
        assert found["samtal_in_hand"] == found["samtal_backlog_full"] == 0
        bus.away = True
        assert (await figures())["samtal_bus_depth"] == 7  # what was known last

        envelope = Envelope(event=EventId.of("1"), thread=ThreadId.of("1"))
        task = asyncio.create_task(kit.hub.handling.handle(envelope, tries=2))
        await asyncio.sleep(0)
        assert (await figures())["samtal_in_hand"] == 1
        held.set()
        await task
        found = await figures()
        assert found["samtal_in_hand"] == 0
        assert found['samtal_handling_seconds_count{result="done"}'] == 1
        assert found["samtal_redeliveries_total"] == 1


async def test_an_account_that_fares_badly_is_told_and_makes_nothing_unfit() -> None:
    async with hub_kit(working=False) as kit:
        metrics = Metrics()
        channel = kit.channels["telegram", "demo"]
        for _ in range(5):
            kit.hub.signs.note(channel, Sign.FORGED)
        health = Health(probe(kit.hub, EDGE, metrics=metrics))
        answer = await health.ready(make_mocked_request("GET", "/readyz"))
        assert isinstance(answer.body, bytes)
        assert (answer.status, json.loads(answer.body)["parts"]["channels"]) == (200, "1 failing")
        await health.metrics(make_mocked_request("GET", "/metrics"))
        figures = metrics.exposition().decode()
        where = 'account="demo",channel="telegram"'
        assert f"samtal_channel_state{{{where}}} 2.0" in figures
        assert f'samtal_channel_problem{{{where},problem="signatures_refused"}} 1.0' in figures
        assert 'samtal_channel_state{account="demo",channel="webchat"} 0.0' in figures
        metrics.channels([])
        assert "samtal_channel_state{" not in metrics.exposition().decode()
