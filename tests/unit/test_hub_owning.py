"""Who may speak: offers, takeovers, hand-backs, cases, and the bot that keeps silent meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.model.channel import Echo, Sender, Started, Unsupported
from bot.model.event import AgentHandsBack, AgentReplies, Done, EventBody, Rejected
from bot.model.ids import AgentId, EventId, ThreadId
from bot.model.people import ByAgent, ByBot, ByCustomer, BySystem
from bot.model.record import Arrival
from bot.model.sending import FailureKind, Lost, Unreached
from bot.model.thread import (
    EchoOut,
    EpisodeChanged,
    MessageOut,
    Note,
    Offered,
    OwnedByAgent,
    OwnedByBot,
    OwnerChanged,
    Phase,
    SendStatus,
)
from tests.hubs import ANNA, BO, HubKit, hub_kit, kit_on, shipped_content
from tests.records import ON_ONE_MACHINE, record_of

SMS, PHONE = "twilio_sms", "+46701234567"
PAGE, PSID = "messenger", "7001"
SECOND = timedelta(seconds=1)


@pytest.fixture(params=ON_ONE_MACHINE)
async def kit(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[HubKit]:
    async with kit_on(record_of(request, tmp_path)) as made:
        yield made


async def offered(kit: HubKit) -> None:
    await kit.write(SMS, PHONE, "hej jag vill ha en människa")
    await kit.pass_time(1)


async def owned(kit: HubKit, by: ByAgent = ANNA) -> None:
    await offered(kit)
    assert await kit.hub.desk.accept(await kit.thread(SMS, PHONE), by) == Done()
    await kit.quiet()
    await kit.pass_time(1)


async def changes(kit: HubKit, channel: str = SMS, user: str = PHONE) -> list[tuple[str, int, str]]:
    """Every change of owner: to whom, the epoch, why."""
    return [
        (entry.body.owner.kind, entry.body.epoch, entry.body.reason)
        for entry in await kit.entries(channel, user)
        if isinstance(entry.body, OwnerChanged)
    ]


# --- offering --------------------------------------------------------------------------------


async def test_asking_for_a_human_offers_the_thread(kit: HubKit) -> None:
    await kit.write(SMS, PHONE, "människa")
    state = await kit.state(SMS, PHONE)
    assert state.owner == Offered(queue="support", since=kit.clock.now(), reason="asked_for_human")
    assert state.epoch == 1
    assert kit.phone(SMS, PHONE) == ["[handoff.offered]"]


async def test_the_bot_keeps_silent_while_offered_but_for_one_word_on_the_queue(
    kit: HubKit,
) -> None:
    await offered(kit)
    await kit.write(SMS, PHONE, "leverans")
    assert kit.phone(SMS, PHONE) == ["[handoff.offered]", "[handoff.position]"]
    await kit.pass_time(1)
    await kit.write(SMS, PHONE, "leverans?")
    await kit.write(SMS, PHONE, "hallå människa")
    assert kit.phone(SMS, PHONE) == ["[handoff.offered]", "[handoff.position]"]
    said = [e for e in await kit.entries(SMS, PHONE) if isinstance(e.body, MessageOut)]
    assert [entry.by for entry in said] == [BySystem(), BySystem()]
    assert (await kit.state(SMS, PHONE)).epoch == 1


async def test_the_word_on_the_queue_says_the_place_there() -> None:
    async with hub_kit(content=shipped_content()) as kit:
        await kit.write(SMS, "+46709999999", "människa")
        await kit.pass_time(1)
        await offered(kit)
        await kit.write(SMS, PHONE, "hallå?")
        assert kit.phone(SMS, PHONE)[-1] == (
            "Du har plats 2 i kön. En kollega svarar så snart det går."
        )


async def test_each_wait_has_its_own_word_on_the_queue(kit: HubKit) -> None:
    await owned(kit)
    thread = await kit.thread(SMS, PHONE)
    await kit.hub.desk.transfer(thread, ANNA, queue="returns", note="en retur")
    await kit.pass_time(1)
    await kit.write(SMS, PHONE, "hallå")
    assert kit.phone(SMS, PHONE)[-1] == "[handoff.position]"
    assert kit.phone(SMS, PHONE).count("[handoff.position]") == 1


async def test_an_offer_that_nobody_takes_goes_back_to_the_bot(kit: HubKit) -> None:
    await offered(kit)
    await kit.pass_time(timedelta(minutes=10) - 2 * SECOND)
    assert isinstance((await kit.state(SMS, PHONE)).owner, Offered)
    await kit.pass_time(1)
    state = await kit.state(SMS, PHONE)
    assert (state.owner, state.epoch) == (OwnedByBot(), 2)
    assert kit.phone(SMS, PHONE) == ["[handoff.offered]", "[handoff.expired]"]
    await kit.write(SMS, PHONE, "leverans")
    assert kit.phone(SMS, PHONE)[-1] == "[answer.delivery.time]"


async def test_an_offer_ends_only_under_its_own_epoch(kit: HubKit) -> None:
    await owned(kit)
    await kit.hub.desk.transfer(await kit.thread(SMS, PHONE), ANNA, queue="returns", note="n")
    await kit.pass_time(timedelta(minutes=10) - 2 * SECOND)  # the first offer's time is up
    state = await kit.state(SMS, PHONE)
    assert isinstance(state.owner, Offered)
    assert (state.owner.queue, state.epoch) == ("returns", 3)
    assert "[handoff.expired]" not in kit.phone(SMS, PHONE)
    await kit.pass_time(2)
    assert isinstance((await kit.state(SMS, PHONE)).owner, OwnedByBot)


async def test_a_late_timer_changes_nothing(kit: HubKit) -> None:
    await owned(kit)
    before = await kit.entries(SMS, PHONE)
    await kit.pass_time(timedelta(minutes=11))
    assert await kit.entries(SMS, PHONE) == before
    assert isinstance((await kit.state(SMS, PHONE)).owner, OwnedByAgent)


async def test_an_interrupted_form_goes_on_when_nobody_came(kit: HubKit) -> None:
    await kit.write(SMS, PHONE, "retur")
    await kit.write(SMS, PHONE, "människa")
    await kit.pass_time(timedelta(minutes=11))
    assert kit.phone(SMS, PHONE)[-1] == (
        "[handoff.expired]\n\n[resume.question]\n\n[form.return_item.order_number]"
    )
    await kit.write(SMS, PHONE, "FB-104233")
    assert kit.phone(SMS, PHONE)[-1] == "[form.return_item.size]"


async def test_two_misses_in_a_form_leave_no_miss_behind(kit: HubKit) -> None:
    for text in ("retur", "vet inte", "ingen aning"):
        await kit.write(SMS, PHONE, text)
    assert isinstance((await kit.state(SMS, PHONE)).owner, Offered)
    await kit.pass_time(timedelta(minutes=11))
    await kit.write(SMS, PHONE, "jaha")
    assert kit.phone(SMS, PHONE)[-1] == "[form.return_item.order_number.again]"
    assert isinstance((await kit.state(SMS, PHONE)).owner, OwnedByBot)


async def test_the_customer_may_stop_waiting(kit: HubKit) -> None:
    await kit.chat("v1", "människa")
    assert await kit.hub.chat.leave_queue(kit.address("webchat", "v1")) == Done()
    await kit.quiet()
    state = await kit.state("webchat", "v1")
    assert (state.owner, state.epoch) == (OwnedByBot(), 2)
    assert kit.page("v1") == ["[handoff.offered]", "[handoff.cancelled]"]
    (_, last) = [e for e in await kit.entries("webchat", "v1") if e.body.kind == "owner_changed"]
    assert last.by == ByCustomer(identity=kit.identity("webchat", "v1"))
    again = await kit.hub.chat.leave_queue(kit.address("webchat", "v1"))
    assert again == Rejected(reason="nobody is being waited for")
    await kit.chat("v1", "leverans")
    assert kit.page("v1")[-1] == "[answer.delivery.time]"


# --- ending ----------------------------------------------------------------------------------


@pytest.mark.parametrize("taken", [False, True])
async def test_the_customer_may_end_it(kit: HubKit, taken: bool) -> None:
    await kit.chat("v1", "människa")
    if taken:
        await kit.hub.desk.accept(await kit.thread("webchat", "v1"), ANNA)
        await kit.quiet()
    shown = kit.page("v1")
    address, customer = kit.address("webchat", "v1"), kit.identity("webchat", "v1")
    assert await kit.hub.chat.end(address, key="1") == Done()
    await kit.quiet()
    state = await kit.state("webchat", "v1")
    assert (state.owner, state.epoch) == (OwnedByBot(), 2 + taken)
    assert state.episode is not None
    assert state.episode.phase is Phase.RESOLVED
    case, owner = (await kit.entries("webchat", "v1"))[-2:]
    assert (case.by, owner.by) == (ByCustomer(identity=customer), ByCustomer(identity=customer))
    assert isinstance(case.body, EpisodeChanged)
    assert case.body.reason == "customer_ended"
    before = await kit.entries("webchat", "v1")
    for key in ("1", "2"):
        assert await kit.hub.chat.end(address, key=key) == Done()
    await kit.pass_time(timedelta(minutes=11))
    assert await kit.entries("webchat", "v1") == before
    assert kit.page("v1") == shown


async def test_what_has_ended_asks_no_question_any_more(kit: HubKit) -> None:
    await kit.chat("v1", "retur")
    assert await kit.hub.chat.end(kit.address("webchat", "v1"), key="1") == Done()
    assert (await kit.state("webchat", "v1")).dialogue.form is None
    await kit.chat("v1", "leverans")
    assert kit.page("v1")[-1] == "[answer.delivery.time]"
    assert (await kit.state("webchat", "v1")).epoch == 0


# --- accepting -------------------------------------------------------------------------------


async def test_an_agent_accepts_and_is_introduced_and_the_bot_is_silent(kit: HubKit) -> None:
    await owned(kit)
    state = await kit.state(SMS, PHONE)
    assert isinstance(state.owner, OwnedByAgent)
    assert (state.owner.agent, state.owner.name, state.epoch) == (ANNA.agent, "Anna", 2)
    await kit.write(SMS, PHONE, "leverans")
    await kit.write(SMS, PHONE, "människa")
    assert kit.phone(SMS, PHONE) == ["[handoff.offered]", "[handoff.accepted]"]


async def test_a_second_agent_hears_who_was_first(kit: HubKit) -> None:
    await owned(kit)
    before = await kit.entries(SMS, PHONE)
    outcome = await kit.hub.desk.accept(await kit.thread(SMS, PHONE), BO)
    assert outcome == Rejected(reason="another agent owns this thread", winner="Anna")
    assert await kit.entries(SMS, PHONE) == before
    assert (await kit.state(SMS, PHONE)).epoch == 2


async def test_accepting_twice_changes_nothing(kit: HubKit) -> None:
    await owned(kit)
    before = await kit.entries(SMS, PHONE)
    assert await kit.hub.desk.accept(await kit.thread(SMS, PHONE), ANNA) == Done()
    assert await kit.entries(SMS, PHONE) == before


async def test_a_thread_that_is_not_offered_is_taken_over_only_on_purpose(kit: HubKit) -> None:
    await kit.write(SMS, PHONE, "leverans")
    thread = await kit.thread(SMS, PHONE)
    refused = await kit.hub.desk.accept(thread, ANNA)
    assert refused == Rejected(reason="this thread is not offered; take it over instead")
    assert await changes(kit) == []
    assert await kit.hub.desk.accept(thread, ANNA, takeover=True) == Done()
    assert await changes(kit) == [("agent", 1, "agent_takeover")]


# --- replying --------------------------------------------------------------------------------


async def test_a_reply_leaves_in_the_agents_name(kit: HubKit) -> None:
    await owned(kit)
    thread = await kit.thread(SMS, PHONE)
    assert await kit.hub.desk.reply(thread, ANNA, text="Hej, Anna här", client_id="1") == Done()
    await kit.quiet()
    assert kit.phone(SMS, PHONE)[-1] == "Hej, Anna här"
    last = (await kit.entries(SMS, PHONE))[-1]
    assert last.by == ANNA
    assert (await changes(kit))[-1] == ("agent", 2, "agent_accept")


async def test_a_reply_again_with_the_same_id_leaves_once(kit: HubKit) -> None:
    await owned(kit)
    thread = await kit.thread(SMS, PHONE)
    for _ in range(3):
        assert await kit.hub.desk.reply(thread, ANNA, text="En gång", client_id="1") == Done()
    await kit.quiet()
    assert kit.phone(SMS, PHONE).count("En gång") == 1


async def test_a_reply_by_somebody_else_is_refused(kit: HubKit) -> None:
    await owned(kit)
    before = await kit.entries(SMS, PHONE)
    outcome = await kit.hub.desk.reply(
        await kit.thread(SMS, PHONE), BO, text="Bo här", client_id="1"
    )
    await kit.quiet()
    assert outcome == Rejected(reason="another agent owns this thread", winner="Anna")
    assert await kit.entries(SMS, PHONE) == before
    assert "Bo här" not in kit.phone(SMS, PHONE)


@pytest.mark.parametrize(
    ("text", "reason"), [("leverans", "agent_takeover"), ("människa", "agent_accept")]
)
async def test_a_reply_takes_the_thread(kit: HubKit, text: str, reason: str) -> None:
    await kit.write(SMS, PHONE, text)
    thread = await kit.thread(SMS, PHONE)
    assert await kit.hub.desk.reply(thread, ANNA, text="Hej", client_id="1") == Done()
    await kit.quiet()
    assert (await changes(kit))[-1][0::2] == ("agent", reason)
    assert kit.phone(SMS, PHONE)[-1] == "Hej"
    await kit.write(SMS, PHONE, "leverans")
    assert kit.phone(SMS, PHONE)[-1] == "Hej"


async def test_a_reply_goes_where_the_customer_wrote_last_or_where_it_is_told(
    kit: HubKit,
) -> None:
    await kit.chat("v1", "retur")
    await kit.go_on(("webchat", "v1"), (SMS, PHONE))
    thread = await kit.thread(SMS, PHONE)
    await kit.hub.desk.reply(thread, ANNA, text="till telefonen", client_id="1")
    web = kit.identity("webchat", "v1")
    await kit.hub.desk.reply(thread, ANNA, text="till sidan", client_id="2", identity=web)
    await kit.quiet()
    assert kit.phone(SMS, PHONE)[-1] == "till telefonen"
    assert kit.page("v1")[-1] == "till sidan"


async def test_a_reply_to_a_stranger_is_refused(kit: HubKit) -> None:
    await owned(kit)
    await kit.write(SMS, "+46709999999", "hej")
    outcome = await kit.hub.desk.reply(
        await kit.thread(SMS, PHONE),
        ANNA,
        text="fel",
        client_id="1",
        identity=kit.identity(SMS, "+46709999999"),
    )
    await kit.quiet()
    assert outcome == Rejected(reason="this identity is not part of the thread")
    assert kit.phone(SMS, "+46709999999") == ["[answer.greet]"]


async def test_a_reply_into_a_closed_window_is_shown_as_failed(kit: HubKit) -> None:
    await kit.write("twilio_whatsapp", PHONE, "människa")
    await kit.pass_time(timedelta(hours=24, seconds=1))
    calls = len(kit.wire.calls)
    thread = await kit.thread("twilio_whatsapp", PHONE)
    assert await kit.hub.desk.reply(thread, ANNA, text="Sent svar", client_id="1") == Done()
    await kit.quiet()
    last = (await kit.sends("twilio_whatsapp", PHONE))[-1]
    assert (last.status, last.failure) == (SendStatus.FAILED, FailureKind.WINDOW_CLOSED)
    assert "template is needed" in last.detail
    assert len(kit.wire.calls) == calls


async def test_a_note_is_never_sent(kit: HubKit) -> None:
    await kit.write(SMS, PHONE, "leverans")
    shown = kit.phone(SMS, PHONE)
    assert await kit.hub.desk.note(await kit.thread(SMS, PHONE), BO, text="viktig kund") == Done()
    await kit.quiet()
    last = (await kit.entries(SMS, PHONE))[-1]
    assert (last.by, last.body) == (BO, Note(text="viktig kund"))
    assert kit.phone(SMS, PHONE) == shown
    assert await changes(kit) == []


async def test_a_note_is_kept_once_and_its_id_is_no_replys(kit: HubKit) -> None:
    await owned(kit)
    thread = await kit.thread(SMS, PHONE)
    for _ in range(2):
        assert await kit.hub.desk.note(thread, ANNA, text="VIP", client_id="1") == Done()
    assert await kit.hub.desk.reply(thread, ANNA, text="Hej", client_id="1") == Done()
    assert await kit.hub.desk.note(thread, ANNA, text="VIP") == Done()
    await kit.quiet()
    entries = await kit.entries(SMS, PHONE)
    assert [e.body.text for e in entries if isinstance(e.body, Note)] == ["VIP", "VIP"]
    assert kit.phone(SMS, PHONE)[-1] == "Hej"


# --- stale drafts ----------------------------------------------------------------------------


async def answered_by_bo(kit: HubKit) -> tuple[ThreadId, int]:
    """Bo has answered and handed back; the thread, and the last number from before that."""
    await owned(kit, BO)
    thread, seen = await kit.thread(SMS, PHONE), (await kit.entries(SMS, PHONE))[-1].seq
    assert await kit.hub.desk.reply(thread, BO, text="Hej, Bo här", client_id="1") == Done()
    assert await kit.hub.desk.hand_back(thread, BO) == Done()
    await kit.quiet()
    return thread, seen


async def test_a_draft_is_refused_when_a_colleague_has_replied_since(kit: HubKit) -> None:
    thread, seen = await answered_by_bo(kit)
    before, shown = await kit.entries(SMS, PHONE), kit.phone(SMS, PHONE)
    outcome = await kit.hub.desk.reply(thread, ANNA, text="Anna", client_id="2", seen=seen)
    await kit.quiet()
    assert outcome == Rejected(reason="a colleague has replied since", winner="Bo")
    assert await kit.entries(SMS, PHONE) == before
    assert kit.phone(SMS, PHONE) == shown
    assert isinstance((await kit.state(SMS, PHONE)).owner, OwnedByBot)


async def test_who_has_seen_the_colleagues_words_may_reply(kit: HubKit) -> None:
    thread, seen = await answered_by_bo(kit)
    (bos,) = [entry for entry in await kit.entries(SMS, PHONE) if entry.by == BO][1:2]
    assert bos.seq > seen
    outcome = await kit.hub.desk.reply(thread, ANNA, text="Anna", client_id="2", seen=bos.seq)
    await kit.quiet()
    assert outcome == Done()
    assert kit.phone(SMS, PHONE)[-1] == "Anna"


async def test_ones_own_words_and_the_bots_make_no_draft_stale(kit: HubKit) -> None:
    thread, seen = await answered_by_bo(kit)
    await kit.write(SMS, PHONE, "leverans")
    outcome = await kit.hub.desk.reply(thread, BO, text="Bo igen", client_id="2", seen=seen)
    await kit.quiet()
    assert outcome == Done()
    assert kit.phone(SMS, PHONE)[-1] == "Bo igen"


async def test_a_reply_that_does_not_say_what_was_seen_leaves(kit: HubKit) -> None:
    thread, _ = await answered_by_bo(kit)
    assert await kit.hub.desk.reply(thread, ANNA, text="Anna", client_id="2") == Done()


async def test_of_two_drafts_under_way_the_second_is_refused(kit: HubKit) -> None:
    await kit.write(PAGE, PSID, "leverans")
    seen = (await kit.entries(PAGE, PSID))[-1].seq
    bodies: list[EventBody] = [
        AgentReplies(by=ANNA, text="Anna", seen=seen),
        AgentHandsBack(by=ANNA),
        AgentReplies(by=BO, text="Bo", seen=seen),
    ]
    where, now = kit.identity(PAGE, PSID), kit.clock.now()
    await kit.hub.ingress.submit(
        [
            Arrival(id=EventId.of(str(place)), identity=where, at=now, body=body)
            for place, body in enumerate(bodies)
        ]
    )
    await kit.quiet()
    refused = Rejected(reason="a colleague has replied since", winner="Anna")
    assert await kit.store.outcome(EventId.of("2")) == refused
    assert "Anna" in kit.phone(PAGE, PSID)
    assert "Bo" not in kit.phone(PAGE, PSID)


async def test_who_is_too_far_behind_has_to_read_first(kit: HubKit) -> None:
    await kit.write(SMS, PHONE, "leverans")
    thread = await kit.thread(SMS, PHONE)
    first = (await kit.entries(SMS, PHONE))[0].seq
    for number in range(200):
        await kit.hub.desk.note(thread, BO, text=str(number))
    outcome = await kit.hub.desk.reply(thread, ANNA, text="Anna", client_id="1", seen=first)
    await kit.quiet()
    assert outcome == Rejected(reason="too much has happened since; read it first")
    assert "Anna" not in kit.phone(SMS, PHONE)


# --- giving back -----------------------------------------------------------------------------


async def test_after_a_hand_back_the_bot_answers_the_next_message(kit: HubKit) -> None:
    await owned(kit)
    thread = await kit.thread(SMS, PHONE)
    assert await kit.hub.desk.hand_back(thread, ANNA, note="klart") == Done()
    await kit.quiet()
    assert kit.phone(SMS, PHONE)[-1] == "[handoff.returned]"
    await kit.write(SMS, PHONE, "leverans")
    assert kit.phone(SMS, PHONE)[-1] == "[answer.delivery.time]"
    assert await changes(kit) == [
        ("offered", 1, "asked_for_human"),
        ("agent", 2, "agent_accept"),
        ("bot", 3, "hand_back"),
    ]


async def test_what_a_human_dealt_with_is_not_asked_again(kit: HubKit) -> None:
    await kit.write(SMS, PHONE, "retur")
    await owned(kit)
    assert (await kit.state(SMS, PHONE)).dialogue.form is not None
    await kit.hub.desk.hand_back(await kit.thread(SMS, PHONE), ANNA)
    await kit.quiet()
    assert (await kit.state(SMS, PHONE)).dialogue.form is None
    await kit.write(SMS, PHONE, "leverans")
    assert kit.phone(SMS, PHONE)[-1] == "[answer.delivery.time]"


async def test_only_the_owner_hands_back_or_transfers(kit: HubKit) -> None:
    await owned(kit)
    thread = await kit.thread(SMS, PHONE)
    before = await kit.entries(SMS, PHONE)
    refused = Rejected(reason="you do not own this thread", winner="Anna")
    assert await kit.hub.desk.hand_back(thread, BO) == refused
    assert await kit.hub.desk.transfer(thread, BO, queue="returns", note="n") == refused
    assert await kit.hub.desk.resolve(thread, BO, reason="done") == refused
    assert await kit.entries(SMS, PHONE) == before


async def test_nobody_hands_back_what_nobody_owns(kit: HubKit) -> None:
    await kit.write(SMS, PHONE, "leverans")
    outcome = await kit.hub.desk.hand_back(await kit.thread(SMS, PHONE), ANNA)
    assert outcome == Rejected(reason="you do not own this thread")


async def test_a_transfer_offers_again_with_its_note(kit: HubKit) -> None:
    await owned(kit)
    thread = await kit.thread(SMS, PHONE)
    await kit.hub.desk.transfer(thread, ANNA, queue="returns", note="vill lämna tillbaka")
    state = await kit.state(SMS, PHONE)
    assert isinstance(state.owner, Offered)
    assert (state.owner.queue, state.epoch) == ("returns", 3)
    notes = [e for e in await kit.entries(SMS, PHONE) if isinstance(e.body, Note)]
    assert [(note.by, note.body.kind) for note in notes] == [(ANNA, "note")]
    assert await kit.hub.desk.accept(thread, BO) == Done()
    assert (await changes(kit))[-1] == ("agent", 4, "agent_accept")


# --- cases -----------------------------------------------------------------------------------


async def cases(kit: HubKit) -> list[tuple[Phase, str]]:
    return [
        (entry.body.phase, entry.body.reason)
        for entry in await kit.entries(SMS, PHONE)
        if isinstance(entry.body, EpisodeChanged)
    ]


async def test_a_message_within_the_window_reopens_the_case(kit: HubKit) -> None:
    await owned(kit)
    first = (await kit.state(SMS, PHONE)).episode
    thread = await kit.thread(SMS, PHONE)
    assert await kit.hub.desk.resolve(thread, ANNA, reason="answered") == Done()
    state = await kit.state(SMS, PHONE)
    assert (state.owner, state.epoch) == (OwnedByBot(), 3)
    await kit.pass_time(timedelta(hours=72))
    await kit.write(SMS, PHONE, "leverans")
    again = (await kit.state(SMS, PHONE)).episode
    assert first is not None
    assert again is not None
    assert (again.id, again.opened_at) == (first.id, first.opened_at)
    assert await cases(kit) == [
        (Phase.OPEN, "opened"),
        (Phase.RESOLVED, "answered"),
        (Phase.OPEN, "reopened"),
    ]
    assert kit.phone(SMS, PHONE)[-1] == "[answer.delivery.time]"


async def test_a_message_after_the_window_opens_a_new_case(kit: HubKit) -> None:
    await owned(kit)
    first = (await kit.state(SMS, PHONE)).episode
    await kit.hub.desk.resolve(await kit.thread(SMS, PHONE), ANNA, reason="answered")
    await kit.pass_time(timedelta(hours=72, seconds=1))
    await kit.write(SMS, PHONE, "leverans")
    again = (await kit.state(SMS, PHONE)).episode
    assert first is not None
    assert again is not None
    assert again.id != first.id
    assert (await cases(kit))[-1] == (Phase.OPEN, "opened")


async def test_what_is_resolved_cannot_be_resolved_again(kit: HubKit) -> None:
    await owned(kit)
    thread = await kit.thread(SMS, PHONE)
    await kit.hub.desk.resolve(thread, ANNA, reason="answered")
    before = await kit.entries(SMS, PHONE)
    again = await kit.hub.desk.resolve(thread, ANNA, reason="answered")
    assert again == Rejected(reason="there is no open case")
    assert await kit.entries(SMS, PHONE) == before


async def test_resolving_ends_an_offer(kit: HubKit) -> None:
    await offered(kit)
    await kit.hub.desk.resolve(await kit.thread(SMS, PHONE), BO, reason="spam")
    state = await kit.state(SMS, PHONE)
    assert (state.owner, state.epoch) == (OwnedByBot(), 2)
    await kit.pass_time(timedelta(minutes=11))
    assert "[handoff.expired]" not in kit.phone(SMS, PHONE)


async def test_an_agent_who_writes_after_the_end_can_end_it_again(kit: HubKit) -> None:
    await owned(kit)
    thread = await kit.thread(SMS, PHONE)
    await kit.hub.desk.resolve(thread, ANNA, reason="answered")
    await kit.hub.desk.reply(thread, ANNA, text="Jo, en sak till", client_id="2")
    assert await kit.hub.desk.resolve(thread, ANNA, reason="answered") == Done()
    assert isinstance((await kit.state(SMS, PHONE)).owner, OwnedByBot)


# --- answered from the provider's own app ----------------------------------------------------


async def echo(kit: HubKit, text: str, *, mid: str = "m_app1") -> None:
    """Somebody wrote to the customer from the page's own inbox."""
    body = Echo(recipient=PSID, external_id=mid, text=text, at=kit.clock.now())
    identity = kit.identity(PAGE, PSID)
    arrival = Arrival(id=EventId.of(PAGE, mid), identity=identity, at=kit.clock.now(), body=body)
    await kit.hub.ingress.submit([arrival])
    await kit.quiet()


