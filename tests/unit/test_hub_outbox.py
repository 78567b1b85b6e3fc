"""The outbox: what leaves, in which order, what never leaves, and how each attempt is recorded."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta
from typing import cast

import pytest
from typing_extensions import override

from bot.errors import StoreError
from bot.hub.feed import Announcement, SendMoved
from bot.hub.outbox import Outbox, back_off
from bot.hub.pace import Pace
from bot.model.channel import ReceiptStatus, Request
from bot.model.event import AgentLinks, AgentNotes, Done, Unlinks
from bot.model.ids import EventId, LinkId, SendId, ThreadId
from bot.model.record import Acceptance, Arrival, Turn
from bot.model.sending import (
    Call,
    CallResult,
    Choice,
    FailureKind,
    HttpCall,
    Lost,
    Origin,
    Outbound,
    PartSent,
    Reply,
    Unreached,
)
from bot.model.thread import MessageOut, SendState, SendStatus
from bot.ports import Channel, Sending
from tests import builders
from tests.fakes.bus import FakeBus
from tests.fakes.clock import settle
from tests.fakes.store import FakeStore
from tests.hubs import ANNA, HubKit, hub_kit, played, queue

SMS, PHONE, OTHER = "twilio_sms", "+46701234567", "+46707654321"
DELIVERY = "[answer.delivery.time]"


@pytest.fixture
async def kit() -> AsyncIterator[HubKit]:
    async with hub_kit() as made:
        yield made


def refused(status: int, *, code: int = 0, after: str | None = None) -> Reply:
    """Twilio's answer to a call that did not go through."""
    headers = (("retry-after", after),) if after is not None else ()
    body = json.dumps({"code": code, "message": "no", "status": status}).encode()
    return Reply(status=status, headers=headers, body=body)


def to_sms(kit: HubKit) -> list[HttpCall]:
    return [call for call in kit.wire.calls if isinstance(call, HttpCall)]


async def statuses(kit: HubKit, channel: str = SMS, user: str = PHONE) -> list[SendStatus]:
    return [send.status for send in await kit.sends(channel, user)]


# --- the epoch -------------------------------------------------------------------------------


async def test_what_the_bot_had_still_to_say_is_dropped_at_a_takeover(kit: HubKit) -> None:
    kit.wire.failing = [Unreached(reason="no route")]
    await kit.write(SMS, PHONE, "leverans")
    assert await statuses(kit) == [SendStatus.QUEUED]
    await kit.hub.desk.accept(await kit.thread(SMS, PHONE), ANNA, takeover=True)
    await kit.pass_time(5)
    assert kit.phone(SMS, PHONE) == ["[handoff.accepted]"]
    dropped, accepted = await kit.sends(SMS, PHONE)
    assert (dropped.status, dropped.failure) == (SendStatus.DROPPED, FailureKind.STALE)
    assert dropped.detail == "the owner has changed since"
    assert accepted.status is SendStatus.SENT
    out = [e for e in await kit.entries(SMS, PHONE) if isinstance(e.body, MessageOut)]
    assert [entry.body.text for entry in out if isinstance(entry.body, MessageOut)] == [
        DELIVERY,
        "[handoff.accepted]",
    ]


async def test_a_takeover_while_a_send_waits_for_its_turn_stops_it() -> None:
    async with hub_kit(sms_rate=1.0) as kit:
        # Nothing is sent before `drain`: all three wait for the one account.
        for user in (PHONE, OTHER, "+46700000003"):
            await kit.deliver(SMS, kit.webhook(SMS, user, "leverans"))
        await settle()
        await kit.hub.outbox.drain()
        assert [len(kit.phone(SMS, user)) for user in (PHONE, OTHER)] == [1, 0]
        assert await statuses(kit, user=OTHER) == [SendStatus.QUEUED]
        await kit.hub.desk.accept(await kit.thread(SMS, OTHER), ANNA, takeover=True)
        await kit.pass_time(1)
        await kit.pass_time(1)
        assert DELIVERY not in kit.phone(SMS, OTHER)
        assert (await kit.sends(SMS, OTHER))[0].status is SendStatus.DROPPED
        assert kit.phone(SMS, "+46700000003") == [DELIVERY]


