"""Ingress and the worker: repeats, bad items, faults, dead letters, and what is joined on sight."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import cast

import pytest
from typing_extensions import override

from bot.errors import Denied, NotFound, StaleVersion, StoreError
from bot.hub.replaying import replay
from bot.hub.settings import HubSettings
from bot.kit import proofs
from bot.model.channel import (
    Forged,
    ForgeryReason,
    Received,
    Request,
    Unreadable,
    UnreadableReason,
)
from bot.model.event import Done
from bot.model.ids import EventId, ThreadId
from bot.model.people import BySystem, Proof
from bot.model.record import Envelope, ThreadChange
from bot.model.thread import Entry, Linked, MessageIn
from bot.model.understanding import Understanding, Utterance
from bot.ports import Channel
from tests.fakes.bus import FakeBus
from tests.fakes.clock import settle
from tests.fakes.nlu import FakeNlu
from tests.fakes.store import FakeStore
from tests.hubs import ANNA, TABLE, HubKit, hub_kit, webhook_url

SMS, PHONE = "twilio_sms", "+46701234567"
DELIVERY = "[answer.delivery.time]"


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
async def kit(store: FakeStore) -> AsyncIterator[HubKit]:
    async with hub_kit(store=store) as made:
        yield made


def page(*items: dict[str, object], at: datetime) -> Request:
    """One signed webhook of Messenger with these items."""
    entry = {"id": "100", "time": 1767225600000, "messaging": list(items)}
    body = json.dumps({"object": "page", "entry": [entry]}).encode()
    return Request(
        method="POST",
        url=webhook_url(("messenger", "demo")),
        path="/webhooks/messenger/demo",
        headers=(("x-hub-signature-256", proofs.meta_signature(secret="s", body=body)),),
        body=body,
        received_at=at,
    )


def item(user: str, text: str, *, mid: str) -> dict[str, object]:
    return {
        "sender": {"id": user},
        "recipient": {"id": "100"},
        "timestamp": 1767225600000,
        "message": {"mid": mid, "text": text},
    }


# --- repeats ---------------------------------------------------------------------------------


async def test_a_repeat_is_answered_and_changes_nothing(kit: HubKit) -> None:
    request = kit.webhook(SMS, PHONE, "leverans")
    first = await kit.deliver(SMS, request)
    await kit.quiet()
    before = (await kit.state(SMS, PHONE), await kit.entries(SMS, PHONE))
    for _ in range(3):
        assert await kit.deliver(SMS, request) == first
        await kit.quiet()
    assert (await kit.state(SMS, PHONE), await kit.entries(SMS, PHONE)) == before
    assert kit.phone(SMS, PHONE) == [DELIVERY]


async def test_twenty_at_once_are_one(kit: HubKit) -> None:
    request = kit.webhook(SMS, PHONE, "leverans")
    answers = await asyncio.gather(*[kit.deliver(SMS, request) for _ in range(20)])
    await kit.quiet()
    assert {answer.status for answer in answers} == {200}
    assert kit.phone(SMS, PHONE) == [DELIVERY]
    assert (await kit.kinds(SMS, PHONE)).count("message_in") == 1


async def test_the_same_words_twice_are_two_messages(kit: HubKit) -> None:
    await kit.write(SMS, PHONE, "leverans")
    await kit.write(SMS, PHONE, "leverans")
    assert kit.phone(SMS, PHONE) == [DELIVERY, DELIVERY]


async def test_an_envelope_again_late_or_for_nothing_does_no_harm(kit: HubKit) -> None:
    await kit.write(SMS, PHONE, "leverans")
    before = await kit.entries(SMS, PHONE)
    for thread in (await kit.thread(SMS, PHONE), ThreadId.of("nobody's")):
        await kit.hub.converse.handle(Envelope(event=EventId.of("x"), thread=thread), tries=2)
    assert await kit.entries(SMS, PHONE) == before


# --- what is bad -----------------------------------------------------------------------------


async def test_one_bad_item_keeps_no_other_out(kit: HubKit, store: FakeStore) -> None:
    bad: dict[str, object] = {
        "sender": {"id": "7002"},
        "recipient": {"id": "100"},
        "reaction": {"action": "react"},
    }
    request = page(
        item("7001", "leverans", mid="m1"),
        bad,
        item("7003", "öppettider", mid="m2"),
        at=kit.clock.now(),
    )
    answer = await kit.deliver("messenger", request)
    await kit.quiet()
    assert answer.status == 200
    assert kit.phone("messenger", "7001") == [DELIVERY]
    assert kit.phone("messenger", "7003") == ["[answer.store.hours]"]
    (letter,) = await store.dead_letters()
    assert letter.thread is None
    assert "malformed" in letter.reason


async def test_what_cannot_be_read_is_kept_whole(kit: HubKit, store: FakeStore) -> None:
    body = b'{"object": "page", "entry": 7}'
    request = page(at=kit.clock.now()).model_copy(
        update={
            "body": body,
            "headers": (("x-hub-signature-256", proofs.meta_signature(secret="s", body=body)),),
        }
    )
    for _ in range(3):
        await kit.deliver("messenger", request)
    (letter,) = await store.dead_letters()
    assert letter.request is not None
    assert (letter.request.body, letter.request.headers) == (body, request.headers)
    assert (letter.request.channel, letter.request.account) == ("messenger", "demo")
    assert (letter.thread, letter.tries) == (None, 0)
    assert store.memory.events == {}


async def test_what_is_forged_leaves_nothing(kit: HubKit, store: FakeStore) -> None:
    request = kit.webhook(SMS, PHONE, "leverans")
    forged = request.model_copy(update={"body": request.body + b"&x=1"})
    answer = await kit.deliver(SMS, forged)
    await kit.quiet()
    assert answer.status == 403
    memory = store.memory
    kept = (memory.events, memory.identities, memory.letters, memory.requests)
    assert kept == ({}, {}, {}, [])
    assert kit.wire.calls == []


async def test_a_store_that_fails_is_no_success(kit: HubKit, store: FakeStore) -> None:
    store.failing = StoreError("disk full")
    request = kit.webhook(SMS, PHONE, "leverans")
    with pytest.raises(StoreError):
        await kit.deliver(SMS, request)
    assert store.memory.events == {}
    store.failing = None
    assert (await kit.deliver(SMS, request)).status == 200
    await kit.quiet()
    assert kit.phone(SMS, PHONE) == [DELIVERY]


async def test_what_the_bus_lost_is_swept_up() -> None:
    class Losing(FakeBus):
        losing = True

        @override
        async def publish(self, envelopes: Sequence[Envelope]) -> None:
            if not self.losing:
                await super().publish(envelopes)

    bus = Losing()
    async with hub_kit(bus=bus) as kit:
        await kit.write(SMS, PHONE, "leverans")
        assert kit.phone(SMS, PHONE) == []
        bus.losing = False
        await kit.clock.advance(30)
        assert await kit.hub.upkeep.sweep() == 0
        await kit.clock.advance(0.001)
        assert await kit.hub.upkeep.sweep() == 1
        await kit.quiet()
        assert kit.phone(SMS, PHONE) == [DELIVERY]
        assert await kit.hub.upkeep.sweep() == 0


async def test_a_crash_between_commit_and_ack_says_nothing_twice(kit: HubKit) -> None:
    request = kit.webhook(SMS, PHONE, "leverans")
    await kit.deliver(SMS, request)
    await kit.quiet()
    event = next(iter(kit.bus.memory.seen)) if isinstance(kit.bus, FakeBus) else EventId.of("x")
    again = Envelope(event=event, thread=await kit.thread(SMS, PHONE))
    await kit.hub.converse.handle(again, tries=2)
    await kit.quiet()
    assert kit.phone(SMS, PHONE) == [DELIVERY]


# --- joined on sight -------------------------------------------------------------------------


async def test_an_attested_number_is_one_customer_on_sms_and_whatsapp(kit: HubKit) -> None:
    await kit.write(SMS, PHONE, "retur")
    await kit.write("twilio_whatsapp", PHONE, "FB-104233")
    assert await kit.thread(SMS, PHONE) == await kit.thread("twilio_whatsapp", PHONE)
    assert kit.phone("twilio_whatsapp", PHONE) == ["[form.return_item.size]"]
    (linked,) = [e for e in await kit.entries(SMS, PHONE) if isinstance(e.body, Linked)]
    assert linked.by == BySystem()
    assert isinstance(linked.body, Linked)
    assert linked.body.proof is Proof.ATTESTED_PHONE
    assert (await kit.state(SMS, PHONE)).active == kit.identity("twilio_whatsapp", PHONE)


async def test_another_number_is_another_customer(kit: HubKit) -> None:
    await kit.write(SMS, PHONE, "retur")
    await kit.write("twilio_whatsapp", "+46709999999", "FB-104233")
    assert len(await kit.store.threads()) == 2


async def test_a_number_joins_nobody_where_that_is_off() -> None:
    async with hub_kit(settings=HubSettings(join_by_phone=False)) as kit:
        await kit.write(SMS, PHONE, "retur")
        await kit.write("twilio_whatsapp", PHONE, "FB-104233")
        assert len(await kit.store.threads()) == 2


# --- faults in handling ----------------------------------------------------------------------


class Stumbling(FakeNlu):
    """A reader that fails on one word."""

    stumbles = True

    @override
    async def read(self, utterances: Sequence[Utterance]) -> list[Understanding]:
        if self.stumbles and any("bomb" in utterance.text for utterance in utterances):
            raise ZeroDivisionError("the reader's own fault")
        return await super().read(utterances)


async def test_after_five_tries_a_message_is_set_aside_and_the_thread_goes_on(
    store: FakeStore,
) -> None:
    nlu = Stumbling(TABLE)
    async with hub_kit(store=store, nlu=nlu) as kit:
        for text in ("leverans", "bomb", "öppettider"):
            await kit.deliver(SMS, kit.webhook(SMS, PHONE, text))
        await kit.quiet()
        assert kit.phone(SMS, PHONE) == [DELIVERY, "[answer.store.hours]"]
        (letter,) = await store.dead_letters()
        assert (letter.tries, letter.reason) == (5, "ZeroDivisionError: the reader's own fault")
        assert letter.thread == await kit.thread(SMS, PHONE)
        assert letter.request is not None
        assert b"bomb" in letter.request.body

        nlu.stumbles = False
        await replay(
            letter, store=store, ingress=kit.hub.ingress, channels=kit.hub.engines.channels
        )
        # The bus has seen its envelope not long ago: the next message or the sweeper wakes it.
        await kit.write(SMS, PHONE, "leverans")
        assert await store.dead_letters() == []
        heard = [
            e.body.text for e in await kit.entries(SMS, PHONE) if isinstance(e.body, MessageIn)
        ]
        assert heard == ["leverans", "öppettider", "bomb", "leverans"]


async def test_a_fault_that_passes_is_tried_again_and_the_order_is_kept(
    store: FakeStore,
) -> None:
    class Twice(Stumbling):
        left = 2

        @override
        async def read(self, utterances: Sequence[Utterance]) -> list[Understanding]:
            self.stumbles = self.left > 0
            self.left -= "bomb" in utterances[0].text
            return await super().read(utterances)

    async with hub_kit(store=store, nlu=Twice(TABLE)) as kit:
        for text in ("bomb", "leverans"):
            await kit.deliver(SMS, kit.webhook(SMS, PHONE, text))
        await kit.quiet()
        assert await store.dead_letters() == []
        assert kit.phone(SMS, PHONE) == ["[unsure.rephrase]", DELIVERY]


async def test_a_fault_in_one_thread_holds_up_no_other(store: FakeStore) -> None:
    async with hub_kit(store=store, nlu=Stumbling(TABLE)) as kit:
        await kit.deliver(SMS, kit.webhook(SMS, PHONE, "bomb"))
        await kit.deliver(SMS, kit.webhook(SMS, "+46709999999", "leverans"))
        for _ in range(3):
            await settle()
        await kit.hub.outbox.drain()
        assert kit.phone(SMS, "+46709999999") == [DELIVERY]
        await kit.quiet()


async def test_a_fault_in_writing_is_a_fault_of_the_event() -> None:
    class Choking(FakeStore):
        @override
        async def commit(self, change: ThreadChange) -> tuple[Entry, ...]:
            if any(isinstance(e.body, MessageIn) and "bomb" in e.body.text for e in change.entries):
                raise UnicodeEncodeError("utf-8", "bomb", 0, 1, "the driver's own fault")
            return await super().commit(change)

    store = Choking()
    async with hub_kit(store=store) as kit:
        for text in ("bomb", "leverans"):
            await kit.deliver(SMS, kit.webhook(SMS, PHONE, text))
        await kit.quiet()
        assert kit.phone(SMS, PHONE) == [DELIVERY]
        (letter,) = await store.dead_letters()
        assert letter.reason.startswith("UnicodeEncodeError")


async def test_what_never_comes_to_an_end_is_set_aside_by_the_count_of_the_bus(
    store: FakeStore,
) -> None:
    """What kills the process, or what the store never takes, raises no error that could count."""

    class Refusing(FakeStore):
        @override
        async def commit(self, change: ThreadChange) -> tuple[Entry, ...]:
            if any(isinstance(e.body, MessageIn) and "bomb" in e.body.text for e in change.entries):
                raise StoreError("this one it never takes")
            return await super().commit(change)

    store = Refusing()
    async with hub_kit(store=store) as kit:
        for text in ("bomb", "leverans"):
            await kit.deliver(SMS, kit.webhook(SMS, PHONE, text))
        await kit.quiet()
        assert kit.phone(SMS, PHONE) == [DELIVERY]
        (letter,) = await store.dead_letters()
        assert (letter.tries, letter.reason) == (11, "delivered 11 times without an end")
        assert letter.request is not None
        assert b"bomb" in letter.request.body


async def test_a_store_error_is_no_fault_of_the_event(kit: HubKit, store: FakeStore) -> None:
    request = kit.webhook(SMS, PHONE, "leverans")
    await kit.deliver(SMS, request)
    store.failing = StoreError("disk full")
    for _ in range(8):
        await asyncio.sleep(0.02)
    store.failing = None
    await kit.quiet()
    assert await store.dead_letters() == []
    assert kit.phone(SMS, PHONE) == [DELIVERY]


async def test_somebody_quicker_costs_only_another_look() -> None:
    class Racing(FakeStore):
        races = 3

        @override
        async def commit(self, change: ThreadChange) -> tuple[Entry, ...]:
            if self.races:
                self.races -= 1
                raise StaleVersion("somebody was quicker")
            return await super().commit(change)

    async with hub_kit(store=Racing()) as kit:
        await kit.write(SMS, PHONE, "leverans")
        assert kit.phone(SMS, PHONE) == [DELIVERY]
        (send,) = await kit.sends(SMS, PHONE)
        assert send.tries == 1


async def test_a_long_queue_of_one_thread_is_worked_off(kit: HubKit) -> None:
    for number in range(60):
        await kit.deliver(SMS, kit.webhook(SMS, PHONE, f"leverans {number}"))
    await kit.quiet()
    heard = [e.body.text for e in await kit.entries(SMS, PHONE) if isinstance(e.body, MessageIn)]
    assert heard == [f"leverans {number}" for number in range(60)]
    assert len(kit.phone(SMS, PHONE)) == 60


# --- replaying what could not be read --------------------------------------------------------


async def test_a_request_that_was_unreadable_is_read_once_it_can_be(
    kit: HubKit, store: FakeStore
) -> None:
    channels = cast("dict[tuple[str, str], Channel]", kit.hub.engines.channels)
    good = channels[SMS, "demo"]
    request = kit.webhook(SMS, PHONE, "leverans")

    class Older:
        """Yesterday's adapter, which could not read this."""

        name, account, capabilities = SMS, "demo", good.capabilities

        def receive(self, _: Request) -> Received:
            unreadable = Unreadable(reason=UnreadableReason.UNKNOWN_EVENT, detail="new in 2027")
            return Received(events=(unreadable,))

    channels[SMS, "demo"] = cast("Channel", Older())
    await kit.deliver(SMS, request)
    (letter,) = await store.dead_letters()
    assert letter.reason == "unknown_event: new in 2027"

    async def again() -> None:
        await replay(
            letter, store=store, ingress=kit.hub.ingress, channels=kit.hub.engines.channels
        )
        await kit.quiet()

    await again()  # still yesterday's
    assert [one.reason for one in await store.dead_letters()] == [letter.reason]
    channels[SMS, "demo"] = good
    await again()
    assert await store.dead_letters() == []
    assert kit.phone(SMS, PHONE) == [DELIVERY]
    with pytest.raises(NotFound):
        await again()