async def test_an_answer_from_the_app_counts_as_a_human(kit: HubKit) -> None:
    await kit.write(PAGE, PSID, "leverans")
    await echo(kit, "Vi ringer dig")
    state = await kit.state(PAGE, PSID)
    assert isinstance(state.owner, OwnedByAgent)
    assert state.owner.agent == AgentId.of("native", PAGE, "demo")
    assert await changes(kit, PAGE, PSID) == [("agent", 1, "answered_in_native_app")]
    await kit.write(PAGE, PSID, "leverans")
    assert kit.phone(PAGE, PSID) == ["[answer.delivery.time]"]


async def test_echoes_of_our_own_messages_are_no_human(kit: HubKit) -> None:
    await kit.write(PAGE, PSID, "leverans")
    await kit.write(PAGE, PSID, "öppettider")
    assert kit.phone(PAGE, PSID) == ["[answer.delivery.time]", "[answer.store.hours]"]
    assert "echo_out" not in await kit.kinds(PAGE, PSID)
    assert isinstance((await kit.state(PAGE, PSID)).owner, OwnedByBot)


async def test_the_echo_of_a_message_whose_answer_was_lost_is_no_human(kit: HubKit) -> None:
    kit.wire.failing = [Lost(reason="timed out")]
    await kit.write(PAGE, PSID, "leverans")
    (send,) = await kit.sends(PAGE, PSID)
    assert send.status is SendStatus.UNKNOWN
    await echo(kit, " [answer.delivery.time] ", mid="m_lost")
    assert isinstance((await kit.state(PAGE, PSID)).owner, OwnedByBot)
    await echo(kit, "Något helt annat", mid="m_human")
    assert isinstance((await kit.state(PAGE, PSID)).owner, OwnedByAgent)
    echoes = [e.body for e in await kit.entries(PAGE, PSID) if isinstance(e.body, EchoOut)]
    assert [one.text for one in echoes] == ["Något helt annat"]