async def test_notices_and_agents_words_are_not_fenced(kit: HubKit) -> None:
    kit.wire.failing = [Unreached(reason="no route"), Unreached(reason="no route")]
    await kit.write(SMS, PHONE, "människa")
    thread = await kit.thread(SMS, PHONE)
    await kit.hub.desk.reply(thread, ANNA, text="Hej!", client_id="1")
    await kit.hub.desk.hand_back(thread, ANNA)
    await kit.pass_time(5)
    await kit.pass_time(10)
    assert kit.phone(SMS, PHONE) == ["[handoff.offered]", "Hej!", "[handoff.returned]"]


# --- order and time --------------------------------------------------------------------------


async def test_order_is_kept_per_person_and_others_do_not_wait(kit: HubKit) -> None:
    kit.wire.failing = [refused(429, after="30")]
    await kit.write(SMS, PHONE, "leverans")
    await kit.write(SMS, PHONE, "öppettider")
    await kit.write(SMS, OTHER, "leverans")
    assert (kit.phone(SMS, PHONE), kit.phone(SMS, OTHER)) == ([], [DELIVERY])
    await kit.pass_time(30)
    assert kit.phone(SMS, PHONE) == [DELIVERY, "[answer.store.hours]"]
    assert await statuses(kit) == [SendStatus.SENT, SendStatus.SENT]


@pytest.mark.parametrize("told", [37, 1, 3600])
async def test_retry_after_is_kept_exactly(kit: HubKit, told: int) -> None:
    kit.wire.failing = [refused(429, after=str(told))]
    await kit.write(SMS, PHONE, "leverans")
    await kit.pass_time(timedelta(seconds=told) - timedelta(microseconds=1))
    assert len(to_sms(kit)) == 1
    await kit.pass_time(timedelta(microseconds=1))
    assert kit.phone(SMS, PHONE) == [DELIVERY]
    assert [send.tries for send in await kit.sends(SMS, PHONE)] == [2]


async def test_retry_after_nothing_means_at_once(kit: HubKit) -> None:
    kit.wire.failing = [refused(503, after="0")]
    await kit.write(SMS, PHONE, "leverans")
    assert kit.phone(SMS, PHONE) == [DELIVERY]


async def test_a_short_retry_after_does_not_use_up_the_tries(kit: HubKit) -> None:
    kit.wire.failing = [refused(429, after="1")] * 7
    await kit.write(SMS, PHONE, "leverans")
    for tries, wait in enumerate([1, 10, 20, 40, 80, 160, 320], start=1):
        assert len(to_sms(kit)) == tries
        await kit.pass_time(wait - 0.001)
        assert len(to_sms(kit)) == tries
        await kit.pass_time(0.001)
    assert kit.phone(SMS, PHONE) == [DELIVERY]
    assert await statuses(kit) == [SendStatus.SENT]


async def test_a_long_retry_after_is_waited_for_each_time(kit: HubKit) -> None:
    kit.wire.failing = [refused(429, after="60")] * 3
    await kit.write(SMS, PHONE, "leverans")
    for tries in (1, 2, 3):
        assert len(to_sms(kit)) == tries
        await kit.pass_time(59.999)
        assert len(to_sms(kit)) == tries
        await kit.pass_time(0.001)
    assert kit.phone(SMS, PHONE) == [DELIVERY]


def test_the_back_off_doubles_up_to_ten_minutes() -> None:
    waits = [back_off(tries).total_seconds() for tries in (*range(1, 10), 1000)]
    assert waits == [5, 10, 20, 40, 80, 160, 320, 600, 600, 600]