async def test_a_request_that_no_longer_proves_its_origin_stays_a_dead_letter(
    kit: HubKit, store: FakeStore
) -> None:
    await kit.deliver(
        "messenger", page({"sender": {"id": "1"}, "reaction": {}}, at=kit.clock.now())
    )
    (letter,) = await store.dead_letters()

    class Changed:
        """The account with another secret."""

        def receive(self, _: Request) -> Received:
            return Received(events=(Forged(reason=ForgeryReason.INVALID),))

    changed = {("messenger", "demo"): cast("Channel", Changed())}
    with pytest.raises(Denied):
        await replay(letter, store=store, ingress=kit.hub.ingress, channels=changed)
    assert await store.dead_letters() == [letter]


async def test_a_request_of_an_account_that_is_gone_stays_a_dead_letter(
    kit: HubKit, store: FakeStore
) -> None:
    await kit.deliver(
        "messenger", page({"sender": {"id": "1"}, "reaction": {}}, at=kit.clock.now())
    )
    (letter,) = await store.dead_letters()
    with pytest.raises(NotFound):
        await replay(letter, store=store, ingress=kit.hub.ingress, channels={})
    assert await store.dead_letters() == [letter]


# --- asking ----------------------------------------------------------------------------------


async def test_who_asks_hears_the_outcome_or_that_it_takes_too_long(kit: HubKit) -> None:
    await kit.write(SMS, PHONE, "leverans")
    thread = await kit.thread(SMS, PHONE)
    assert await kit.hub.desk.note(thread, ANNA, text="n") == Done()
    with pytest.raises(NotFound):
        await kit.hub.desk.note(ThreadId.of("nobody's"), ANNA, text="n")


async def test_a_command_that_times_out_may_still_take_effect() -> None:
    class Standing(FakeBus):
        @override
        async def publish(self, envelopes: Sequence[Envelope]) -> None:
            """Nothing moves."""

    async with hub_kit(bus=Standing()) as kit:
        await kit.deliver(SMS, kit.webhook(SMS, PHONE, "leverans"))
        asking = asyncio.create_task(
            kit.hub.desk.note(await kit.thread(SMS, PHONE), ANNA, text="sen")
        )
        await settle()
        await kit.clock.advance(timedelta(seconds=10))
        with pytest.raises(TimeoutError):
            await asking
        thread = await kit.thread(SMS, PHONE)
        await kit.hub.converse.handle(Envelope(event=EventId.of("x"), thread=thread), tries=1)
        assert "note" in await kit.kinds(SMS, PHONE)