async def test_a_humans_short_words_are_no_part_of_a_message_under_way(kit: HubKit) -> None:
    kit.wire.failing = [Lost(reason="timed out")]
    await kit.write(PAGE, PSID, "leverans")
    await echo(kit, "time")
    assert isinstance((await kit.state(PAGE, PSID)).owner, OwnedByAgent)
    assert (await kit.kinds(PAGE, PSID)).count("echo_out") == 1


@pytest.mark.parametrize(("length", "echoes"), [(40, 0), (39, 1)])
async def test_a_long_piece_of_a_message_under_way_is_a_part_of_it(
    kit: HubKit, length: int, echoes: int
) -> None:
    await kit.write(PAGE, PSID, "leverans")
    kit.wire.failing = [Lost(reason="timed out")]
    text = "".join(chr(ord("a") + number % 26) for number in range(120))
    await kit.hub.desk.reply(await kit.thread(PAGE, PSID), ANNA, text=text, client_id="1")
    await kit.quiet()
    assert (await kit.sends(PAGE, PSID))[-1].status is SendStatus.UNKNOWN
    await echo(kit, text[30 : 30 + length])
    assert (await kit.kinds(PAGE, PSID)).count("echo_out") == echoes


async def test_words_of_a_message_that_never_left_are_a_humans(kit: HubKit) -> None:
    kit.wire.failing = [Unreached(reason="no route")]
    await kit.write(PAGE, PSID, "leverans")
    await kit.pass_time(60)
    assert [send.status for send in await kit.sends(PAGE, PSID)] == [SendStatus.SENT]
    await echo(kit, "[answer.delivery.time]", mid="m_human")
    assert isinstance((await kit.state(PAGE, PSID)).owner, OwnedByAgent)


