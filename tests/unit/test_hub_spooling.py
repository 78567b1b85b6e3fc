"""The edge's spool: what is accepted while the store is away, and how it gets there."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs
from typing_extensions import override

from bot.embedded.database import Database
from bot.embedded.spool import SqliteSpool
from bot.errors import BusError, NotFound, SamtalError, SpoolFull, StoreAway, StoreError
from bot.hub.ingress import Ingress
from bot.hub.outcomes import Outcomes
from bot.hub.spooling import Spooling
from bot.model.channel import Inbound, ReceiptStatus
from bot.model.record import Acceptance, Accepted, Envelope
from bot.stores.sqlite import SqliteStore
from tests.builders import START, acceptance, address, arrival, receipt
from tests.conftest import ROOT
from tests.fakes.bus import FakeBus
from tests.fakes.clock import settle
from tests.fakes.spool import FakeSpool
from tests.fakes.store import FakeStore
from tests.hubs import HubKit, hub_kit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from bot.model.channel import Answer
    from bot.model.ids import IdentityId
    from bot.model.people import ChannelIdentity

SMS, PHONE = "twilio_sms", "+46701234567"
PATIENCE = timedelta(milliseconds=400)
LONGEST = timedelta(minutes=15)
AWAY = StoreAway("no connection")
FIRST: set[str] = set()


class Remote(FakeStore):
    """A store over a network, with all that a network does to it."""

    hangs = False
    deaf = False
    asked = looked = 0
    refuses: tuple[str, ...] = ()
    breaks: SamtalError | None = None
    leaves_after: int | None = None

    @override
    async def accept(self, acceptance: Acceptance) -> Accepted:
        self.asked += 1
        if self.breaks is not None:
            raise self.breaks
        if self.leaves_after is not None:
            self.leaves_after -= 1
            if self.leaves_after < 0:
                self.failing = AWAY
        if self.hangs:
            await asyncio.sleep(60)
        for each in acceptance.arrivals:
            if isinstance(each.body, Inbound) and each.body.text in self.refuses:
                raise NotFound(f"no thread for {each.body.text}")
        accepted = await super().accept(acceptance)
        if self.deaf:
            await asyncio.sleep(60)
        return accepted

    @override
    async def identity(self, identity: IdentityId) -> ChannelIdentity | None:
        self.looked += 1
        return await super().identity(identity)

    def heard(self) -> list[str]:
        """The texts recorded, in the order of acceptance."""
        bodies = [event.body for event in self.memory.events.values()]
        return [body.text for body in bodies if isinstance(body, Inbound)]


class EdgeKit:
    """An edge with a spool before a store that goes away."""

    def __init__(self, kit: HubKit, store: Remote, bus: FakeBus, spool: FakeSpool) -> None:
        self.kit = kit
        self.store = store
        self.bus = bus
        self.spool = spool
        self.clock = kit.clock
        self.spooling = Spooling(spool, clock=kit.clock, patience=PATIENCE)
        self.ingress = Ingress(
            store=store,
            bus=bus,
            clock=kit.clock,
            outcomes=Outcomes(),
            join_by_phone=True,
            spooling=self.spooling,
        )

    async def write(self, text: str, *, phone: str = PHONE) -> Answer:
        """A customer writes; the answer that the provider gets."""
        request = self.kit.webhook(SMS, phone, text)
        return await self.ingress.take(self.kit.channels[SMS, "demo"], request)

    async def waiting(self) -> list[str]:
        """The texts in the spool, in order."""
        spooled = await self.spool.oldest(limit=1_000)
        bodies = [each.body for one in spooled for each in one.acceptance.arrivals]
        return [body.text for body in bodies if isinstance(body, Inbound)]

    async def bring(self) -> int:
        return await self.spooling.bring(self.ingress)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        task = asyncio.create_task(self.spooling.run(self.ingress))
        await settle()
        try:
            yield task
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


@pytest.fixture
def store() -> Remote:
    return Remote()


@pytest.fixture
def bus() -> FakeBus:
    return FakeBus()


@pytest.fixture
def spool() -> FakeSpool:
    return FakeSpool(longest=LONGEST, most_bytes=1_000_000)


@pytest.fixture
async def edge(store: Remote, bus: FakeBus, spool: FakeSpool) -> AsyncIterator[EdgeKit]:
    async with hub_kit(store=store, bus=bus, working=False) as kit:
        yield EdgeKit(kit, store, bus, spool)


def ids(bus: FakeBus) -> list[str]:
    return [envelope.event for envelope in bus.published]


# --- accepting -------------------------------------------------------------------------------


async def test_with_the_store_there_nothing_is_spooled(edge: EdgeKit) -> None:
    assert (await edge.write("one")).status == 200
    assert edge.store.heard() == ["one"]
    assert edge.spool.memory.waiting == {}
    assert len(edge.bus.published) == 1


async def test_with_the_store_away_the_provider_gets_its_answer(edge: EdgeKit) -> None:
    answer = await edge.write("one")
    edge.store.failing = AWAY
    assert await edge.write("two") == answer
    assert edge.store.heard() == ["one"]
    assert await edge.waiting() == ["two"]
    assert len(edge.bus.published) == 1


async def test_the_store_is_not_asked_while_anything_waits(edge: EdgeKit) -> None:
    edge.store.failing = AWAY
    await edge.write("one")
    asked = edge.store.asked
    edge.store.failing = None  # it is back, but what waits goes first
    for text in ("two", "three"):
        await edge.write(text)
    assert edge.store.asked == asked
    assert edge.store.heard() == []
    assert await edge.waiting() == ["one", "two", "three"]


async def test_a_store_that_hangs_costs_one_wait_and_no_more(edge: EdgeKit) -> None:
    edge.store.hangs = True
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await edge.write("one")
    first = loop.time() - begun
    assert PATIENCE.total_seconds() <= first < 5
    assert edge.store.asked == 1
    for number in range(20):
        await edge.write(f"more {number}")
    assert edge.store.asked == 1
    assert len(await edge.waiting()) == 21


@pytest.mark.parametrize("error", [StoreError("disk full"), NotFound("no such identity")])
async def test_only_a_store_that_is_away_spools(edge: EdgeKit, error: SamtalError) -> None:
    edge.store.breaks = error
    with pytest.raises(type(error)):
        await edge.write("one")
    assert edge.spool.memory.waiting == {}
    edge.store.breaks = None
    await edge.write("one again")
    assert edge.store.heard() == ["one again"]


async def test_what_is_forged_or_not_for_us_is_not_spooled(edge: EdgeKit) -> None:
    edge.store.failing = AWAY
    request = edge.kit.webhook(SMS, PHONE, "leverans")
    forged = request.model_copy(update={"body": request.body + b"&x=1"})
    assert (await edge.ingress.take(edge.kit.channels[SMS, "demo"], forged)).status == 403
    assert edge.spool.memory.waiting == {}


async def test_commands_are_not_spooled(edge: EdgeKit) -> None:
    """Who gave a command is told that it failed; it must not take effect an hour later."""
    edge.store.failing = AWAY
    await edge.write("one")
    with pytest.raises(StoreAway):
        await edge.ingress.submit([arrival(address())])
    with pytest.raises(StoreAway):
        await edge.ingress.ask(arrival(address()), patience=timedelta(seconds=1))
    assert await edge.waiting() == ["one"]


async def test_an_ingress_without_a_spool_says_that_the_store_is_away(edge: EdgeKit) -> None:
    edge.store.failing = AWAY
    with pytest.raises(StoreAway):
        await edge.kit.deliver(SMS, edge.kit.webhook(SMS, PHONE, "one"))


async def test_a_full_spool_is_no_success(edge: EdgeKit, spool: FakeSpool) -> None:
    edge.store.failing = AWAY
    await edge.write("one")
    await edge.clock.advance(LONGEST + timedelta(seconds=1))
    for _ in range(2):
        with pytest.raises(SpoolFull):
            await edge.write("two")
    assert await edge.waiting() == ["one"]
    state = await edge.spooling.state()
    assert (state.full, state.age, state.kept) == (True, LONGEST + timedelta(seconds=1), 1)
    edge.store.failing = None
    assert await edge.bring() == 1
    assert not (await edge.spooling.state()).full
    await edge.write("two")
    assert edge.store.heard() == ["one", "two"]


async def test_a_small_one_may_find_room_where_a_large_one_did_not(edge: EdgeKit) -> None:
    small = acceptance(arrival(address()), body=b"x")
    with capture_logs() as logs:
        for _ in range(2):
            with pytest.raises(SpoolFull):
                await edge.spooling.keep(acceptance(body=b"x" * 1_000_001))
    assert (await edge.spooling.state()).full
    assert [one["log_level"] for one in logs] == ["error"]  # told once, not with each request
    await edge.spooling.keep(small)
    state = await edge.spooling.state()
    assert (state.full, state.kept, state.waiting.count) == (False, 1, 1)


async def test_nothing_gets_past_what_is_just_being_spooled(
    edge: EdgeKit, spool: FakeSpool
) -> None:
    edge.store.failing = AWAY
    spool.slow = asyncio.Event()
    first = asyncio.create_task(edge.write("one"))
    await settle()
    edge.store.failing = None
    second = asyncio.create_task(edge.write("two"))
    await settle()
    assert not first.done()
    assert edge.store.heard() == []
    spool.slow.set()
    await asyncio.gather(first, second)
    assert await edge.waiting() == ["one", "two"]


async def test_a_spool_that_breaks_is_no_success(edge: EdgeKit, spool: FakeSpool) -> None:
    spool.failing = StoreError("the disk is broken")
    with pytest.raises(StoreError, match="broken"):
        await edge.write("one")
    assert edge.store.heard() == []


# --- bringing --------------------------------------------------------------------------------


async def test_what_waits_is_brought_in_order_published_and_forgotten(edge: EdgeKit) -> None:
    edge.store.failing = AWAY
    texts = [f"message {number}" for number in range(250)]
    for text in texts:
        await edge.write(text)
    edge.store.failing = None
    while await edge.bring():
        pass
    assert edge.store.heard() == texts
    assert edge.spool.memory.waiting == {}
    assert ids(edge.bus) == list(edge.store.memory.events)
    state = await edge.spooling.state()
    assert (state.kept, state.brought, state.put_aside) == (250, 250, 0)
    await edge.write("direct")
    assert edge.store.asked == 252
    assert edge.store.heard() == [*texts, "direct"]


async def test_the_request_is_recorded_as_it_came_and_when_it_came(edge: EdgeKit) -> None:
    edge.store.failing = AWAY
    request = edge.kit.webhook(SMS, PHONE, "ö 🦐")
    await edge.ingress.take(edge.kit.channels[SMS, "demo"], request)
    await edge.clock.advance(300)
    edge.store.failing = None
    await edge.bring()
    (kept,) = edge.store.memory.requests
    assert (kept.request.body, kept.request.headers) == (request.body, request.headers)
    (event,) = edge.store.memory.events.values()
    assert event.at == kept.request.at == START


async def test_it_runs_by_itself_as_soon_as_the_store_answers(edge: EdgeKit) -> None:
    async with edge.running() as task:
        edge.store.failing = AWAY
        await edge.write("one")
        await settle()
        tries = edge.store.looked
        waits: list[float] = []
        for _ in range(8):
            wake = edge.clock.next_wake
            assert wake is not None
            waits.append((wake - edge.clock.now()).total_seconds())
            await edge.clock.advance(waits[-1])
            tries += 1
            assert (edge.store.asked, edge.store.looked) == (1, tries)
        assert waits == [0.2, 0.4, 0.8, 1.6, 3.2, 5, 5, 5]
        await edge.write("two")
        edge.store.failing = None
        await edge.clock.advance(5)
        assert edge.store.heard() == ["one", "two"]
        assert edge.spool.memory.waiting == {}
        # Away again: the waits begin anew.
        edge.store.failing = AWAY
        await edge.write("three")
        await settle()
        assert edge.clock.next_wake == edge.clock.now() + timedelta(seconds=0.2)
        assert not task.done()


async def test_a_store_that_comes_and_goes_is_asked_soon_again(edge: EdgeKit) -> None:
    """Each time it took some: waiting longer and longer would not be fair to what waits."""
    edge.store.failing = AWAY
    for number in range(20):
        await edge.write(f"message {number}")
    async with edge.running():
        await edge.clock.advance(10)
        for taken in range(5):
            edge.store.failing, edge.store.leaves_after = None, 2
            wake = edge.clock.next_wake
            assert wake is not None
            if taken:
                assert wake - edge.clock.now() == timedelta(seconds=0.2)
            await edge.clock.advance(wake - edge.clock.now())
            assert len(edge.store.heard()) == 2 * (taken + 1)
    assert edge.store.heard() == [f"message {number}" for number in range(10)]


async def test_a_restart_begins_with_what_waits(edge: EdgeKit) -> None:
    edge.store.failing = AWAY
    await edge.write("one")
    reopened = FakeSpool(edge.spool.memory, longest=LONGEST, most_bytes=1_000_000)
    after = EdgeKit(edge.kit, edge.store, edge.bus, reopened)
    edge.store.failing = None
    await after.write("two")
    assert edge.store.heard() == []
    async with after.running():
        await settle()
        assert edge.store.heard() == ["one", "two"]
        await after.write("three")
        assert edge.store.heard() == ["one", "two", "three"]


async def test_the_store_going_away_in_the_middle_loses_and_doubles_nothing(
    edge: EdgeKit,
) -> None:
    edge.store.failing = AWAY
    texts = [f"message {number}" for number in range(10)]
    for text in texts:
        await edge.write(text)
    edge.store.failing = None

    edge.store.leaves_after = 4
    with pytest.raises(StoreAway):
        await edge.bring()
    assert edge.store.heard() == texts[:4]
    assert await edge.waiting() == texts[4:]
    edge.store.failing, edge.store.leaves_after = None, None
    await edge.bring()
    assert edge.store.heard() == texts


async def test_customers_go_side_by_side_and_each_in_order() -> None:
    """One after the other, a busy edge would spool faster than it brings."""

    class Slow(Remote):
        under_way = most = 0

        @override
        async def accept(self, acceptance: Acceptance) -> Accepted:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            # The first of each customer takes longest: those behind it must not get past.
            first = any(one.id in FIRST for one in acceptance.arrivals)
            await asyncio.sleep(0.01 if first else 0)
            self.under_way -= 1
            return await super().accept(acceptance)

    people = [address(f"p{number}") for number in range(40)]
    FIRST.update(arrival(who, "m0").id for who in people)
    store = Slow()
    async with hub_kit(store=store, working=False) as kit:
        edge = EdgeKit(kit, store, FakeBus(), FakeSpool(longest=LONGEST, most_bytes=10_000_000))
        for number in range(3):
            for who in people:
                text = f"{who.user} {number}"
                await edge.spooling.keep(acceptance(arrival(who, f"m{number}", text=text)))
        assert await edge.bring() == 120
    assert store.most == 16
    for who in people:
        said = [text for text in store.heard() if text.startswith(f"{who.user} ")]
        assert said == [f"{who.user} {number}" for number in range(3)]


async def test_one_thread_is_one_customer(edge: EdgeKit) -> None:
    """Two identities that were linked: what they said comes in the order they said it."""
    await edge.write("before")
    async with hub_kit(store=edge.store, bus=edge.bus) as kit:
        await kit.write("twilio_whatsapp", PHONE, "joined by the phone")
    identities = [kit.identity(SMS, PHONE), kit.identity("twilio_whatsapp", PHONE)]
    threads = await edge.ingress.threads_of([*identities, address("x").identity], patience=PATIENCE)
    assert list(threads) == identities
    assert len(set(threads.values())) == 1


async def test_an_accept_that_was_cut_and_had_happened_is_one(edge: EdgeKit) -> None:
    """Recorded, but nobody heard: the repeat changes nothing, and the workers are woken."""
    edge.store.deaf = True
    assert (await edge.write("one")).status == 200
    assert edge.store.heard() == ["one"]
    assert edge.bus.published == []
    edge.store.deaf = False
    assert await edge.bring() == 1
    assert edge.store.heard() == ["one"]
    assert len(edge.store.memory.requests) == 1
    assert ids(edge.bus) == list(edge.store.memory.events)


async def test_a_repeat_that_was_processed_wakes_nobody(edge: EdgeKit) -> None:
    edge.store.deaf = True
    await edge.write("leverans")
    edge.store.deaf = False
    for event in await edge.store.unprocessed(before=START + timedelta(days=1), limit=10):
        await edge.kit.hub.converse.handle(Envelope(event=event.id, thread=event.thread), tries=1)
    await edge.bring()
    assert edge.bus.published == []


async def test_the_same_request_spooled_twice_is_one(edge: EdgeKit) -> None:
    edge.store.failing = AWAY
    request = edge.kit.webhook(SMS, PHONE, "one")
    for _ in range(3):
        await edge.ingress.take(edge.kit.channels[SMS, "demo"], request)
    edge.store.failing = None
    await edge.bring()
    assert edge.store.heard() == ["one"]
    assert edge.spool.memory.waiting == {}


async def test_receipts_and_consents_are_spooled_too(edge: EdgeKit) -> None:
    edge.store.failing = AWAY
    await edge.write("STOP")
    edge.store.failing = None
    assert edge.store.memory.consents == []
    await edge.bring()
    assert [one.opted_out for one in edge.store.memory.consents] == [True]


# --- what the store refuses ------------------------------------------------------------------


async def test_what_is_refused_for_good_is_put_aside_and_holds_up_nothing(edge: EdgeKit) -> None:
    edge.store.failing = AWAY
    requests = [edge.kit.webhook(SMS, PHONE, text) for text in ("one", "poison", "three")]
    for request in requests:
        await edge.ingress.take(edge.kit.channels[SMS, "demo"], request)
    edge.store.failing = None
    edge.store.refuses = ("poison",)
    with capture_logs() as logs:
        assert await edge.bring() == 3
    assert edge.store.heard() == ["one", "three"]
    assert edge.spool.memory.waiting == {}
    (letter,) = await edge.store.dead_letters()
    assert letter.reason == "refused after it was spooled: NotFound: no thread for poison"
    assert letter.thread is None
    assert letter.request is not None
    assert letter.request.body == requests[1].body
    assert (await edge.spooling.state()).put_aside == 1
    assert [one["log_level"] for one in logs if one["event"].startswith("a spooled")] == ["error"]


async def test_receipts_that_are_refused_leave_a_trace(edge: EdgeKit) -> None:
    """They have no request: what was read of them stands in for it."""
    bad = receipt("sm1", ReceiptStatus.READ).model_copy(update={"external_id": None})
    await edge.spooling.keep(Acceptance(receipts=(bad,)))
    await edge.spooling.keep(acceptance(arrival(address(), text="next")))
    assert await edge.bring() == 2
    (letter,) = await edge.store.dead_letters()
    assert letter.request is not None
    assert (letter.request.channel, letter.request.account) == ("twilio_sms", "demo")
    assert b"ReceiptFact" in letter.request.body
    assert "a receipt names neither" in letter.reason
    assert edge.store.heard() == ["next"]


async def test_a_request_that_cannot_be_written_is_put_aside_as_plain_text() -> None:
    class Choking(Remote):
        @override
        async def accept(self, acceptance: Acceptance) -> Accepted:
            if acceptance.request is not None and b"bomb" in acceptance.request.body[:4]:
                raise ZeroDivisionError("the driver's own fault")
            return await super().accept(acceptance)

    store = Choking()
    async with hub_kit(store=store, working=False) as kit:
        spool = FakeSpool(longest=LONGEST, most_bytes=1_000_000)
        edge = EdgeKit(kit, store, FakeBus(), spool)
        await edge.spooling.keep(acceptance(arrival(address(), text="å 🦐"), body=b"bomb\xff"))
        await edge.spooling.keep(acceptance(arrival(address(), "m2", text="next")))
        with capture_logs():
            assert await edge.bring() == 2
        (letter,) = await store.dead_letters()
        assert letter.reason.endswith("ZeroDivisionError: the driver's own fault")
        assert letter.request is not None
        assert letter.request.method == "SPOOL"
        assert b"bomb\\xff" in letter.request.body
        assert b"\\xe5 \\U0001f990" in letter.request.body
        assert store.heard() == ["next"]


async def test_a_store_that_takes_not_even_a_dead_letter_is_waited_for(edge: EdgeKit) -> None:
    edge.store.failing = AWAY
    await edge.write("one")
    edge.store.failing = StoreError("its disk is full")
    async with edge.running() as task:
        with capture_logs():
            await edge.clock.advance(60)
        assert await edge.waiting() == ["one"]
        assert not task.done()
        edge.store.failing = None
        await edge.clock.advance(5)
        assert edge.store.heard() == ["one"]
        assert await edge.store.dead_letters() == []


# --- the bus is away -------------------------------------------------------------------------


class Away(FakeBus):
    """A bus that takes nothing."""

    tries = 0
    away = True

    @override
    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        self.tries += 1
        if self.away:
            raise BusError("no connection")
        await super().publish(envelopes)


async def test_what_the_bus_does_not_take_is_accepted_all_the_same() -> None:
    bus, store = Away(), Remote()
    async with hub_kit(store=store, bus=bus, working=False) as kit:
        edge = EdgeKit(kit, store, bus, FakeSpool(longest=LONGEST, most_bytes=1_000_000))
        assert not edge.ingress.unpublished
        assert (await edge.write("one")).status == 200
        assert store.heard() == ["one"]
        assert edge.ingress.unpublished
        assert edge.spool.memory.waiting == {}
        # For a second nobody waits for it again.
        await edge.write("two")
        assert bus.tries == 1
        bus.away = False
        await edge.clock.advance(1)
        await edge.write("three")
        assert len(bus.published) == 1
        assert edge.ingress.unpublished  # the first two are still to be swept
        assert store.heard() == ["one", "two", "three"]


async def test_what_is_brought_without_a_bus_is_brought_all_the_same() -> None:
    bus, store = Away(), Remote()
    async with hub_kit(store=store, bus=bus, working=False) as kit:
        edge = EdgeKit(kit, store, bus, FakeSpool(longest=LONGEST, most_bytes=1_000_000))
        store.failing = AWAY
        await edge.write("one")
        store.failing = None
        assert await edge.bring() == 1
        assert edge.spool.memory.waiting == {}
        assert edge.ingress.unpublished


async def test_publishing_by_hand_tells_that_the_bus_is_away() -> None:
    bus, store = Away(), Remote()
    async with hub_kit(store=store, bus=bus, working=False) as kit:
        await kit.deliver(SMS, kit.webhook(SMS, PHONE, "one"))
        events = await store.unprocessed(before=START + timedelta(days=1), limit=10)
        with pytest.raises(BusError):
            await kit.hub.ingress.publish(events)
        await kit.hub.ingress.publish([])
        assert bus.tries == 2


# --- on a disk -------------------------------------------------------------------------------


async def test_many_senders_over_a_wavering_store_on_real_files(tmp_path: Path) -> None:
    """Killed again and again: nothing acknowledged is lost, recorded twice, or out of order."""
    lives = 6
    ran = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "tests.unit.killed_edge", str(tmp_path), str(lives)],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
        timeout=50,
    )
    assert ran.returncode == 0, ran.stderr
    told: dict[str, int] = {}
    for line in (line for life in json.loads(ran.stdout) for line in life):
        phone, message = line.split()
        assert int(message) == told.get(phone, 0)
        told[phone] = int(message) + 1
    assert len(told) > lives
    await _bring_the_rest(tmp_path)
    database = Database.open(tmp_path / "samtal.db")
    try:
        heard: dict[str, list[str]] = {}
        rows: list[tuple[str, str]] = database.glance(
            lambda look: list(
                look.execute(
                    "SELECT event ->> '$.body.sender.user', event ->> '$.body.text' "
                    "FROM events ORDER BY seq"
                )
            )
        )
        for phone, text in rows:
            heard.setdefault(phone, []).append(text)
        for phone, number in told.items():
            assert len(heard[phone]) in {number, number + 1}  # the last one was perhaps unheard
            assert heard[phone] == [f"message {n}" for n in range(len(heard[phone]))]
        assert sum(told.values()) > 100
        requests: int = database.glance(
            lambda look: look.execute("SELECT count(*) FROM requests").get
        )
        assert requests == len(rows)
        letters: int = database.glance(
            lambda look: look.execute("SELECT count(*) FROM dead_letters").get
        )
        assert letters == 0
    finally:
        await database.close()


async def _bring_the_rest(folder: Path) -> None:
    store = SqliteStore(Database.open(folder / "samtal.db"))
    spool = SqliteSpool.open(folder / "spool.db", longest=LONGEST, most_bytes=10_000_000)
    async with hub_kit(store=store, working=False) as kit:
        spooling = Spooling(spool, clock=kit.clock)
        while await spooling.bring(kit.hub.ingress):
            pass
    assert (await spool.depth()).count == 0
    await spool.close()
    await store.close()
