"""Two outboxes on one store: claims are prolonged, and lapse for whoever lost touch."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from typing_extensions import override

from bot.errors import StoreAway
from bot.hub.feed import SendMoved
from bot.hub.outbox import Outbox
from bot.model.ids import SendId
from bot.model.sending import Call, CallResult, Origin
from bot.model.thread import SendStatus
from tests.fakes.clock import settle
from tests.fakes.store import FakeStore
from tests.hubs import HubKit, hub_kit, queue
from tests.unit.test_hub_outbox import OTHER, PHONE, SMS, to_sms

HOUR = timedelta(hours=1)


class Slow:
    """A wire whose first calls take long, by the clock."""

    def __init__(self, kit: HubKit, *durations: timedelta) -> None:
        self._kit = kit
        self._call = kit.wire.call
        self._durations = list(durations)
        kit.wire.call = self.call  # type: ignore[method-assign]  # the test's own wire

    async def call(self, call: Call) -> CallResult:
        if self._durations:
            await self._kit.clock.sleep(self._durations.pop(0))
        return await self._call(call)


class OutOfReach(FakeStore):
    """A store that one of two outboxes does not reach: prolonging, telling, ending."""

    away = False

    @override
    async def hold_sends(self, sends: Sequence[SendId], *, until: datetime) -> list[SendId]:
        if self.away:
            raise StoreAway("no route, says the test")
        return await super().hold_sends(sends, until=until)


@contextlib.asynccontextmanager
async def two(kit: HubKit, store: FakeStore) -> AsyncIterator[None]:
    """The hub's outbox, and that of another process on the same record."""
    other = FakeStore(store.memory)
    engines = replace(kit.hub.engines, store=other)
    second = Outbox(engines, feed=kit.hub.feed, settings=kit.hub.settings, signs=kit.hub.signs)
    tasks = [asyncio.create_task(kit.hub.outbox.run()), asyncio.create_task(second.run())]
    try:
        await settle()
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_long_call_keeps_its_claim() -> None:
    store = FakeStore()
    async with hub_kit(store=store) as kit:
        Slow(kit, HOUR)
        await kit.deliver(SMS, kit.webhook(SMS, PHONE, "leverans"))
        await settle()
        async with two(kit, store):
            await kit.clock.advance(HOUR - timedelta(seconds=1))
            (send,) = await kit.sends(SMS, PHONE)
            assert send.status is SendStatus.SENDING
            await kit.clock.advance(timedelta(minutes=1))
        (send,) = await kit.sends(SMS, PHONE)
        assert (send.status, send.tries) == (SendStatus.SENT, 1)
        assert len(to_sms(kit)) == 1


async def test_each_send_is_made_by_one_of_two() -> None:
    store = FakeStore()
    async with hub_kit(store=store) as kit:
        async with two(kit, store):
            for text in ("leverans", "öppettider"):
                for user in (PHONE, OTHER):
                    await kit.deliver(SMS, kit.webhook(SMS, user, text))
            await settle()
            await kit.clock.advance(HOUR)
        wanted = ["[answer.delivery.time]", "[answer.store.hours]"]
        assert kit.phone(SMS, PHONE) == kit.phone(SMS, OTHER) == wanted


async def test_whoever_lost_the_claim_makes_no_further_call() -> None:
    store = OutOfReach()
    async with hub_kit(store=store) as kit:
        await kit.write(SMS, PHONE, "leverans")
        Slow(kit, timedelta(minutes=5))
        before = len(to_sms(kit))
        store.away = True
        moved: list[SendMoved] = []
        kit.hub.feed.subscribe(lambda a: moved.append(a) if isinstance(a, SendMoved) else None)
        async with two(kit, store):
            await queue(kit, PHONE, "Ett ord till. " * 150, origin=Origin.AGENT)
            await kit.clock.advance(timedelta(minutes=4))
            first, second = await kit.sends(SMS, PHONE)
            assert first.status is SendStatus.SENT
            assert second.status is SendStatus.UNKNOWN  # found by the other outbox
            told = [one.send.status for one in moved if one.send.send == second.send]
            assert told
            assert set(told) == {SendStatus.UNKNOWN}
            await kit.clock.advance(HOUR)
        # The call under way ended; the second part was never begun.
        assert len(to_sms(kit)) == before + 1
        second = (await kit.sends(SMS, PHONE))[1]
        assert (second.status, len(second.parts)) == (SendStatus.UNKNOWN, 1)