async def test_the_bot_answers_again_when_the_app_has_gone_quiet(kit: HubKit) -> None:
    await kit.write(PAGE, PSID, "retur")
    await echo(kit, "Vi ringer dig")
    shown = kit.phone(PAGE, PSID)
    await kit.pass_time(timedelta(hours=1))
    await kit.write(PAGE, PSID, "leverans")
    assert kit.phone(PAGE, PSID) == shown
    await kit.pass_time(1)
    await kit.write(PAGE, PSID, "leverans")
    # A human has dealt with it: the form is not asked any more.
    assert kit.phone(PAGE, PSID) == [*shown, "[answer.delivery.time]"]
    assert await changes(kit, PAGE, PSID) == [
        ("agent", 1, "answered_in_native_app"),
        ("bot", 2, "native_app_quiet"),
    ]


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (Started(sender=Sender(user=PSID), dedupe_key="s"), "[answer.greet]"),
        (
            Unsupported(sender=Sender(user=PSID), dedupe_key="u", what="poll"),
            "[unsupported.received]",
        ),
    ],
    ids=["started", "unsupported"],
)
async def test_who_comes_without_words_wakes_the_bot_too(
    kit: HubKit, body: Started | Unsupported, answer: str
) -> None:
    await kit.write(PAGE, PSID, "leverans")
    await echo(kit, "Vi ringer dig")
    await kit.pass_time(timedelta(hours=1, seconds=1))
    identity = kit.identity(PAGE, PSID)
    arrival = Arrival(id=EventId.new(), identity=identity, at=kit.clock.now(), body=body)
    await kit.hub.ingress.submit([arrival])
    await kit.quiet()
    assert isinstance((await kit.state(PAGE, PSID)).owner, OwnedByBot)
    assert kit.phone(PAGE, PSID) == ["[answer.delivery.time]", answer]


