"""What upkeep forgets, and when; what it puts on the bus again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

import pytest
from pydantic import ValidationError
from typing_extensions import override

from bot.errors import BusError, StoreError
from bot.hub.settings import HubSettings
from bot.model.blob import Blob, BlobFacts
from bot.model.fact import LegalBasis, StoreVisited, TrafficSource, Visited
from bot.model.ids import BlobId, FactId
from bot.model.people import ByCustomer
from bot.model.privacy import LegalHold
from bot.model.record import Envelope
from bot.model.thread import MessageIn
from tests.builders import START, fact
from tests.fakes.bus import FakeBus
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


async def test_files_that_nobody_sent_are_forgotten_after_a_day() -> None:
    async with hub_kit() as kit:
        by = ByCustomer(identity=kit.identity("webchat", "v1"))
        sent, unsent = (
            Blob(
                facts=BlobFacts(
                    id=BlobId.new(),
                    name="x.txt",
                    media_type="text/plain",
                    size=1,
                    sha256="",
                    by=by,
                    created_at=kit.clock.now(),
                ),
                body=b"x",
            )
            for _ in range(2)
        )
        for blob in (sent, unsent):
            await kit.store.put_blob(blob)
        await kit.store.keep_blobs([sent.facts.id], by=by)
        await kit.clock.advance(DAY)
        assert await kit.hub.upkeep.prune() == 0
        assert await kit.store.blob(unsent.facts.id) == unsent
        await kit.clock.advance(1)
        assert await kit.hub.upkeep.prune() == 1
        assert await kit.store.blob(unsent.facts.id) is None
        await kit.clock.advance(60 * DAY)
        assert await kit.hub.upkeep.prune() == 0
        assert await kit.store.blob(sent.facts.id) == sent


# --- the bus was away ------------------------------------------------------------------------


class Away(FakeBus):
    """A bus that may be away, and that keeps nothing then."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.asked = 0

    @override
    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        self.asked += 1
        if self.away:
            raise BusError("away")
        await super().publish(envelopes)


async def test_what_could_not_be_published_is_swept_as_soon_as_the_bus_is_back() -> None:
    bus = Away()
    async with hub_kit(bus=bus) as kit, keeping(kit):
        bus.away = True
        await kit.deliver(SMS, kit.webhook(SMS, PHONE, "leverans"))
        await kit.clock.advance(10)
        assert bus.published == []
        bus.away = False
        await kit.clock.advance(2)
        await settle()
        await kit.quiet()
        assert kit.phone(SMS, PHONE) == ["[answer.delivery.time]"]
        assert len(bus.published) == 1


async def test_an_edge_mends_alone_and_leaves_all_else_to_others() -> None:
    bus, store = Away(), Asked()
    async with hub_kit(store=store, bus=bus, working=False) as kit:
        task = asyncio.create_task(kit.hub.upkeep.run_mending())
        bus.away = True
        await kit.deliver(SMS, kit.webhook(SMS, PHONE, "leverans"))
        bus.away = False
        await kit.clock.advance(3)
        assert len(bus.published) == 1
        # What others lost is not its to look for, and neither is what is old.
        bus.published.clear()
        bus.memory.waiting.clear()
        await kit.clock.advance(HOUR)
        assert (bus.published, store.calls) == ([], [])
        task.cancel()


async def test_what_waits_long_is_put_on_the_bus_again_once_a_minute() -> None:
    bus = Away()
    async with hub_kit(bus=bus, working=False) as kit, keeping(kit):
        await kit.deliver(SMS, kit.webhook(SMS, PHONE, "leverans"))
        moments = []
        for second in range(200):
            before = len(bus.published)
            await kit.clock.advance(1)
            if len(bus.published) > before:
                moments.append(second + 1)
        # Older than half a minute at a look each 15 s; then left alone for a minute.
        assert moments == [45, 105, 165]


async def test_timers_that_could_not_be_published_are_swept_too() -> None:
    bus, store = Away(), FakeStore()
    async with hub_kit(store=store, bus=bus) as kit:
        await kit.write(SMS, PHONE, "människa")
        async with keeping(kit):
            bus.away = True
            await kit.clock.advance(timedelta(minutes=10, seconds=1))
            assert (await kit.state(SMS, PHONE)).owner.kind == "offered"
            bus.away = False
            await kit.clock.advance(3)
            assert (await kit.state(SMS, PHONE)).owner.kind == "bot"


@pytest.mark.parametrize(("keep_facts", "left"), [(None, ["told"]), (400 * DAY, [])])
async def test_visits_go_after_a_while_and_other_facts_when_it_is_said(
    keep_facts: timedelta | None, left: list[str]
) -> None:
    settings = HubSettings(keep_visits=390 * DAY, keep_facts=keep_facts)
    async with hub_kit(settings=settings) as kit:
        await kit.write(SMS, PHONE, "Hej")
        await kit.quiet()
        where = kit.address(SMS, PHONE)
        visit = Visited(page="shop.example.com/", source=TrafficSource.DIRECT)
        facts = {
            "visit": fact(where, "visit", body=visit),
            "told": fact(where, "told", body=StoreVisited(store="Umeå")),
        }
        await kit.store.put_facts(list(facts.values()))

        async def kept() -> list[str]:
            there = await kit.store.facts([where.identity])
            return [key for key, one in facts.items() if one in there]

        await kit.clock.advance(389 * DAY)
        await kit.hub.upkeep.prune()
        assert await kept() == ["visit", "told"]
        await kit.clock.advance(2 * DAY)
        await kit.hub.upkeep.prune()
        assert await kept() == ["told"]
        await kit.clock.advance(20 * DAY)
        await kit.hub.upkeep.prune()
        assert await kept() == left


async def test_customers_of_whom_nothing_was_heard_for_long_are_erased() -> None:
    quiet, bought, held, lately = (f"+4670123450{number}" for number in range(4))
    settings = HubSettings(keep_customers=400 * DAY, partners_off=("Gymmet",))
    async with hub_kit(settings=settings) as kit:
        for phone in (quiet, bought, held):
            await kit.write(SMS, phone, "Hej")
        await kit.clock.advance(100 * DAY)
        await kit.write(SMS, lately, "Hej")
        told = fact(kit.address(SMS, bought), "told", when=int(100 * DAY / timedelta(seconds=1)))
        # Who is turned off has told nothing.
        theirs = {"id": FactId.of("gym"), "identity": kit.identity(SMS, quiet)}
        partner = {"partner": "Gymmet", "legal_basis": LegalBasis.CONSENT}
        await kit.store.put_facts([told, told.model_copy(update=theirs | partner)])
        hold = LegalHold(identity=kit.identity(SMS, held), reason="a dispute", at=kit.clock.now())
        await kit.store.put_holds([hold])
        await kit.clock.advance(299 * DAY)
        await kit.hub.upkeep.prune()
        phones = (quiet, bought, held, lately)

        async def known() -> list[bool]:
            return [
                await kit.store.identity(kit.identity(SMS, phone)) is not None for phone in phones
            ]

        assert await known() == [True, True, True, True]
        await kit.clock.advance(2 * DAY)
        await kit.hub.upkeep.prune()
        assert await known() == [False, True, True, True]
        await kit.write(SMS, quiet, "Hej igen")
        bodies = [entry.body for entry in await kit.entries(SMS, quiet)]
        assert [one.text for one in bodies if isinstance(one, MessageIn)] == ["Hej igen"]