async def test_eight_tries_with_the_back_off_between_them_then_it_has_failed(
    kit: HubKit,
) -> None:
    kit.wire.failing = [refused(503)] * 20
    await kit.write(SMS, PHONE, "leverans")
    for tries, wait in enumerate([5, 10, 20, 40, 80, 160, 320], start=1):
        assert len(to_sms(kit)) == tries
        await kit.pass_time(wait - 0.001)
        assert len(to_sms(kit)) == tries
        await kit.pass_time(0.001)
    await kit.pass_time(timedelta(days=2))
    assert len(to_sms(kit)) == 8
    (send,) = await kit.sends(SMS, PHONE)
    assert (send.status, send.tries) == (SendStatus.FAILED, 8)
    assert send.failure is FailureKind.UNREACHABLE
    kit.wire.failing = []
    await kit.write(SMS, PHONE, "öppettider")
    assert kit.phone(SMS, PHONE) == ["[answer.store.hours]"]


def test_an_account_keeps_its_pace() -> None:
    adapters, _ = played(sms_rate=2.0)
    pace, channel, now = Pace(), adapters[SMS, "demo"], builders.START
    sends = [SendId.new() for _ in range(6)]
    waits = [pace.wait(channel, send, now=now).total_seconds() for send in sends]
    assert waits == [0, 0, 0.5, 1.0, 1.5, 2.0]
    # Each has its moment kept, and comes once; others do not push in.
    late = now + timedelta(seconds=2)
    assert [pace.wait(channel, send, now=late) for send in sends[2:]] == [timedelta()] * 4
    assert pace.wait(channel, SendId.new(), now=late) == timedelta(seconds=0.5)
    assert pace.wait(adapters["telegram", "demo"], SendId.new(), now=now) == timedelta()


async def test_what_waits_for_one_account_holds_up_no_other() -> None:
    async with hub_kit(sms_rate=1.0) as kit:
        for number in range(300):
            user = f"+4670{number:07}"
            await kit.deliver(SMS, kit.webhook(SMS, user, "leverans"))
        await kit.deliver("telegram", kit.webhook("telegram", "77", "leverans"))
        await cast("FakeBus", kit.bus).idle()
        async with running(kit.hub.outbox):
            for _ in range(100):
                await settle()
            assert kit.phone("telegram", "77") == [DELIVERY]
            assert len(to_sms(kit)) == 2  # the first SMS, and the one to Telegram


# --- parts -----------------------------------------------------------------------------------


async def test_a_takeover_between_two_parts_stops_the_rest_and_says_so(kit: HubKit) -> None:
    await kit.write(SMS, PHONE, "leverans")
    shown, thread = len(kit.phone(SMS, PHONE)), await kit.thread(SMS, PHONE)
    turn = await kit.turn(SMS, PHONE)
    taken: list[str] = []

    async def take_over(call: Call) -> CallResult:
        if not taken and isinstance(call, HttpCall):
            taken.append(thread)
            await kit.hub.desk.accept(thread, ANNA, takeover=True)
        return await answer(call)

    answer = kit.wire.call
    kit.wire.call = take_over  # type: ignore[method-assign]  # a takeover in the middle of a call
    await queue(kit, PHONE, "Ett ord till. " * 150, origin=Origin.BOT)
    assert turn.state.epoch == 0
    cut = (await kit.sends(SMS, PHONE))[1]
    assert len(cut.parts) == 1
    assert (cut.status, cut.failure) == (SendStatus.FAILED, FailureKind.STALE)
    assert cut.detail == "cut: the owner changed after part 1; the rest was not sent"
    assert len(kit.phone(SMS, PHONE)) == shown + 2  # one part, and that Anna is here


async def test_a_split_text_is_resumed_with_what_is_missing(kit: HubKit) -> None:
    text = " ".join(f"ord{number:04}" for number in range(600))
    await kit.write(SMS, PHONE, "människa")
    shown = len(kit.phone(SMS, PHONE))
    thread = await kit.thread(SMS, PHONE)
    ok = kit.wire.call
    calls = 0

    async def third_fails(call: Call) -> CallResult:
        nonlocal calls
        calls += 1
        return Unreached(reason="no route") if calls == 2 else await ok(call)

    kit.wire.call = third_fails  # type: ignore[method-assign]  # the test's own wire
    await kit.hub.desk.reply(thread, ANNA, text=text, client_id="1")
    await kit.quiet()
    first = kit.phone(SMS, PHONE)[shown:]
    assert len(first) == 1
    send = (await kit.sends(SMS, PHONE))[-1]
    assert (send.status, len(send.parts)) == (SendStatus.QUEUED, 1)
    await kit.pass_time(5)
    parts = kit.phone(SMS, PHONE)[shown:]
    assert len(parts) == 3
    assert parts[0] == first[0]
    assert "".join(" ".join(parts).split()) == "".join(text.split())
    send = (await kit.sends(SMS, PHONE))[-1]
    assert (send.status, len(send.parts)) == (SendStatus.SENT, 3)