async def test_each_answer_from_the_app_keeps_the_bot_silent_for_longer(kit: HubKit) -> None:
    await kit.write(PAGE, PSID, "leverans")
    shown = kit.phone(PAGE, PSID)
    await echo(kit, "Vi ringer dig", mid="m_app1")
    await kit.pass_time(timedelta(minutes=40))
    await echo(kit, "Nu ringer vi", mid="m_app2")
    await kit.pass_time(timedelta(minutes=40))
    await kit.write(PAGE, PSID, "leverans")
    assert kit.phone(PAGE, PSID) == shown
    state = await kit.state(PAGE, PSID)
    assert isinstance(state.owner, OwnedByAgent)
    assert kit.clock.now() - state.owner.since == timedelta(minutes=40)
    assert await changes(kit, PAGE, PSID) == [
        ("agent", 1, "answered_in_native_app"),
        ("agent", 2, "answered_in_native_app"),
    ]


async def test_an_agent_at_the_desk_may_take_any_time(kit: HubKit) -> None:
    await owned(kit)
    shown = kit.phone(SMS, PHONE)
    await kit.pass_time(timedelta(days=1))
    await kit.write(SMS, PHONE, "leverans")
    assert kit.phone(SMS, PHONE) == shown
    assert isinstance((await kit.state(SMS, PHONE)).owner, OwnedByAgent)


