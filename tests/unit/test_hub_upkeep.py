"""What upkeep forgets, and when."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from pydantic import ValidationError
from typing_extensions import override

from bot.errors import StoreError
from bot.hub.settings import HubSettings
from tests.builders import START
from tests.fakes.clock import settle
from tests.fakes.store import FakeStore
from tests.hubs import HubKit, hub_kit

SMS, PHONE = "twilio_sms", "+46701234567"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Asked(FakeStore):
    """Remembers when it was to forget what, and for how many calls there is something left."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[datetime] = []
        self.left = 0
        self.broken = 0

    @override
    async def prune(self, *, before: datetime) -> int:
        self.calls.append(before)
        if self.broken:
            self.broken -= 1
            raise StoreError("busy")
        self.left = max(self.left - 1, 0)
        return await super().prune(before=before) + bool(self.left)


@contextlib.asynccontextmanager
async def keeping(kit: HubKit) -> AsyncIterator[None]:
    task = asyncio.create_task(kit.hub.upkeep.run())
    await settle()
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_it_forgets_at_the_start_and_then_once_an_hour() -> None:
    store = Asked()
    async with hub_kit(store=store) as kit, keeping(kit):
        await kit.clock.advance(2 * HOUR)
    assert store.calls == [START + n * HOUR - 30 * DAY for n in range(3)]


async def test_it_goes_on_each_second_while_there_is_more() -> None:
    store = Asked()
    store.left = 3
    async with hub_kit(store=store) as kit, keeping(kit):
        await kit.clock.advance(HOUR)
    assert store.calls == [START + timedelta(seconds=n) - 30 * DAY for n in range(3)]


async def test_after_a_failure_it_tries_again_soon() -> None:
    store = Asked()
    store.broken = 2
    async with hub_kit(store=store) as kit, keeping(kit):
        await kit.clock.advance(HOUR)
    assert store.calls == [START + timedelta(seconds=n) - 30 * DAY for n in range(3)]


@pytest.mark.parametrize("days", [30, 7])
async def test_requests_are_kept_as_long_as_the_settings_say(days: int) -> None:
    store = FakeStore()
    settings = HubSettings(keep_requests=days * DAY)
    async with hub_kit(store=store, settings=settings) as kit:
        request = kit.webhook(SMS, PHONE, "leverans")
        await kit.deliver(SMS, request)
        await kit.quiet()
        entries = await kit.entries(SMS, PHONE)
        for passing, left in ((days * DAY, 1), (timedelta(seconds=1), 0)):
            await kit.clock.advance(passing)
            await kit.hub.upkeep.prune()
            assert len(store.memory.requests) == left
        # The provider tells it once more: the events know it.
        await kit.deliver(SMS, request)
        await kit.quiet()
        assert await kit.entries(SMS, PHONE) == entries
        assert kit.phone(SMS, PHONE) == ["[answer.delivery.time]"]
        assert store.memory.requests == []


def test_requests_cannot_be_kept_for_less_than_no_time() -> None:
    with pytest.raises(ValidationError, match="keep_requests"):
        HubSettings(keep_requests=timedelta(seconds=-1))