# --- crashes ---------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def running(outbox: Outbox) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(outbox.run())
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_what_was_under_way_at_a_crash_is_unknown_and_not_sent_again() -> None:
    store = FakeStore()
    async with hub_kit(store=store) as kit:
        await kit.deliver(SMS, kit.webhook(SMS, PHONE, "leverans"))
        await settle()
        (claim,) = await store.claim_sends(
            now=kit.clock.now(), limit=10, until=kit.clock.now() + timedelta(minutes=1)
        )  # and then the crash
        async with running(kit.hub.outbox):
            await settle()
            await kit.clock.advance(timedelta(days=1))
        assert kit.wire.calls == []
        (send,) = await store.sends([claim.item.id])
        assert (send.status, send.failure) == (SendStatus.UNKNOWN, FailureKind.UNCERTAIN)


async def test_a_lost_answer_is_unknown_and_not_sent_again(kit: HubKit) -> None:
    kit.wire.failing = [Lost(reason="timed out")]
    await kit.write(SMS, PHONE, "leverans")
    await kit.pass_time(timedelta(days=1))
    assert len(to_sms(kit)) == 1
    (send,) = await kit.sends(SMS, PHONE)
    assert (send.status, send.detail) == (SendStatus.UNKNOWN, "timed out")
    await kit.write(SMS, PHONE, "öppettider")
    assert kit.phone(SMS, PHONE) == ["[answer.store.hours]"]


class Held:
    """A wire whose calls wait until they are let go."""

    def __init__(self, kit: HubKit) -> None:
        self._call = kit.wire.call
        self.go = asyncio.Event()
        self.begun = 0
        kit.wire.call = self.call  # type: ignore[method-assign]  # the test's own wire

    async def call(self, call: Call) -> CallResult:
        self.begun += 1
        await self.go.wait()
        return await self._call(call)


async def test_stopping_finishes_what_is_under_way(kit: HubKit) -> None:
    await kit.deliver(SMS, kit.webhook(SMS, PHONE, "leverans"))
    await settle()
    held = Held(kit)
    task = asyncio.create_task(kit.hub.outbox.run())
    await settle()
    assert held.begun == 1
    task.cancel()
    await settle()
    assert not task.done()
    held.go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert kit.phone(SMS, PHONE) == [DELIVERY]
    assert await statuses(kit) == [SendStatus.SENT]


async def test_a_store_that_fails_between_two_parts_resumes_with_the_rest() -> None:
    class Failing(FakeStore):
        fails = False

        @override
        async def turn(self, thread: ThreadId) -> Turn:
            if self.fails:
                self.fails = False
                raise StoreError("no connection")
            return await super().turn(thread)

    store = Failing()
    async with hub_kit(store=store) as kit:
        await kit.write(SMS, PHONE, "leverans")
        real = kit.wire.call

        async def fail_after(call: Call) -> CallResult:
            store.fails = len(to_sms(kit)) == 1
            return await real(call)

        kit.wire.call = fail_after  # type: ignore[method-assign]  # the test's own wire
        await queue(kit, PHONE, "Ett ord till. " * 150, origin=Origin.BOT)
        send = (await kit.sends(SMS, PHONE))[1]
        assert (send.status, len(send.parts)) == (SendStatus.QUEUED, 1)
        await kit.pass_time(5)
        send = (await kit.sends(SMS, PHONE))[1]
        assert send.status is SendStatus.SENT
        texts = kit.phone(SMS, PHONE)[1:]
        assert " ".join(" ".join(texts).split()) == " ".join(("Ett ord till. " * 150).split())