async def test_an_agent_takes_over_from_the_app(kit: HubKit) -> None:
    await kit.write(PAGE, PSID, "leverans")
    await echo(kit, "Vi ringer dig")
    thread = await kit.thread(PAGE, PSID)
    assert await kit.hub.desk.reply(thread, ANNA, text="Hej, Anna här", client_id="1") == Done()
    await kit.quiet()
    assert (await changes(kit, PAGE, PSID))[-1] == ("agent", 2, "agent_takeover")
    assert kit.phone(PAGE, PSID)[-1] == "Hej, Anna här"
    taken = await kit.hub.desk.accept(thread, BO)
    assert taken == Rejected(reason="another agent owns this thread", winner="Anna")


async def test_what_the_app_answered_is_handed_back_also_from_another_channel(
    kit: HubKit,
) -> None:
    await kit.write(PAGE, PSID, "leverans")
    await echo(kit, "Vi ringer dig")
    await kit.go_on((PAGE, PSID), (SMS, PHONE))
    assert isinstance((await kit.state(SMS, PHONE)).owner, OwnedByAgent)
    assert await kit.hub.desk.hand_back(await kit.thread(SMS, PHONE), ANNA) == Done()
    await kit.quiet()
    await kit.write(SMS, PHONE, "leverans")
    assert kit.phone(SMS, PHONE)[-1] == "[answer.delivery.time]"


