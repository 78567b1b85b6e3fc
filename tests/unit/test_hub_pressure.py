"""How much may wait before new messages are put off, and when they are taken again."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from typing_extensions import override

from bot.errors import Overloaded, StoreAway, StoreClosed
from bot.hub.pressure import Pressure
from bot.model.ids import EventId, ThreadId
from bot.model.record import Envelope
from tests.fakes.bus import FakeBus
from tests.fakes.clock import FakeClock, settle
from tests.fakes.store import FakeStore
from tests.hubs import ANNA, hub_kit

SECOND = timedelta(seconds=1)
SMS, PHONE = "twilio_sms", "+46701234567"


class Deep(FakeStore):
    """A store that says how much waits."""

    def __init__(self) -> None:
        super().__init__()
        self.deep = 0
        self.trouble: Exception | None = None

    @override
    async def waiting(self, *, most: int) -> int:
        if self.trouble is not None:
            raise self.trouble
        return min(self.deep, most)


async def test_it_is_full_above_the_limit_until_there_is_room_well_below() -> None:
    store, clock = Deep(), FakeClock()
    pressure = Pressure(store=store, clock=clock, limit=100)
    seen = []
    for deep in (0, 100, 101, 100, 81, 80, 100, 101, 0):
        store.deep = deep
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
    store = Deep()
    pressure = Pressure(store=store, clock=FakeClock(), limit=10)
    pressure.check()
    store.deep = 11
    pressure.check()  # nobody has looked yet
    await pressure.look()
    with pytest.raises(Overloaded, match="11 messages wait"):
        pressure.check()


async def test_it_looks_each_second_and_a_store_that_is_away_changes_nothing() -> None:
    store, clock = Deep(), FakeClock()
    pressure = Pressure(store=store, clock=clock, limit=10)
    store.deep = 11
    task = asyncio.create_task(pressure.run())
    await settle()
    assert pressure.full
    store.trouble = StoreAway("away")
    await clock.advance(5 * SECOND)
    assert pressure.full
    assert not task.done()
    store.trouble, store.deep = None, 3
    await clock.advance(SECOND)
    assert (pressure.full, pressure.waiting) == (False, 3)
    # A store that is closed will not come back: whoever runs this has to hear of it.
    store.trouble = StoreClosed("closed")
    await clock.advance(SECOND)
    assert isinstance(task.exception(), StoreClosed)


async def test_nothing_is_recorded_while_too_much_waits() -> None:
    bus, store = FakeBus(), Deep()
    async with hub_kit(store=store, bus=bus, working=False) as kit:
        kit.hub.pressure.limit = 5
        await kit.deliver(SMS, kit.webhook(SMS, PHONE, "hej"))
        store.deep = 6
        await kit.hub.pressure.look()
        before = len(bus.published), len(store.memory.requests)
        assert before == (1, 1)
        with pytest.raises(Overloaded):
            await kit.deliver(SMS, kit.webhook(SMS, PHONE, "leverans"))
        assert (len(bus.published), len(store.memory.requests)) == before
        store.deep = 4
        await kit.hub.pressure.look()
        await kit.deliver(SMS, kit.webhook(SMS, PHONE, "leverans"))
        assert (len(bus.published), len(store.memory.requests)) == (2, 2)


async def test_agents_may_work_while_too_much_waits() -> None:
    store = Deep()
    async with hub_kit(store=store) as kit:
        await kit.hub.ingress.take(kit.channels[SMS, "demo"], kit.webhook(SMS, PHONE, "människa"))
        await settle()
        thread = await kit.thread(SMS, PHONE)
        store.deep = 10**9
        await kit.hub.pressure.look()
        assert kit.hub.pressure.full
        await kit.hub.desk.accept(thread, ANNA)
        assert (await kit.state(SMS, PHONE)).owner.kind == "agent"


async def test_what_a_broker_holds_is_no_reason_to_refuse() -> None:
    bus = FakeBus()
    async with hub_kit(bus=bus, working=False) as kit:
        await kit.deliver(SMS, kit.webhook(SMS, PHONE, "hej"))
        old = [Envelope(event=EventId.of(str(n)), thread=ThreadId.of("old")) for n in range(50)]
        await bus.publish(old)
        assert await bus.depth() == 51
        kit.hub.pressure.limit = 5
        await kit.hub.pressure.look()
        assert (kit.hub.pressure.full, kit.hub.pressure.waiting) == (False, 1)
        await kit.deliver(SMS, kit.webhook(SMS, PHONE, "leverans"))