async def test_what_waits_for_its_turn_is_queued_and_not_unknown_after_a_crash() -> None:
    async with hub_kit(sms_rate=1.0) as kit:
        for user in (PHONE, OTHER):
            await kit.deliver(SMS, kit.webhook(SMS, user, "leverans"))
        await settle()
        await kit.hub.outbox.drain()
        assert await kit.store.recover_sends(now=kit.clock.now()) == []
        found = [*await statuses(kit), *await statuses(kit, user=OTHER)]
        assert sorted(found) == [SendStatus.QUEUED, SendStatus.SENT]


async def test_a_full_outbox_waits_without_spinning() -> None:
    class Counting(FakeStore):
        looks = 0

        @override
        async def next_due(self) -> datetime | None:
            self.looks += 1
            return await super().next_due()

    store = Counting()
    async with hub_kit(store=store) as kit:
        for number in range(300):
            user = f"+4670{number:07}"
            await kit.deliver(SMS, kit.webhook(SMS, user, "leverans"))
        await cast("FakeBus", kit.bus).idle()
        held = Held(kit)
        async with running(kit.hub.outbox):
            for _ in range(20):
                await settle()
            assert held.begun == 64
            assert store.looks == 0
            held.go.set()
            for _ in range(100):
                await settle()
            assert held.begun == 300


# --- faults ----------------------------------------------------------------------------------


class Broken:
    """An adapter with a fault, before or after its first call."""

    name, account = SMS, "demo"

    def __init__(self, good: Channel, *, calls: int) -> None:
        self.capabilities = good.capabilities
        self._calls = calls

    def send(self, message: Outbound) -> Sending:
        for number in range(self._calls):
            yield HttpCall(method="POST", url="https://provider.example/x")
            yield PartSent(external_id=f"p{number}")
        raise KeyError(message.text)


@pytest.mark.parametrize("calls", [0, 1])
async def test_an_adapters_fault_is_shown_and_stops_nobody(kit: HubKit, calls: int) -> None:
    channels = cast("dict[tuple[str, str], Channel]", kit.hub.engines.channels)
    good = channels[SMS, "demo"]
    await kit.deliver(SMS, kit.webhook(SMS, PHONE, "leverans"))
    await kit.deliver("telegram", kit.webhook("telegram", "77", "leverans"))
    await settle()
    channels[SMS, "demo"] = cast("Channel", Broken(good, calls=calls))
    async with running(kit.hub.outbox) as task:
        await settle()
        assert not task.done()
        assert kit.phone("telegram", "77") == [DELIVERY]
        (send,) = await kit.sends(SMS, PHONE)
        assert (send.status, send.detail) == (SendStatus.UNKNOWN, "our own fault: KeyError")
        assert "leverans" not in send.detail
        channels[SMS, "demo"] = good
        await kit.deliver(SMS, kit.webhook(SMS, PHONE, "öppettider"))
        await settle()
        kit.hub.outbox.wake()
        await settle()
        assert kit.phone(SMS, PHONE) == ["[answer.store.hours]"]


async def test_a_store_that_fails_for_a_while_loses_no_outcome() -> None:
    store = FakeStore()
    async with hub_kit(store=store) as kit:
        await kit.deliver(SMS, kit.webhook(SMS, PHONE, "leverans"))
        await settle()
        held = Held(kit)
        async with running(kit.hub.outbox) as task:
            await settle()
            assert held.begun == 1
            store.failing = StoreError("disk full")
            held.go.set()
            await settle()
            assert kit.phone(SMS, PHONE) == [DELIVERY]
            for _ in range(10):
                await kit.clock.advance(5)
            assert not task.done()
            store.failing = None
            await kit.clock.advance(600)
            (send,) = await kit.sends(SMS, PHONE)
            assert (send.status, len(send.parts)) == (SendStatus.SENT, 1)
            await kit.deliver(SMS, kit.webhook(SMS, PHONE, "öppettider"))
            await settle()
            await kit.clock.advance(30)
            assert kit.phone(SMS, PHONE) == [DELIVERY, "[answer.store.hours]"]