async def test_what_agents_own_an_echo_does_not_take(kit: HubKit) -> None:
    await kit.write(PAGE, PSID, "människa")
    await kit.hub.desk.accept(await kit.thread(PAGE, PSID), ANNA)
    await echo(kit, "Vi ringer dig")
    state = await kit.state(PAGE, PSID)
    assert isinstance(state.owner, OwnedByAgent)
    assert state.owner.agent == ANNA.agent
    assert "echo_out" in await kit.kinds(PAGE, PSID)


# --- who says why ----------------------------------------------------------------------------


async def test_every_bot_message_says_by_which_rule(kit: HubKit) -> None:
    await kit.write(SMS, PHONE, "leverans")
    await kit.write(SMS, PHONE, "blargh")
    await kit.write(SMS, PHONE, "människa")
    said = [e for e in await kit.entries(SMS, PHONE) if isinstance(e.body, MessageOut)]
    found = [
        (e.by, e.body.decision.rule)
        for e in said
        if isinstance(e.body, MessageOut) and e.body.decision
    ]
    assert found == [
        (ByBot(), "confident"),
        (ByBot(), "unsure"),
        (BySystem(), "human_wanted"),
    ]


async def test_an_offer_always_has_a_timer(kit: HubKit) -> None:
    await offered(kit)
    store = kit.store
    due = await store.due_timers(now=kit.clock.now() + timedelta(days=1), limit=10)
    assert [event.body.kind for event in due] == ["offer_expired"]
