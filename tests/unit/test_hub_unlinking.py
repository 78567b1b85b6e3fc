"""Links that end: two customers again, each as it was, and nothing of the other's with either."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from typing_extensions import override

from bot.hub.feed import Announcement, ThreadMoved
from bot.model.channel import LOGIN, Address
from bot.model.event import AgentLinks, Done, LoginSeen, Outcome, Rejected, SignedIn, Unlinks
from bot.model.ids import EventId, IdentityId, LinkId
from bot.model.people import ByCustomer, Proof
from bot.model.record import Arrival, Envelope, IdentitySeed, LinkMade, ThreadChange
from bot.model.sending import Unreached
from bot.model.thread import (
    Entry,
    Linked,
    LinkRefused,
    LinkRevealed,
    MessageIn,
    Offered,
    OwnedByAgent,
    OwnedByBot,
    Phase,
    SendStatus,
    Unlinked,
)
from tests.builders import understood
from tests.fakes.clock import settle
from tests.fakes.nlu import FakeNlu
from tests.fakes.store import FakeStore
from tests.hubs import ANNA, TABLE, HubKit, assert_rebuilds, hub_kit, kit_on
from tests.records import ON_ONE_MACHINE, record_of

WEB, SMS, TELEGRAM = ("webchat", "v1"), ("twilio_sms", "+46701234567"), ("telegram", "77")
Who = tuple[str, str]


# Each says something of the journey.
NLU = FakeNlu(
    {
        **TABLE,
        "leverans": understood("delivery.time", stage="research"),
        "öppettider": understood("store.hours", stage="loyalty"),
        "hej": understood("greet", stage="awareness"),
        "retur": understood("return.start", stage="support"),
    }
)


@pytest.fixture(params=ON_ONE_MACHINE)
async def kit(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[HubKit]:
    async with kit_on(record_of(request, tmp_path), nlu=NLU) as made:
        yield made


async def joined(kit: HubKit, source: Who = WEB, target: Who = SMS) -> LinkMade:
    """The target sends the code that the source was shown; the link that this made."""
    await kit.go_on(source, target)
    return (await links(kit, target))[-1]


async def links(kit: HubKit, who: Who) -> list[LinkMade]:
    return await kit.store.links([one.id for one in (await kit.turn(*who)).identities])


async def submit(
    kit: HubKit, identity: IdentityId, body: AgentLinks | SignedIn | Unlinks
) -> Outcome:
    """One command, and what came of it."""
    arrival = Arrival(id=EventId.new(), identity=identity, at=kit.clock.now(), body=body)
    outcome = await kit.hub.ingress.ask(arrival, patience=timedelta(seconds=10))
    await kit.quiet()
    return outcome


async def ended(kit: HubKit, made: LinkMade, *, where: Who = SMS) -> Outcome:
    """An agent ends a link."""
    body = Unlinks(by=ANNA, links=(made.link.id,), reason="they are two people")
    return await submit(kit, kit.identity(*where), body)


async def said(kit: HubKit, who: Who) -> list[str]:
    """What the customer wrote in this thread."""
    entries = await kit.entries(*who)
    return [entry.body.text for entry in entries if isinstance(entry.body, MessageIn)]


async def page(kit: HubKit, visitor: str = "v1", *, signed: bool = False) -> list[str]:
    views = await kit.hub.chat.history(kit.address("webchat", visitor), signed=signed)
    return [getattr(view.entry.body, "text", "") for view in views]


async def login(kit: HubKit, sub: str, *, realm: str = "shop") -> IdentityId:
    """The identity of a log-in, met for the first time or again."""
    address = Address(channel=LOGIN, account=realm, user=sub)
    seen = Arrival(
        id=EventId.of("login", realm, sub),
        identity=address.identity,
        seed=IdentitySeed(address=address),
        at=kit.clock.now(),
        body=LoginSeen(),
    )
    await kit.hub.ingress.submit([seen])
    await kit.quiet()
    return address.identity


async def signed_in(kit: HubKit, visitor: str, sub: str, *, realm: str = "shop") -> Outcome:
    at = await login(kit, sub, realm=realm)
    return await submit(
        kit, kit.identity("webchat", visitor), SignedIn(login=at, token=f"{visitor}{sub}")
    )


# --- the customer's word ---------------------------------------------------------------------


async def test_stop_link_makes_two_of_one(kit: HubKit) -> None:
    await kit.chat("v1", "leverans")
    await kit.write(*SMS, "öppettider")
    homes = [await kit.thread(*who) for who in (WEB, SMS)]
    made = await joined(kit)
    assert await kit.thread(*SMS) == homes[0]
    await kit.write(*SMS, "Stopp  koppling.")
    assert [await kit.thread(*who) for who in (WEB, SMS)] == homes
    assert kit.phone(*SMS)[-1] == "[link.ended]"
    assert kit.page("v1")[-1] == "[link.ended]"
    assert await said(kit, WEB) == ["leverans"]
    first, _code, _number, last = await said(kit, SMS)
    assert (first, last) == ("öppettider", "Stopp  koppling.")
    for who in (WEB, SMS):
        told = [one for one in await kit.entries(*who) if isinstance(one.body, Unlinked)]
        (entry,) = told
        assert entry.by == ByCustomer(identity=kit.identity(*SMS))
        assert isinstance(entry.body, Unlinked)
        assert (entry.body.link, entry.body.reason) == (made.link.id, "customer")
        assert [one.id for one in (await kit.turn(*who)).identities] == [kit.identity(*who)]
    again = await kit.store.links([kit.identity(*WEB), kit.identity(*SMS)])
    assert [one.holds for one in again] == [False]


async def test_stop_link_where_nothing_is_linked_is_an_ordinary_message(kit: HubKit) -> None:
    await kit.write(*SMS, "stopp koppling")
    assert kit.phone(*SMS) == ["[unsure.rephrase]"]


async def test_what_is_written_after_it_stays_where_it_is_written(kit: HubKit) -> None:
    await kit.chat("v1", "leverans")
    await joined(kit)
    await kit.write(*SMS, "öppettider")
    assert "öppettider" in await page(kit)
    await kit.write(*SMS, "stopp koppling")
    await kit.write(*SMS, "min hemlighet")
    await kit.chat("v1", "retur")
    seen = await page(kit)
    assert "min hemlighet" not in seen
    assert "öppettider" not in seen  # also what was shown while they were linked is gone (R19)
    assert seen[0] == "leverans"
    assert seen[-1] == "[form.return_item.order_number]"
    assert kit.phone(*SMS)[-1] == "[unsure.rephrase]"


async def test_yes_shows_what_is_older_and_no_question_comes_without_it(kit: HubKit) -> None:
    await kit.write(*SMS, "öppettider")
    await kit.chat("v1", "leverans")
    await joined(kit)
    yes = kit.yes(*SMS)
    assert kit.phone(*SMS)[-1] == f"[link.done]\n\n[link.question {yes[-5:]}]"
    assert "öppettider" not in await page(kit)
    await kit.write(*SMS, f"{yes.capitalize()}!")
    assert kit.phone(*SMS)[-1] == "[link.revealed]"
    assert "öppettider" in await page(kit)
    (entry,) = [one for one in await kit.entries(*SMS) if isinstance(one.body, LinkRevealed)]
    assert entry.by == ByCustomer(identity=kit.identity(*SMS))
    # Said once, it is an ordinary word again.
    await kit.write(*SMS, "nej")
    assert kit.phone(*SMS)[-1] == "[answer.deny]"
    assert await kit.thread(*SMS) == await kit.thread(*WEB)
    await kit.write(*TELEGRAM, ref=await kit.link(WEB, TELEGRAM))
    assert kit.phone(*TELEGRAM) == ["[link.done]"]


async def test_no_undoes_the_link(kit: HubKit) -> None:
    await kit.write(*SMS, "öppettider")
    await kit.chat("v1", "leverans")
    home = await kit.thread(*SMS)
    await joined(kit)
    await kit.write(*SMS, "nej")
    assert await kit.thread(*SMS) == home
    assert "öppettider" not in await page(kit)
    assert kit.phone(*SMS)[-1] == "[link.ended]"


async def test_the_one_who_showed_the_code_cannot_say_yes(kit: HubKit) -> None:
    await kit.write(*SMS, "öppettider")
    await kit.chat("v1", "leverans")
    await joined(kit)
    await kit.chat("v1", "ja")
    assert "öppettider" not in await page(kit)
    assert "link_revealed" not in await kit.kinds(*WEB)


async def test_an_answer_that_comes_late_is_none(kit: HubKit) -> None:
    await kit.write(*SMS, "öppettider")
    await kit.chat("v1", "leverans")
    await joined(kit)
    await kit.pass_time(timedelta(minutes=10, seconds=1))
    await kit.write(*SMS, kit.yes(*SMS))
    assert "öppettider" not in await page(kit)
    await kit.write(*SMS, "nej")
    assert await kit.thread(*SMS) == await kit.thread(*WEB)


async def test_a_no_that_nothing_was_asked_for_is_an_ordinary_word(kit: HubKit) -> None:
    await kit.chat("v1", "leverans")
    await joined(kit)  # who writes for the first time has nothing older to show
    assert kit.phone(*SMS)[1:] == ["[link.done]"]
    await kit.write(*SMS, "nej")
    assert kit.phone(*SMS)[-1] == "[answer.deny]"
    assert await kit.thread(*SMS) == await kit.thread(*WEB)


async def test_where_senders_can_be_made_up_a_yes_repeats_the_number_that_came(
    kit: HubKit,
) -> None:
    """Whoever only writes in the name of a phone has not read what came to it."""
    await kit.write(*SMS, "öppettider")
    await kit.chat("v1", "leverans")
    await joined(kit)
    question, yes = kit.phone(*SMS)[-1].partition("\n\n")[2], kit.yes(*SMS)
    wrong = f"{(int(yes[-5:]) + 1) % 100_000:05}"
    # One of the five tries was the number that linked the two.
    for guess in ("ja", f"ja {wrong}", f"Ja, {wrong}.", f"yes {wrong}"):
        await kit.write(*SMS, guess)
        assert kit.phone(*SMS)[-1] == question
    assert "link_revealed" not in await kit.kinds(*WEB)
    seen = await page(kit)
    assert "öppettider" not in seen
    assert yes[-5:] not in "".join(seen)  # nor does the page read it there
    assert "[link.question ••••]" in seen
    await kit.write(*SMS, yes)
    assert kit.phone(*SMS)[-1] == "[link.revealed]"
    assert "öppettider" in await page(kit)


async def test_the_number_of_a_yes_is_not_guessed(kit: HubKit) -> None:
    await kit.write(*SMS, "öppettider")
    await kit.chat("v1", "leverans")
    await joined(kit)
    yes = kit.yes(*SMS)
    for more in range(1, 6):
        await kit.write(*SMS, f"ja {(int(yes[-5:]) + more) % 100_000:05}")
    await kit.write(*SMS, yes)
    assert "link_revealed" not in await kit.kinds(*WEB)
    assert "öppettider" not in await page(kit)
    await kit.write(*SMS, "nej")
    assert await kit.thread(*SMS) != await kit.thread(*WEB)


# --- each as it was --------------------------------------------------------------------------


async def test_link_and_unlink_leave_both_as_they_were(kit: HubKit) -> None:
    await kit.chat("v1", "retur")
    await kit.chat("v1", "FB-104233")
    await kit.write(*SMS, "öppettider")
    before = {who: await kit.state(*who) for who in (WEB, SMS)}
    for who in (WEB, SMS):
        assert before[who].belief
    made = await linked_by_agent(kit, SMS, into=WEB)
    assert await kit.thread(*SMS) == before[WEB].thread
    assert isinstance(await ended(kit, made), Done)
    for who in (WEB, SMS):
        after = await kit.state(*who)
        same = {"thread", "owner", "episode", "language", "belief", "belief_at"}
        same |= {"active", "last_inbound"}
        assert after.model_dump(include=same) == before[who].model_dump(include=same)
        assert after.dialogue.form == before[who].dialogue.form
        assert after.epoch > before[who].epoch
    await kit.chat("v1", "42")
    assert kit.page("v1")[-1] == "[form.return_item.done]"


async def linked_by_agent(kit: HubKit, who: Who, *, into: Who) -> LinkMade:
    body = AgentLinks(by=ANNA, into=kit.identity(*into), reason="both told their order")
    assert await submit(kit, kit.identity(*who), body) == Done()
    return (await links(kit, who))[-1]


async def test_who_waited_waits_on_and_the_offer_still_ends(kit: HubKit) -> None:
    await kit.chat("v1", "människa")
    await kit.write(*SMS, "hej")
    made = await linked_by_agent(kit, SMS, into=WEB)
    assert isinstance((await kit.state(*SMS)).owner, Offered)
    await ended(kit, made)
    assert isinstance((await kit.state(*WEB)).owner, Offered)
    assert isinstance((await kit.state(*SMS)).owner, OwnedByBot)
    await kit.pass_time(timedelta(minutes=10))
    assert isinstance((await kit.state(*WEB)).owner, OwnedByBot)
    assert kit.page("v1")[-1] == "[handoff.expired]"
    assert "[handoff.expired]" not in kit.phone(*SMS)


async def test_an_agent_keeps_the_part_that_they_took(kit: HubKit) -> None:
    await kit.chat("v1", "människa")
    await kit.write(*SMS, "hej")
    made = await joined(kit)
    assert isinstance(await kit.hub.desk.accept(await kit.thread(*SMS), ANNA), Done)
    await ended(kit, made)
    owners = [(await kit.state(*who)).owner for who in (WEB, SMS)]
    kinds = sorted(owner.kind for owner in owners)
    assert kinds == ["agent", "bot"]
    (own,) = [owner for owner in owners if isinstance(owner, OwnedByAgent)]
    assert own.agent == ANNA.agent


async def test_a_case_goes_home_as_it_stands(kit: HubKit) -> None:
    await kit.chat("v1", "leverans")
    await kit.write(*SMS, "öppettider")
    cases = {who: (await kit.state(*who)).episode for who in (WEB, SMS)}
    made = await joined(kit)
    thread = await kit.thread(*SMS)
    assert isinstance(await kit.hub.desk.resolve(thread, ANNA, reason="solved"), Done)
    await ended(kit, made)
    for who, phase in ((WEB, Phase.RESOLVED), (SMS, Phase.OPEN)):
        case, was = (await kit.state(*who)).episode, cases[who]
        assert case is not None
        assert was is not None
        assert (case.id, case.opened_at, case.phase) == (was.id, was.opened_at, phase)


async def test_answers_of_the_other_do_not_stay_in_a_form(kit: HubKit) -> None:
    await kit.chat("v1", "retur")
    made = await joined(kit)
    await kit.write(*SMS, "FB-104233")
    assert kit.phone(*SMS)[-1] == "[form.return_item.size]"
    await ended(kit, made)
    for who in (WEB, SMS):
        assert (await kit.state(*who)).dialogue.form is None


async def test_who_began_to_write_meanwhile_goes_on_in_the_language_that_was_spoken(
    kit: HubKit,
) -> None:
    await kit.chat("v1", "delivery")
    await kit.write(*TELEGRAM, ref=await kit.link(WEB, TELEGRAM))
    await kit.write(*TELEGRAM, "delivery")
    assert kit.phone(*TELEGRAM)[-1] == "[answer.delivery.time|en]"
    await kit.write(*TELEGRAM, "stop link")
    assert kit.phone(*TELEGRAM)[-1] == "[link.ended|en]"
    assert [(await kit.state(*who)).language for who in (WEB, TELEGRAM)] == ["en", "en"]
    await kit.go_on(WEB, SMS)
    await ended(kit, (await links(kit, SMS))[-1])
    assert (await kit.state(*SMS)).language == "en"  # a code was written, and answered in English


async def test_the_belief_is_that_of_ones_own_messages(kit: HubKit) -> None:
    async with hub_kit(nlu=NLU) as alone:
        await alone.chat("v1", "leverans")
        await alone.chat("v1", "retur")
        expected = (await alone.state(*WEB)).belief
    await kit.chat("v1", "leverans")
    await kit.write(*SMS, "öppettider")
    made = await linked_by_agent(kit, SMS, into=WEB)
    await kit.write(*SMS, "hej")
    await kit.chat("v1", "retur")
    assert (await kit.state(*WEB)).belief != expected
    await ended(kit, made)
    assert (await kit.state(*WEB)).belief == expected


async def test_what_the_bot_had_still_to_send_knew_both_and_is_dropped(kit: HubKit) -> None:
    await kit.chat("v1", "leverans")
    made = await joined(kit)
    kit.wire.failing = [Unreached(reason="busy")] * 2
    await kit.write(*SMS, "öppettider")
    assert kit.phone(*SMS)[-1] != "[answer.store.hours]"
    await ended(kit, made)
    await kit.pass_time(60)
    assert "[answer.store.hours]" not in kit.phone(*SMS)
    sends = await kit.sends(*SMS)
    assert SendStatus.DROPPED in {send.status for send in sends}


async def test_a_newcomer_that_was_joined_on_sight_gets_a_thread_and_case_of_its_own(
    kit: HubKit,
) -> None:
    whatsapp = ("twilio_whatsapp", SMS[1])
    await kit.write(*SMS, "leverans")
    await kit.write(*whatsapp, "öppettider")
    assert await kit.thread(*whatsapp) == await kit.thread(*SMS)
    (made,) = await links(kit, SMS)
    assert made.link.proof is Proof.ATTESTED_PHONE
    case = (await kit.state(*SMS)).episode
    await ended(kit, made, where=whatsapp)
    assert await kit.thread(*whatsapp) == kit.address(*whatsapp).home_thread
    assert (await kit.state(*SMS)).episode == case
    await kit.write(*whatsapp, "hej")
    own = (await kit.state(*whatsapp)).episode
    assert own is not None
    assert case is not None
    assert own.id != case.id
    assert (await said(kit, whatsapp), await said(kit, SMS)) == (
        ["öppettider", "hej"],
        ["leverans"],
    )


# --- chains and again ------------------------------------------------------------------------


async def test_in_a_chain_only_what_hung_on_the_link_comes_off(kit: HubKit) -> None:
    await kit.chat("v1", "leverans")
    first = await joined(kit)
    await kit.write(*TELEGRAM, ref=await kit.link(SMS, TELEGRAM))
    home = kit.address(*WEB).home_thread
    assert await kit.thread(*TELEGRAM) == home
    await ended(kit, first)
    assert await kit.thread(*WEB) == home
    assert await kit.thread(*SMS) == await kit.thread(*TELEGRAM) == kit.address(*SMS).home_thread


async def test_in_a_circle_nothing_comes_off(kit: HubKit) -> None:
    await kit.chat("v1", "leverans")
    first = await joined(kit)
    await kit.write(*TELEGRAM, ref=await kit.link(SMS, TELEGRAM))
    body = AgentLinks(by=ANNA, into=kit.identity(*WEB), reason="seen together")
    assert await submit(kit, kit.identity(*TELEGRAM), body) == Done()
    assert len(await links(kit, WEB)) == 3
    await ended(kit, first)
    assert len({await kit.thread(*who) for who in (WEB, SMS, TELEGRAM)}) == 1
    assert [one.holds for one in await links(kit, WEB)] == [False, True, True]


async def test_they_can_be_linked_again(kit: HubKit) -> None:
    await kit.chat("v1", "leverans")
    await kit.write(*SMS, "öppettider")
    first = await joined(kit)
    await ended(kit, first)
    second = await joined(kit)
    assert second.link.id != first.link.id
    assert await kit.thread(*SMS) == await kit.thread(*WEB)
    await ended(kit, second)
    assert await kit.thread(*SMS) != await kit.thread(*WEB)


async def test_a_link_ends_once(kit: HubKit) -> None:
    await kit.chat("v1", "leverans")
    made = await joined(kit)
    await ended(kit, made)
    assert await ended(kit, made) == Rejected(reason="no such link holds here")
    unknown = made.model_copy(update={"link": made.link.model_copy(update={"id": LinkId.new()})})
    assert isinstance(await ended(kit, unknown, where=WEB), Rejected)
    told = [one for one in await kit.entries(*WEB) if isinstance(one.body, Unlinked)]
    assert len(told) == 1


# --- log-ins ---------------------------------------------------------------------------------


async def test_who_is_signed_in_on_two_devices_is_one_customer(kit: HubKit) -> None:
    await kit.chat("v1", "leverans")
    await kit.chat("v2", "öppettider")
    assert await signed_in(kit, "v1", "c-1") == Done()
    assert await signed_in(kit, "v2", "c-1") == Done()
    assert await kit.thread("webchat", "v2") == await kit.thread(*WEB)
    assert "öppettider" not in await page(kit)
    assert "öppettider" in await page(kit, signed=True)
    assert kit.page("v1") == ["[answer.delivery.time]"]  # nobody is written to about it


async def test_two_log_ins_never_become_one_customer(kit: HubKit) -> None:
    await kit.chat("v1", "leverans")
    await signed_in(kit, "v1", "c-1")
    assert await signed_in(kit, "v1", "c-2") == Rejected(
        reason="signed in as two different customers"
    )
    await kit.chat("v2", "hej")
    await signed_in(kit, "v2", "c-2")
    body = AgentLinks(by=ANNA, into=kit.identity("webchat", "v2"), reason="looks alike")
    assert isinstance(await submit(kit, kit.identity(*WEB), body), Rejected)
    assert await kit.thread("webchat", "v2") != await kit.thread(*WEB)
    assert "link_refused" in await kit.kinds(*WEB)
    # A phone of one's own joins the first; with the other's code it is refused like any bad code.
    await kit.go_on(WEB, SMS)
    assert await kit.thread(*SMS) == await kit.thread(*WEB)
    await kit.go_on(("webchat", "v2"), SMS)
    assert kit.phone(*SMS)[-1] == "[link.refused]"
    refused = [one.body for one in await kit.entries(*SMS) if isinstance(one.body, LinkRefused)]
    assert [one.reason for one in refused] == ["signed in as two different customers"] * 3


async def test_signing_in_opens_no_case_and_wakes_none(kit: HubKit) -> None:
    await kit.chat("v1", "leverans")
    await kit.hub.desk.resolve(await kit.thread(*WEB), ANNA, reason="solved")
    await signed_in(kit, "v1", "c-1")
    case = (await kit.state(*WEB)).episode
    assert case is not None
    assert case.phase is Phase.RESOLVED
    await kit.chat("v2", event="started")
    await signed_in(kit, "v2", "c-1")
    after = (await kit.state("webchat", "v2")).episode
    assert after is not None


async def test_the_same_log_in_twice_is_one_link(kit: HubKit) -> None:
    await kit.chat("v1", "leverans")
    await signed_in(kit, "v1", "c-1")
    await signed_in(kit, "v1", "c-1")
    assert len(await links(kit, WEB)) == 1
    assert [one.body.kind for one in await kit.entries(*WEB) if isinstance(one.body, Linked)] == [
        "linked"
    ]


async def test_a_device_that_many_share_is_linked_no_more(kit: HubKit) -> None:
    await kit.chat("v1", "hej")
    phones = [("twilio_sms", f"+4670000000{number}") for number in range(4)]
    for phone in phones:
        await kit.go_on(WEB, phone)
    assert [kit.phone(*phone)[-1] for phone in phones] == [*["[link.done]"] * 3, "[link.refused]"]
    assert len((await kit.turn(*WEB)).identities) == 4
    await kit.pass_time(timedelta(days=30))
    await kit.go_on(WEB, phones[3])
    assert len((await kit.turn(*WEB)).identities) == 5


async def test_a_phone_is_linked_with_two_and_then_refused_with_the_reason(kit: HubKit) -> None:
    pages = [("webchat", f"v{number}") for number in range(3)]
    for page in pages:
        await kit.chat(page[1], "hej")
        await kit.go_on(page, SMS)
    assert kit.phone(*SMS)[-1] == "[link.refused]"
    assert await kit.thread(*pages[2]) != await kit.thread(*SMS)
    assert await kit.thread(*pages[0]) == await kit.thread(*pages[1]) == await kit.thread(*SMS)
    refused = [one.body for one in await kit.entries(*SMS) if isinstance(one.body, LinkRefused)]
    assert refused == [LinkRefused(reason="phone linked too often")]


# --- at the same moment ----------------------------------------------------------------------


async def test_what_waited_while_they_parted_is_answered_where_it_belongs() -> None:
    store = FakeStore()
    async with hub_kit(store=store, nlu=NLU) as kit:
        await kit.chat("v1", "leverans")
        made = await joined(kit)
    async with hub_kit(store=store, nlu=NLU, clock=kit.clock, wire=kit.wire, working=False) as kit:
        body = Unlinks(by=ANNA, links=(made.link.id,), reason="two people")
        parting = Arrival(
            id=EventId.new(), identity=kit.identity(*WEB), at=kit.clock.now(), body=body
        )
        (event,) = (await kit.hub.ingress.submit([parting])).events
        await kit.deliver("twilio_sms", kit.webhook(*SMS, "öppettider"))
        later = kit.clock.now() + timedelta(days=1)
        (waiting,) = [
            one for one in await store.unprocessed(before=later, limit=9) if one.id != event.id
        ]
        assert waiting.thread == event.thread
        await kit.hub.converse.handle(Envelope(event=event.id, thread=event.thread), tries=1)
        assert await store.outcome(waiting.id) == Done()
        assert (await said(kit, SMS))[2:] == ["öppettider"]
        assert await said(kit, WEB) == ["leverans"]


async def test_a_newcomer_whose_twin_left_at_that_moment_is_a_customer_alone() -> None:
    whatsapp = ("twilio_whatsapp", SMS[1])

    class Crowded(FakeStore):
        """Somebody comes between the look at the thread and the commit that splits it."""

        kit: HubKit

        @override
        async def commit(self, change: ThreadChange) -> tuple[Entry, ...]:
            if change.splits and await self.identity(self.kit.identity(*whatsapp)) is None:
                webhook = self.kit.webhook(*whatsapp, "öppettider")
                await self.kit.deliver("twilio_whatsapp", webhook)
            return await super().commit(change)

    store = Crowded()
    async with hub_kit(store=store, nlu=NLU) as kit:
        store.kit = kit
        await kit.chat("v1", "leverans")
        made = await joined(kit)
        assert isinstance(await ended(kit, made), Done)
        threads = [await kit.thread(*who) for who in (WEB, SMS, whatsapp)]
        assert threads == [kit.address(*who).home_thread for who in (WEB, SMS, whatsapp)]
        assert await said(kit, whatsapp) == ["öppettider"]
        assert await said(kit, WEB) == ["leverans"]
        assert kit.phone(*whatsapp) == ["[answer.store.hours]"]
        await assert_rebuilds(kit)


async def test_who_only_finds_that_they_parted_tells_of_both(kit: HubKit) -> None:
    await kit.chat("v1", "leverans")
    made = await joined(kit)
    key = EventId.new()
    body = Unlinks(by=ANNA, links=(made.link.id,), reason="two people")
    arrival = Arrival(id=key, identity=kit.identity(*WEB), at=kit.clock.now(), body=body)
    await kit.hub.ingress.ask(arrival, patience=timedelta(seconds=10))
    heard: list[Announcement] = []
    async with hub_kit(store=kit.store, clock=kit.clock, wire=kit.wire, working=False) as other:
        other.hub.feed.subscribe(heard.append)
        await other.hub.converse.handle(Envelope(event=key, thread=await kit.thread(*WEB)), tries=2)
        await settle()
    moved = [one for one in heard if isinstance(one, ThreadMoved)]
    homes = sorted(kit.address(*who).home_thread for who in (WEB, SMS))
    assert [(one.state.thread, one.parted) for one in moved] == [(home, True) for home in homes]
    for one in moved:
        (own,) = one.identities
        assert {entry.identity for entry in one.entries} <= {own.id}