async def test_an_account_that_is_gone_is_named(kit: HubKit) -> None:
    await kit.deliver(SMS, kit.webhook(SMS, PHONE, "leverans"))
    await settle()
    channels = cast("dict[tuple[str, str], Channel]", kit.hub.engines.channels)
    del channels[SMS, "demo"]
    await kit.quiet()
    (send,) = await kit.sends(SMS, PHONE)
    assert (send.status, send.failure) == (SendStatus.FAILED, FailureKind.CONFIG)
    assert send.detail == "no channel twilio_sms/demo is configured"


# --- consent and windows ---------------------------------------------------------------------


async def test_who_opted_out_gets_no_campaign_but_an_answer(kit: HubKit) -> None:
    await kit.write(SMS, PHONE, "hej")
    await kit.write(SMS, PHONE, "STOP")
    shown = kit.phone(SMS, PHONE)
    await queue(kit, PHONE, "Rea i dag!", origin=Origin.CAMPAIGN)
    (*_, campaign) = await kit.sends(SMS, PHONE)
    assert (campaign.status, campaign.failure) == (SendStatus.FAILED, FailureKind.OPTED_OUT)
    assert campaign.detail == "this person has opted out here"
    await kit.write(SMS, PHONE, "leverans")
    assert kit.phone(SMS, PHONE) == [*shown, DELIVERY]
    await kit.write(SMS, PHONE, "START")
    await queue(kit, PHONE, "Rea i morgon!", origin=Origin.CAMPAIGN)
    assert kit.phone(SMS, PHONE) == [*shown, DELIVERY, "Rea i morgon!"]


async def together(kit: HubKit, one: str, other: str) -> LinkId:
    """An agent says that two numbers are one customer's."""
    body = AgentLinks(by=ANNA, into=kit.identity(SMS, one), reason="same voice")
    now = kit.clock.now()
    links = Arrival(id=EventId.new(), identity=kit.identity(SMS, other), at=now, body=body)
    assert await kit.hub.ingress.ask(links, patience=timedelta(seconds=10)) == Done()
    await kit.quiet()
    turn = await kit.turn(SMS, one)
    (made,) = await kit.store.links([one.id for one in turn.identities])
    return made.link.id


async def apart(kit: HubKit, link: LinkId, user: str) -> None:
    body = Unlinks(by=ANNA, links=(link,), reason="two people")
    now = kit.clock.now()
    ends = Arrival(id=EventId.new(), identity=kit.identity(SMS, user), at=now, body=body)
    assert await kit.hub.ingress.ask(ends, patience=timedelta(seconds=10)) == Done()
    await kit.quiet()


async def test_a_no_at_one_number_holds_for_the_customers_other_one(kit: HubKit) -> None:
    await kit.write(SMS, OTHER, "hej")
    await kit.write(SMS, PHONE, "hej")
    await kit.write(SMS, OTHER, "START")
    await kit.write(SMS, PHONE, "STOP")
    link = await together(kit, PHONE, OTHER)
    shown = kit.phone(SMS, OTHER)
    before = await kit.store.consents([kit.identity(SMS, OTHER)])
    await queue(kit, OTHER, "Rea!", origin=Origin.CAMPAIGN)
    (*_, campaign) = await kit.sends(SMS, OTHER)
    assert (campaign.status, campaign.failure) == (SendStatus.FAILED, FailureKind.OPTED_OUT)
    assert kit.phone(SMS, OTHER) == shown
    assert await kit.store.consents([kit.identity(SMS, OTHER)]) == before
    await kit.write(SMS, OTHER, "leverans")
    assert kit.phone(SMS, OTHER) == [*shown, DELIVERY]

    await apart(kit, link, PHONE)
    shown = kit.phone(SMS, OTHER)
    await queue(kit, OTHER, "Rea igen!", origin=Origin.CAMPAIGN)
    assert kit.phone(SMS, OTHER) == [*shown, "Rea igen!"]
    stopped = kit.phone(SMS, PHONE)
    await queue(kit, PHONE, "Rea igen!", origin=Origin.CAMPAIGN)
    assert kit.phone(SMS, PHONE) == stopped


