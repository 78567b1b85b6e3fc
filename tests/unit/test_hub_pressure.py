"""How much may wait before new messages are put off, and when they are taken again."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from typing_extensions import override

from bot.errors import BusError, Overloaded, StoreClosed
from bot.hub.pressure import Pressure
from tests.fakes.bus import FakeBus
from tests.fakes.clock import FakeClock, settle
from tests.fakes.store import FakeStore
from tests.hubs import ANNA, hub_kit

SECOND = timedelta(seconds=1)
SMS, PHONE = "twilio_sms", "+46701234567"


class Deep(FakeBus):
    """A bus that says how much waits."""

    def __init__(self) -> None:
        super().__init__()
        self.deep = 0
        self.trouble: Exception | None = None

    @override
    async def depth(self) -> int:
        if self.trouble is not None:
            raise self.trouble
        return self.deep


async def test_it_is_full_above_the_limit_until_there_is_room_well_below() -> None:
    bus, clock = Deep(), FakeClock()
    pressure = Pressure(bus=bus, clock=clock, limit=100)
    seen = []
    for deep in (0, 100, 101, 100, 81, 80, 100, 101, 0):
        bus.deep = deep
        await pressure.look()
        seen.append((deep, pressure.full))
    assert seen == [
        (0, False),
        (100, False),
        (101, True),
        (100, True),
        (81, True),
        (80, False),
        (100, False),
        (101, True),
        (0, False),
    ]


async def test_a_check_raises_while_it_is_full() -> None:
    bus = Deep()
    pressure = Pressure(bus=bus, clock=FakeClock(), limit=10)
    pressure.check()
    bus.deep = 11
    pressure.check()  # nobody has looked yet
    await pressure.look()
    with pytest.raises(Overloaded, match="11 messages wait"):
        pressure.check()


async def test_it_looks_each_second_and_a_bus_that_is_away_changes_nothing() -> None:
    bus, clock = Deep(), FakeClock()
    pressure = Pressure(bus=bus, clock=clock, limit=10)
    bus.deep = 11
    task = asyncio.create_task(pressure.run())
    await settle()
    assert pressure.full
    bus.trouble = BusError("away")
    await clock.advance(5 * SECOND)
    assert pressure.full
    assert not task.done()
    bus.trouble, bus.deep = None, 3
    await clock.advance(SECOND)
    assert (pressure.full, pressure.depth) == (False, 3)
    # A store that is closed will not come back: whoever runs this has to hear of it.
    bus.trouble = StoreClosed("closed")
    await clock.advance(SECOND)
    assert isinstance(task.exception(), StoreClosed)


async def test_nothing_is_recorded_while_too_much_waits() -> None:
    bus, store = Deep(), FakeStore()
    async with hub_kit(store=store, bus=bus, working=False) as kit:
        kit.hub.pressure.limit = 5
        await kit.deliver(SMS, kit.webhook(SMS, PHONE, "hej"))
        bus.deep = 6
        await kit.hub.pressure.look()
        before = len(bus.published), len(store.memory.requests)
        assert before == (1, 1)
        with pytest.raises(Overloaded):
            await kit.deliver(SMS, kit.webhook(SMS, PHONE, "leverans"))
        assert (len(bus.published), len(store.memory.requests)) == before
        bus.deep = 4
        await kit.hub.pressure.look()
        await kit.deliver(SMS, kit.webhook(SMS, PHONE, "leverans"))
        assert (len(bus.published), len(store.memory.requests)) == (2, 2)


async def test_agents_may_work_while_too_much_waits() -> None:
    bus = Deep()
    async with hub_kit(bus=bus) as kit:
        await kit.hub.ingress.take(kit.channels[SMS, "demo"], kit.webhook(SMS, PHONE, "människa"))
        await settle()
        thread = await kit.thread(SMS, PHONE)
        bus.deep = 10**9
        await kit.hub.pressure.look()
        assert kit.hub.pressure.full
        await kit.hub.desk.accept(thread, ANNA)
        assert (await kit.state(SMS, PHONE)).owner.kind == "agent"
