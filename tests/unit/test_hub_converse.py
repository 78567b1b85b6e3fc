"""The worker beside others: a store that is away, and what somebody else wrote."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from typing_extensions import override

from bot.errors import StoreAway
from bot.hub.feed import Announcement, EventEnded, ThreadMoved
from bot.hub.handling import Handling
from bot.model.event import Done
from bot.model.record import Envelope, ThreadChange
from bot.model.thread import Entry
from tests.fakes.clock import settle
from tests.fakes.store import FakeStore
from tests.hubs import HubKit, hub_kit

SMS, PHONE = "twilio_sms", "+46701234567"


class Cut(FakeStore):
    """A store whose commits are written, and then the connection is cut; `times` of them."""

    times = 0

    @override
    async def commit(self, change: ThreadChange) -> tuple[Entry, ...]:
        entries = await super().commit(change)
        if self.times:
            self.times -= 1
            raise StoreAway("cut, says the test")
        return entries


async def envelope(kit: HubKit, text: str) -> Envelope:
    """A message that is accepted and not processed yet."""
    await kit.deliver(SMS, kit.webhook(SMS, PHONE, text))
    (event,) = (await kit.turn(SMS, PHONE)).events
    return Envelope(event=event.id, thread=event.thread)


def handling(kit: HubKit) -> Handling:
    """What stands between the bus and the worker."""
    return Handling(kit.hub.converse.handle, clock=kit.clock, grace=timedelta(seconds=1))


def listening(kit: HubKit) -> list[Announcement]:
    heard: list[Announcement] = []
    kit.hub.feed.subscribe(heard.append)
    return heard


async def test_a_store_that_is_away_is_waited_for_and_counts_as_no_try() -> None:
    store = FakeStore()
    async with hub_kit(store=store, working=False) as kit:
        one = await envelope(kit, "leverans")
        store.failing = StoreAway("no route, says the test")
        working = asyncio.create_task(handling(kit).handle(one, tries=1))
        await kit.clock.advance(timedelta(minutes=10))
        assert not working.done()
        store.failing = None
        await kit.clock.advance(timedelta(seconds=2))
        await working
        assert await store.outcome(one.event) == Done()
        assert await store.dead_letters() == []


async def test_a_commit_without_an_answer_is_told_of_once() -> None:
    store = Cut()
    async with hub_kit(store=store, working=False) as kit:
        one = await envelope(kit, "leverans")
        heard = listening(kit)
        store.times = 1
        working = asyncio.create_task(handling(kit).handle(one, tries=1))
        await kit.clock.advance(timedelta(seconds=1))
        await working
        assert await store.outcome(one.event) == Done()
        ended, moved = heard
        assert ended == EventEnded(event=one.event, outcome=Done())
        assert isinstance(moved, ThreadMoved)
        assert list(moved.entries) == await kit.entries(SMS, PHONE)
        # An envelope that comes again tells nobody again.
        await kit.hub.converse.handle(one, tries=2)
        await settle()
        assert len(heard) == 2


async def test_what_a_dead_worker_wrote_is_told_by_the_next() -> None:
    store = FakeStore()
    async with hub_kit(store=store, working=False) as dead:
        one = await envelope(dead, "leverans")
        await dead.hub.converse.handle(one, tries=1)
        written = await dead.entries(SMS, PHONE)
    async with hub_kit(store=FakeStore(store.memory), working=False) as kit:
        heard = listening(kit)
        await kit.hub.converse.handle(one, tries=2)
        await settle()
        moved = heard[1]
        assert isinstance(moved, ThreadMoved)
        assert list(moved.entries) == written
        assert await kit.entries(SMS, PHONE) == written