async def test_a_no_by_sms_is_none_on_another_channel(kit: HubKit) -> None:
    await kit.write(SMS, PHONE, "STOP")
    await kit.write("twilio_whatsapp", PHONE, "hej")
    turn = await kit.turn(SMS, PHONE)
    assert len(turn.identities) == 2
    await queue(kit, PHONE, "Rea!", origin=Origin.CAMPAIGN, channel="twilio_whatsapp")
    assert kit.phone("twilio_whatsapp", PHONE)[-1] == "Rea!"


async def test_a_send_asks_the_consent_of_its_facet(kit: HubKit) -> None:
    await kit.write(SMS, PHONE, "hej")
    own = kit.address(SMS, PHONE)
    for when, (opted_out, facet) in enumerate(((True, None), (False, "business"))):
        said = builders.consent(
            own, opted_out=opted_out, facet=facet, when=kit.clock.now() + timedelta(seconds=when)
        )
        await kit.store.accept(Acceptance(consents=(said,)))
    shown = kit.phone(SMS, PHONE)
    for facet in ("business", "parent", "private", None):
        await queue(kit, PHONE, f"Till {facet}", origin=Origin.CAMPAIGN, facet=facet)
    assert kit.phone(SMS, PHONE) == [*shown, "Till business"]


async def test_what_is_said_is_said_to_the_facet_spoken_as() -> None:
    store = FakeStore()
    async with hub_kit(store=store) as kit:
        await kit.write(SMS, PHONE, "hej")
        assert [row.item.facet for row in store.memory.sends.values()] == ["private"]


async def test_stop_and_start_by_sms_get_no_answer_from_us(kit: HubKit) -> None:
    for text in ("STOP", "stop", "START", "HELP"):
        await kit.write(SMS, PHONE, text)
    assert kit.wire.calls == []
    assert await kit.kinds(SMS, PHONE) == ["consent_changed"] * 3 + ["note"]


@pytest.mark.parametrize(("channel", "user"), [(SMS, PHONE), ("telegram", "77")])
async def test_what_no_carrier_answers_we_confirm(kit: HubKit, channel: str, user: str) -> None:
    await kit.write(channel, user, "Stopp!")
    await kit.write(channel, user, "starta")
    assert kit.phone(channel, user) == ["[optout.confirmed]", "[optin.confirmed]"]


async def test_a_first_keyword_opens_the_window(kit: HubKit) -> None:
    await kit.write("messenger", "7001", "stopp")
    assert kit.phone("messenger", "7001") == ["[optout.confirmed]"]


async def test_after_a_block_the_person_has_opted_out() -> None:
    store = FakeStore()
    async with hub_kit(store=store) as kit:
        blocked = {"ok": False, "error_code": 403, "description": "Forbidden: bot was blocked"}
        kit.wire.failing = [Reply(status=403, body=json.dumps(blocked).encode())]
        await kit.write("telegram", "77", "leverans")
        (send,) = await kit.sends("telegram", "77")
        assert (send.status, send.failure) == (SendStatus.FAILED, FailureKind.OPTED_OUT)
        (fact,) = store.memory.consents
        assert fact.identity == kit.identity("telegram", "77")
        assert (fact.opted_out, fact.source, fact.facet) == (True, "provider", None)
        await queue(kit, "77", "Rea!", origin=Origin.CAMPAIGN, channel="telegram")
        assert kit.phone("telegram", "77") == []
        assert len(to_sms(kit)) == 1
        assert store.memory.consents == [fact]


async def test_a_refusal_for_another_reason_is_no_opt_out() -> None:
    store = FakeStore()
    async with hub_kit(store=store) as kit:
        kit.wire.failing = [refused(400, code=21211)]
        await kit.write(SMS, PHONE, "leverans")
        assert (await statuses(kit)) == [SendStatus.FAILED]
        assert store.memory.consents == []


