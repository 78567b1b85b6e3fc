"""The whole hub running by itself: bus, outbox and upkeep together, and its end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from typing_extensions import override

from bot.errors import StoreError
from bot.model.record import Envelope
from bot.model.thread import Offered, OwnedByBot
from tests.fakes.bus import FakeBus
from tests.fakes.clock import settle
from tests.fakes.store import FakeStore
from tests.hubs import ANNA, HubKit, hub_kit

SMS, PHONE = "twilio_sms", "+46701234567"


class Losing(FakeBus):
    """A bus that may take envelopes and lose them."""

    def __init__(self) -> None:
        super().__init__()
        self.losing = False
        self.lost: list[Envelope] = []

    @override
    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        if self.losing:
            self.lost.extend(envelopes)
        else:
            await super().publish(envelopes)


@contextlib.asynccontextmanager
async def running(kit: HubKit) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(kit.hub.run())
    await settle()
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_everything_happens_by_itself() -> None:
    async with hub_kit(working=False) as kit, running(kit) as task:
        await kit.deliver(SMS, kit.webhook(SMS, PHONE, "leverans"))
        await settle()
        assert kit.phone(SMS, PHONE) == ["[answer.delivery.time]"]
        await kit.deliver(SMS, kit.webhook(SMS, PHONE, "människa"))
        await settle()
        assert isinstance((await kit.state(SMS, PHONE)).owner, Offered)
        await kit.clock.advance(timedelta(minutes=10, seconds=1))
        assert (await kit.state(SMS, PHONE)).owner == OwnedByBot()
        assert kit.phone(SMS, PHONE)[-1] == "[handoff.expired]"
        thread = await kit.thread(SMS, PHONE)
        await kit.hub.desk.reply(thread, ANNA, text="Hej", client_id="1")
        await settle()
        assert kit.phone(SMS, PHONE)[-1] == "Hej"
        assert not task.done()


async def test_a_store_that_fails_for_a_while_stops_nothing() -> None:
    store = FakeStore()
    async with hub_kit(store=store, working=False) as kit, running(kit) as task:
        store.failing = StoreError("disk full")
        await kit.clock.advance(60)
        assert not task.done()
        store.failing = None
        await kit.deliver(SMS, kit.webhook(SMS, PHONE, "leverans"))
        await kit.clock.advance(60)
        assert kit.phone(SMS, PHONE) == ["[answer.delivery.time]"]


async def test_it_ends_when_told_to() -> None:
    async with hub_kit(working=False) as kit:
        task = asyncio.create_task(kit.hub.run())
        await settle()
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=5)
        assert done == {task}
        assert task.cancelled()


async def test_the_sweeper_takes_up_what_was_recorded_by_another() -> None:
    store = FakeStore()
    async with hub_kit(store=store, bus=(bus := Losing()), working=False) as kit:
        # Recorded, and the process died before it was on the bus.
        request = kit.webhook(SMS, PHONE, "leverans")
        bus.losing = True
        await kit.deliver(SMS, request)
        bus.losing = False
        assert len(bus.lost) == 1
        async with running(kit):
            await kit.clock.advance(46)
            assert kit.phone(SMS, PHONE) == ["[answer.delivery.time]"]