async def test_a_closed_window_is_not_tried(kit: HubKit) -> None:
    await kit.write("messenger", "7001", "människa")
    await kit.clock.advance(timedelta(hours=24, seconds=1))
    calls = len(kit.wire.calls)
    await kit.hub.upkeep.timers()
    await kit.quiet()
    last = (await kit.sends("messenger", "7001"))[-1]
    assert (last.status, last.failure) == (SendStatus.FAILED, FailureKind.WINDOW_CLOSED)
    assert len(kit.wire.calls) == calls


async def test_whoever_comes_by_a_link_can_be_answered(kit: HubKit) -> None:
    await kit.write("messenger", "7001", ref="ABCD-2345")
    assert kit.phone("messenger", "7001") == ["[link.refused]"]


# --- receipts --------------------------------------------------------------------------------


async def reached(kit: HubKit) -> ReceiptStatus | None:
    (send,) = await kit.sends(SMS, PHONE)
    return send.reached


async def callbacks(kit: HubKit) -> Sequence[Request]:
    """The provider's reports on the one message to PHONE, held back."""
    await kit.deliver(SMS, kit.webhook(SMS, PHONE, "leverans"))
    await settle()
    await kit.hub.outbox.drain()
    held, kit.wire.webhooks = [request for _, request in kit.wire.webhooks], []
    assert len(held) == 2
    return held


async def test_receipts_move_forward_only(kit: HubKit) -> None:
    sent, delivered = await callbacks(kit)
    assert await reached(kit) is ReceiptStatus.SENT
    await kit.deliver(SMS, delivered)
    assert await reached(kit) is ReceiptStatus.DELIVERED
    for late in (sent, delivered, sent):
        await kit.deliver(SMS, late)
        assert await reached(kit) is ReceiptStatus.DELIVERED
    assert (await kit.kinds(SMS, PHONE)).count("message_out") == 1


async def test_a_read_mark_counts_for_what_was_sent_before(kit: HubKit) -> None:
    await kit.write("messenger", "7001", "leverans")
    (send,) = await kit.sends("messenger", "7001")
    assert send.reached is ReceiptStatus.READ


# --- telling ---------------------------------------------------------------------------------


async def test_listeners_hear_how_it_went_and_may_fail(kit: HubKit) -> None:
    heard: list[SendState] = []
    troubles: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: troubles.append(context))

    def fails(_: Announcement) -> None:
        raise RuntimeError("a listener's own fault")

    def hears(announcement: Announcement) -> None:
        if isinstance(announcement, SendMoved):
            heard.append(announcement.send)

    end = [
        kit.hub.feed.subscribe(hear) for hear in cast("list[Callable[..., None]]", [fails, hears])
    ]
    await kit.write(SMS, PHONE, "leverans")
    assert [state.status for state in heard] == [SendStatus.SENT]
    assert kit.phone(SMS, PHONE) == [DELIVERY]
    assert len(troubles) == 3  # the event ended, the thread moved, the send moved
    for each in end:
        each()
    await kit.write(SMS, PHONE, "leverans")
    assert len(heard) == 1


async def test_what_a_channel_cannot_carry_is_a_warning(kit: HubKit) -> None:
    await kit.write(SMS, PHONE, "hej")
    turn = await kit.turn(SMS, PHONE)
    note = Arrival(
        id=EventId.new(),
        identity=kit.identity(SMS, PHONE),
        at=kit.clock.now(),
        body=AgentNotes(by=ANNA, text="n"),
    )
    (event,) = (await kit.store.accept(Acceptance(arrivals=(note,)))).events
    out = builders.reply(event, 0, text="Välj")
    item = builders.send_item(turn, out, due=kit.clock.now())
    item = item.model_copy(update={"choices": (Choice(title="A"),)})
    await kit.store.commit(builders.change(turn, event, out).model_copy(update={"sends": (item,)}))
    await kit.quiet()
    (send,) = await kit.store.sends([SendId(item.id)])
    assert send.status is SendStatus.SENT
    assert send.warnings == ("SMS has no buttons: the choices were left out",)
