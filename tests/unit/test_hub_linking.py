"""Continuing on another channel: what a code does, what no code does, and who sees what then."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from copy import copy
from datetime import timedelta
from pathlib import Path

import pytest
from typing_extensions import override

from bot.errors import NotFound, StaleVersion
from bot.hub.graph import visible_since
from bot.hub.linking import ALPHABET, code_in, new_code
from bot.model.channel import ReceiptStatus
from bot.model.dialogue import FormPosition
from bot.model.event import AgentNotes
from bot.model.ids import EventId, IdentityId, LinkId
from bot.model.people import ByCustomer, BySystem, Link, LinkMark, Mark, Proof
from bot.model.record import Arrival, LinkMade, ThreadChange
from bot.model.sending import Unreached
from bot.model.thread import (
    Entry,
    EpisodeChanged,
    Linked,
    LinkRefused,
    MessageIn,
    Note,
    Offered,
    OwnedByAgent,
    OwnedByBot,
    OwnerChanged,
    Phase,
)
from channels import telegram
from tests.builders import START
from tests.fakes.clock import settle
from tests.fakes.store import FakeStore
from tests.hubs import ANNA, BO, HubKit, hub_kit, kit_on, only_thread
from tests.records import ON_ONE_MACHINE, record_of

WEB, SMS = ("webchat", "v1"), ("twilio_sms", "+46701234567")
REFUSED = "[link.refused]"


@pytest.fixture(params=ON_ONE_MACHINE)
async def kit(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[HubKit]:
    async with kit_on(record_of(request, tmp_path)) as made:
        yield made


async def threads(kit: HubKit) -> int:
    return len(await kit.store.threads())


async def asked(kit: HubKit) -> str:
    """The web chat is in the middle of a return, and shows a code for the phone; the code."""
    await kit.chat("v1", "retur")
    await kit.chat("v1", "FB-104233")
    return await kit.link(WEB, SMS)


# --- what a code looks like ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "certain"),
    [
        ("ABCD-2345", True),
        ("abcd-2345", True),
        ("  aBcD-2345. ", True),
        ("ABCD2345", False),
        ("abcd 2345", False),
        ("ABCD - 2345", True),
        ("ABCD–2345", True),
        ("ABCD‑2345", True),
        ("kod ABCD2345", True),
        ("Kod: abcd-2345", True),
        ("code ABCD 2345", True),
        ("samtal abcd2345!", True),
    ],
)
def test_a_code_is_seen_however_it_is_written(text: str, certain: bool) -> None:
    seen = code_in(text)
    assert seen is not None
    assert (seen.code, seen.certain) == ("ABCD2345", certain)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hej",
        "skidskor",  # eight letters of the alphabet, no digit
        "FB-104233",
        "104233",
        "FB104233",
        "order 1042",
        "12345678",
        "ABCD-234",
        "ABCD-23456",
        "ABCD-2345 tack",
        "ABC-D2345",
        "ABCO-2345",  # an O, which is no letter of a code
        "+46701234567",
        "ÅÄÖA-2345",
    ],
)
def test_an_ordinary_word_or_number_is_no_code(text: str) -> None:
    assert code_in(text) is None


def test_codes_have_forty_bits_and_a_digit() -> None:
    assert len(ALPHABET) == 32
    assert not set("01IO") & set(ALPHABET)
    codes = {new_code() for _ in range(500)}
    assert len(codes) == 500
    for code in codes:
        assert re.fullmatch(rf"[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}", code)
        seen = code_in(code)
        assert seen is not None
        assert seen.certain


async def test_only_the_hash_of_a_code_is_kept() -> None:
    store = FakeStore()
    async with hub_kit(store=store) as kit:
        code = await asked(kit)
        (kept,) = store.memory.codes.values()
        assert code.replace("-", "") not in kept.model_dump_json()


async def test_a_code_is_offered_with_a_link_that_holds_it(kit: HubKit) -> None:
    await kit.chat("v1", "hej")
    source = kit.identity(*WEB)
    telegram = await kit.hub.linking.offer(source, channel="telegram", account="demo")
    assert telegram.deep_link == f"https://t.me/FjallBot?start={telegram.code}"
    assert telegram.expires_at == kit.clock.now() + timedelta(minutes=10)
    page = await kit.hub.linking.offer(source, channel="messenger", account="demo")
    assert page.deep_link == f"https://m.me/100?ref={page.code}"
    phone = await kit.hub.linking.offer(source, channel="twilio_sms", account="demo")
    assert phone.deep_link == f"sms:+46766860000?body={phone.code}"
    for channel, account in (("fax", "demo"), ("telegram", "other"), ("webchat", "demo")):
        with pytest.raises(NotFound):
            await kit.hub.linking.offer(source, channel=channel, account=account)


# --- what it does ----------------------------------------------------------------------------


async def test_the_right_code_makes_one_thread_and_goes_on_with_the_form(kit: HubKit) -> None:
    code = await asked(kit)
    home = await kit.thread(*WEB)
    await kit.bring(SMS, code)
    assert await only_thread(kit) == home
    assert await kit.thread(*SMS) == home
    assert kit.phone(*SMS)[1:] == ["[link.done]\n\n[form.return_item.size]"]
    assert kit.page("v1")[-1] == "[link.notice]"
    linked = [e for e in await kit.entries(*SMS) if isinstance(e.body, Linked)]
    (entry,) = linked
    assert entry.by == ByCustomer(identity=kit.identity(*SMS))
    assert isinstance(entry.body, Linked)
    assert entry.body.proof is Proof.CODE
    assert (entry.body.one, entry.body.other) == (kit.identity(*WEB), kit.identity(*SMS))
    assert (await kit.state(*SMS)).active == kit.identity(*SMS)
    await kit.write(*SMS, "42")
    assert kit.phone(*SMS)[-1] == "[form.return_item.done]"


async def test_the_notices_are_in_the_language_of_the_conversation(kit: HubKit) -> None:
    await kit.chat("v1", "return")
    await kit.go_on(WEB, SMS)
    asked, done = kit.phone(*SMS)
    assert asked.startswith("[link.confirm|en ")
    assert done == "[link.done|en]\n\n[form.return_item.order_number|en]"
    assert kit.page("v1")[-1] == "[link.notice|en]"


async def test_who_has_not_written_yet_is_spoken_to_as_the_provider_says(kit: HubKit) -> None:
    await kit.chat("v1", event="started", language="en-GB")
    await kit.chat("v2", event="started", language="sv")
    await kit.chat("v3", event="started", language="fi")
    await kit.chat("v4", event="started")
    said = [kit.page(visitor) for visitor in ("v1", "v2", "v3", "v4")]
    assert said == [["[answer.greet|en]"], *[["[answer.greet]"]] * 3]


@pytest.mark.parametrize("written", ["{}", "kod {}", "{lower}", "{plain}", " {} "])
async def test_a_code_may_be_written_in_many_ways(kit: HubKit, written: str) -> None:
    code = await asked(kit)
    plain = code.replace("-", "")
    await kit.bring(SMS, written.format(code, lower=code.lower(), plain=plain))
    assert await threads(kit) == 1


async def test_telegram_comes_by_its_start_link(kit: HubKit) -> None:
    await asked(kit)
    code = await kit.link(WEB, ("telegram", "77"))
    await kit.write("telegram", "77", ref=code)
    assert await threads(kit) == 1
    assert kit.phone("telegram", "77") == ["[link.done]\n\n[form.return_item.size]"]
    state = await kit.state("telegram", "77")
    assert state.active == kit.identity("telegram", "77")
    kinds = await kit.kinds("telegram", "77")
    assert kinds.count("conversation_started") == 1
    assert code not in str(await kit.entries("telegram", "77"))
    await kit.hub.desk.reply(state.thread, ANNA, text="Hej", client_id="1")
    await kit.quiet()
    assert kit.phone("telegram", "77")[-1] == "Hej"


async def test_messenger_comes_by_its_ref_link(kit: HubKit) -> None:
    await asked(kit)
    await kit.write("messenger", "7001", ref=await kit.link(WEB, ("messenger", "7001")))
    assert await threads(kit) == 1
    assert kit.phone("messenger", "7001") == ["[link.done]\n\n[form.return_item.size]"]
    assert (await kit.state(*WEB)).active == kit.identity("messenger", "7001")


async def test_a_link_with_another_ref_links_nothing(kit: HubKit) -> None:
    await kit.write("telegram", "77", ref="campaign_7")
    await kit.write("messenger", "7001", ref="campaign_7")
    assert await threads(kit) == 2
    assert kit.phone("telegram", "77") == ["[answer.greet]"]
    assert kit.phone("messenger", "7001") == []
    assert "linked" not in await kit.kinds("telegram", "77")


# --- what it does not ------------------------------------------------------------------------


async def refused(kit: HubKit, channel: str, user: str, code: str) -> None:
    """Send a code that must not work: nothing is joined, and the answer tells nothing."""
    before = await threads(kit)
    known = await kit.store.identity(kit.identity(channel, user)) is not None
    await kit.write(channel, user, code)
    assert kit.phone(channel, user)[-1] == REFUSED
    assert await threads(kit) == before + (not known)
    entries = await kit.entries(channel, user)
    assert not [e for e in entries if isinstance(e.body, Linked)]
    last = [e.body for e in entries if isinstance(e.body, LinkRefused)][-1]
    assert last.reason == "not a valid code here"


async def test_a_wrong_code(kit: HubKit) -> None:
    await asked(kit)
    await refused(kit, *SMS, "ABCD-2345")


async def test_a_used_code(kit: HubKit) -> None:
    code = await asked(kit)
    await kit.bring(SMS, code)
    await refused(kit, "twilio_sms", "+46709999999", code)


async def test_an_expired_code(kit: HubKit) -> None:
    code = await asked(kit)
    await kit.pass_time(timedelta(minutes=10))
    await refused(kit, *SMS, code)


async def test_a_code_in_its_last_moment(kit: HubKit) -> None:
    code = await asked(kit)
    await kit.pass_time(timedelta(minutes=10) - timedelta(microseconds=1))
    await kit.bring(SMS, code)
    assert await threads(kit) == 1


async def test_a_code_for_another_channel(kit: HubKit) -> None:
    code = await asked(kit)
    await refused(kit, "telegram", "77", code)
    await kit.bring(SMS, code)  # it is still good where it belongs
    assert len((await kit.turn(*WEB)).identities) == 2


async def test_a_code_for_another_account_of_the_channel(kit: HubKit) -> None:
    demo = kit.hub.engines.channels["telegram", "demo"]
    assert isinstance(demo, telegram.Adapter)
    second = copy(demo)
    second.account = "second"
    kit.channels["telegram", "second"] = second
    await asked(kit)
    source = kit.identity(*WEB)
    offer = await kit.hub.linking.offer(source, channel="telegram", account="second")
    await refused(kit, "telegram", "77", offer.code)
    assert len((await kit.turn(*WEB)).identities) == 1
    # It is still good where it belongs, also beside a code for the first account.
    await kit.link(WEB, ("telegram", "77"))
    await kit.hub.ingress.take(second, kit.webhook("telegram", "77", offer.code))
    await kit.quiet()
    identities = (await kit.turn(*WEB)).identities
    addresses = {(one.address.channel, one.address.account) for one in identities}
    assert addresses == {("webchat", "demo"), ("telegram", "second")}


async def test_ones_own_code(kit: HubKit) -> None:
    await kit.write(*SMS, "hej")
    code = await kit.link(SMS, SMS)
    await refused(kit, *SMS, code)


async def test_a_newer_code_voids_the_older(kit: HubKit) -> None:
    older = await asked(kit)
    newer = await kit.link(WEB, SMS)
    await refused(kit, *SMS, older)
    await kit.bring(SMS, newer)
    assert await threads(kit) == 1


async def test_every_refusal_reads_the_same(kit: HubKit) -> None:
    used, users = await asked(kit), [f"+4670000000{number}" for number in range(4)]
    await kit.write(*SMS, used)
    foreign = await kit.link(WEB, ("telegram", "77"))
    expired = await kit.link(WEB, SMS)
    await kit.pass_time(timedelta(minutes=11))
    for user, code in zip(users, ["ABCD-2345", used, foreign, expired], strict=True):
        await kit.write("twilio_sms", user, code)
    shapes = [await kit.kinds("twilio_sms", user) for user in users]
    assert [kit.phone("twilio_sms", user) for user in users] == [[REFUSED]] * 4
    assert shapes == [["message_in", "episode_changed", "link_refused", "message_out"]] * 4


async def test_the_sixth_try_in_an_hour_is_refused_even_if_right(kit: HubKit) -> None:
    code = await asked(kit)
    for _ in range(5):
        await refused(kit, *SMS, "ABCD-2345")
    await refused(kit, *SMS, code)
    await kit.pass_time(timedelta(hours=1))
    await kit.go_on(WEB, SMS)
    assert await threads(kit) == 1


async def test_the_fifth_try_may_still_be_right(kit: HubKit) -> None:
    code = await asked(kit)
    for _ in range(4):
        await refused(kit, *SMS, "ABCD-2345")
    await kit.bring(SMS, code)
    assert await threads(kit) == 1


async def test_other_peoples_tries_do_not_count(kit: HubKit) -> None:
    code = await asked(kit)
    for _ in range(6):
        await refused(kit, "twilio_sms", "+46709999999", "ABCD-2345")
    await kit.bring(SMS, code)
    assert len((await kit.turn(*WEB)).identities) == 2


async def test_a_try_that_is_made_anew_counts_once() -> None:
    class Busy(FakeStore):
        """Somebody else is always a little quicker, nine times."""

        stale = 9

        @override
        async def commit(self, change: ThreadChange) -> tuple[Entry, ...]:
            if change.link and self.stale:
                self.stale -= 1
                raise StaleVersion("somebody was quicker")
            return await super().commit(change)

    async with hub_kit(store=Busy()) as kit:
        await kit.bring(SMS, await asked(kit))
        assert await threads(kit) == 1


async def test_eight_letters_that_are_no_code_are_an_ordinary_message(kit: HubKit) -> None:
    await kit.write(*SMS, "ABCD2345")
    assert kit.phone(*SMS) == ["[unsure.rephrase]"]
    assert "link_refused" not in await kit.kinds(*SMS)


async def test_an_order_number_in_a_form_is_no_code(kit: HubKit) -> None:
    await kit.write(*SMS, "retur")
    await kit.write(*SMS, "FB-104233")
    assert kit.phone(*SMS)[-1] == "[form.return_item.size]"


async def test_typing_the_others_number_links_nothing(kit: HubKit) -> None:
    await kit.write(*SMS, "hej")
    await kit.chat("v1", "mitt nummer är +46701234567")
    assert await threads(kit) == 2


# --- who sees what (R6) ----------------------------------------------------------------------


async def history(kit: HubKit, visitor: str) -> list[str]:
    views = await kit.hub.chat.history(kit.address("webchat", visitor))
    return [getattr(view.entry.body, "text", "") for view in views]


async def test_the_page_sees_the_other_channels_turns_from_the_link_on(kit: HubKit) -> None:
    await kit.write(*SMS, "hej")
    await kit.write(*SMS, "min hemlighet")
    await kit.chat("v1", "leverans")
    own = await history(kit, "v1")
    assert own == ["leverans", "[answer.delivery.time]"]
    await kit.go_on(WEB, SMS)
    await kit.write(*SMS, "öppettider")
    seen = await history(kit, "v1")
    assert seen[:2] == own
    assert "min hemlighet" not in seen
    assert "hej" not in seen
    assert seen[-2:] == ["öppettider", "[answer.store.hours]"]


async def test_a_third_channels_past_stays_its_own(kit: HubKit) -> None:
    await kit.chat("v1", "leverans")
    await kit.go_on(WEB, SMS)
    await kit.write("telegram", "77", "telegrams hemlighet")
    await kit.write("telegram", "77", ref=await kit.link(SMS, ("telegram", "77")))
    await kit.write("telegram", "77", "öppettider")
    seen = await history(kit, "v1")
    assert "telegrams hemlighet" not in seen
    assert seen[-1] == "[answer.store.hours]"


async def test_the_agent_sees_everything(kit: HubKit) -> None:
    await kit.write(*SMS, "min hemlighet")
    await kit.chat("v1", "leverans")
    await kit.go_on(WEB, SMS)
    views = await kit.hub.desk.entries(await kit.thread(*WEB), limit=1000)
    texts = [view.entry.body.text for view in views if isinstance(view.entry.body, MessageIn)]
    assert texts[:2] == ["min hemlighet", "leverans"]
    assert {view.address.channel for view in views} == {"webchat", "twilio_sms"}


async def test_history_hides_what_was_dropped(kit: HubKit) -> None:
    kit.wire.failing = [Unreached(reason="no page is open")]
    await kit.chat("v1", "leverans")
    await kit.hub.desk.accept(await kit.thread(*WEB), ANNA, takeover=True)
    await kit.pass_time(5)
    assert await history(kit, "v1") == ["leverans", "[handoff.accepted]"]


async def test_history_goes_on_after_what_was_seen(kit: HubKit) -> None:
    await kit.chat("v1", "leverans")
    first = await kit.hub.chat.history(kit.address(*WEB))
    await kit.chat("v1", "öppettider")
    more = await kit.hub.chat.history(kit.address(*WEB), after=first[-1].entry.seq)
    assert [getattr(view.entry.body, "text", "") for view in more] == [
        "öppettider",
        "[answer.store.hours]",
    ]
    assert await kit.hub.chat.history(kit.address("webchat", "nobody")) == []


def ids(*names: str) -> list[IdentityId]:
    return [IdentityId.of(name) for name in names]


def made(one: IdentityId, other: IdentityId, seq: int) -> LinkMade:
    link = Link(
        id=LinkId.of(one, other), one=one, other=other, proof=Proof.CODE, proof_id="x", at=START
    )
    return LinkMade(link=link, seq=seq)


def marked(link: LinkMade, mark: Mark) -> LinkMade:
    made = LinkMark(link=link.link.id, mark=mark, at=START, by=BySystem())
    return link.model_copy(update={"marks": (made,)})


def test_what_may_be_shown_begins_after_the_first_link_that_leads_there() -> None:
    a, b, c, d, e = ids("a", "b", "c", "d", "e")
    links = [made(a, b, 10), made(c, d, 20), made(b, c, 30), made(a, d, 40), made(e, e, 50)]
    assert visible_since(a, links, signed=False) == {b: 11, c: 31, d: 31}
    assert visible_since(d, links, signed=False) == {c: 21, a: 31, b: 31}
    assert visible_since(e, links, signed=False) == {}


def test_what_was_revealed_or_is_proven_now_shows_from_the_beginning() -> None:
    a, b, c, d = ids("a", "b", "c", "d")
    signed = made(b, c, 20)
    signed = signed.model_copy(
        update={"link": signed.link.model_copy(update={"proof": Proof.SIGNED})}
    )
    links = [marked(made(a, b, 10), Mark.REVEALED), signed, marked(made(c, d, 30), Mark.ENDED)]
    assert visible_since(a, links, signed=False) == {b: 0, c: 21}
    assert visible_since(a, links, signed=True) == {b: 0, c: 0}
    assert visible_since(d, links, signed=True) == {}


# --- two threads that both had something -----------------------------------------------------


async def test_the_form_of_either_thread_goes_on(kit: HubKit) -> None:
    await kit.write(*SMS, "retur")
    await kit.chat("v1", "hej")
    await kit.go_on(WEB, SMS)
    assert (
        kit.phone(*SMS)[-1]
        == f"[link.done]\n\n[link.question {kit.yes(*SMS)[-5:]}]\n\n[form.return_item.order_number]"
    )
    await kit.write(*SMS, "FB-104233")
    assert kit.phone(*SMS)[-1] == "[form.return_item.size]"


async def test_what_a_form_was_told_elsewhere_is_not_told_to_who_showed_the_code(
    kit: HubKit,
) -> None:
    await kit.write(*SMS, "retur")
    await kit.write(*SMS, "FB-104233")
    await kit.chat("v1", "hej")
    await kit.go_on(WEB, SMS)
    form = (await kit.state(*WEB)).dialogue.form
    assert form == FormPosition(form="return_item", step="size")
    await kit.chat("v1", "42")
    form = (await kit.state(*WEB)).dialogue.form
    assert form
    assert (form.step, form.value("order_number")) == ("order_number", None)


async def test_where_both_ask_the_question_of_the_codes_thread_goes_on(kit: HubKit) -> None:
    await kit.write(*SMS, "byta")
    code = await asked(kit)
    await kit.bring(SMS, code)
    assert kit.phone(*SMS)[-1] == (
        f"[link.done]\n\n[link.question {kit.yes(*SMS)[-5:]}]\n\n[form.return_item.size]"
    )


async def test_one_case_goes_on_and_the_other_is_closed(kit: HubKit) -> None:
    await kit.write(*SMS, "leverans")
    await kit.chat("v1", "leverans")
    web = (await kit.state(*WEB)).episode
    sms = (await kit.state(*SMS)).episode
    assert web
    assert sms
    await kit.go_on(WEB, SMS)
    moved = [
        (e.body.episode, e.body.phase, e.body.reason)
        for e in await kit.entries(*SMS)
        if isinstance(e.body, EpisodeChanged)
    ]
    assert moved[-2:] == [
        (sms.id, Phase.RESOLVED, "linked"),
        (web.id, Phase.OPEN, "linked"),
    ]
    episode = (await kit.state(*SMS)).episode
    assert episode
    assert (episode.id, episode.phase, episode.opened_at) == (web.id, Phase.OPEN, web.opened_at)


async def test_a_case_closed_long_ago_is_not_opened_by_a_link(kit: HubKit) -> None:
    await kit.chat("v1", "leverans")
    old = (await kit.state(*WEB)).episode
    await kit.hub.desk.resolve(await kit.thread(*WEB), ANNA, reason="done")
    await kit.pass_time(timedelta(hours=73))
    await kit.write(*SMS, "leverans")
    new = (await kit.state(*SMS)).episode
    await kit.go_on(WEB, SMS)
    kept = (await kit.state(*SMS)).episode
    assert old
    assert new
    assert kept
    assert (kept.id, kept.phase) == (new.id, Phase.OPEN)


async def own(kit: HubKit, who: tuple[str, str], owner: str) -> None:
    """Bring somebody's thread into an owner's hands."""
    channel, user = who
    text = "leverans" if owner == "bot" else "människa"
    await (kit.chat(user, text) if channel == "webchat" else kit.write(channel, user, text))
    if owner in {"anna", "bo"}:
        by = ANNA if owner == "anna" else BO
        await kit.hub.desk.accept(await kit.thread(channel, user), by)


@pytest.mark.parametrize(
    ("web", "sms", "then"),
    [
        ("bot", "bot", "bot"),
        ("offered", "bot", "offered"),
        ("bot", "offered", "offered"),
        ("anna", "bot", "Anna"),
        ("bot", "anna", "Anna"),
        ("offered", "anna", "Anna"),
        ("anna", "offered", "Anna"),
        ("anna", "bo", "Anna"),
        ("offered", "offered", "offered"),
    ],
)
async def test_who_speaks_goes_on_speaking(kit: HubKit, web: str, sms: str, then: str) -> None:
    await own(kit, WEB, web)
    await own(kit, SMS, sms)
    epochs = [(await kit.state(*who)).epoch for who in (WEB, SMS)]
    await kit.pass_time(1)
    await kit.go_on(WEB, SMS)
    state = await kit.state(*SMS)
    name = state.owner.name if isinstance(state.owner, OwnedByAgent) else state.owner.kind
    assert name == then
    assert state.epoch == max(epochs) + (then != "bot")
    assert kit.phone(*SMS)[-1] == f"[link.done]\n\n[link.question {kit.yes(*SMS)[-5:]}]"


@pytest.mark.parametrize(("web", "sms"), [("bot", "offered"), ("offered", "bot")])
async def test_an_offer_ends_also_after_a_link(kit: HubKit, web: str, sms: str) -> None:
    await own(kit, WEB, web)
    await own(kit, SMS, sms)
    await kit.pass_time(60)
    await kit.go_on(WEB, SMS)
    assert isinstance((await kit.state(*SMS)).owner, Offered)
    await kit.pass_time(timedelta(minutes=10))
    assert isinstance((await kit.state(*SMS)).owner, OwnedByBot)
    expired = [
        e
        for e in await kit.entries(*SMS)
        if isinstance(e.body, OwnerChanged) and e.body.reason == "offer_expired"
    ]
    assert len(expired) == 1


async def test_a_bot_answer_of_the_bots_thread_is_dropped_when_an_agent_owns_the_other(
    kit: HubKit,
) -> None:
    await kit.chat("v1", "människa")
    await kit.hub.desk.accept(await kit.thread(*WEB), ANNA)
    await kit.write(*SMS, await kit.link(WEB, SMS))
    number = kit.digits(*SMS)
    assert number is not None
    await kit.deliver("twilio_sms", kit.webhook(*SMS, "leverans"))
    await kit.deliver("twilio_sms", kit.webhook(*SMS, number))
    await kit.quiet()
    assert kit.phone(*SMS)[1:] == ["[link.done]"]


async def test_what_waits_for_the_absorbed_thread_is_processed_in_order(kit: HubKit) -> None:
    await kit.write(*SMS, code := await asked(kit))
    texts = [kit.digits(*SMS) or "", "42", "leverans", "öppettider"]
    for text in texts:
        await kit.deliver("twilio_sms", kit.webhook(*SMS, text))
    await kit.quiet()
    assert kit.phone(*SMS)[1:] == [
        "[link.done]\n\n[form.return_item.size]",
        "[form.return_item.done]",
        "[answer.delivery.time]",
        "[answer.store.hours]",
    ]
    inbound = [e.body.text for e in await kit.entries(*SMS) if isinstance(e.body, MessageIn)]
    assert inbound == ["retur", "FB-104233", code, *texts]


async def test_both_threads_write_while_they_become_one(kit: HubKit) -> None:
    await kit.write(*SMS, code := await asked(kit))
    digits = kit.digits(*SMS) or ""
    for number in range(5):
        await kit.deliver("twilio_sms", kit.webhook(*SMS, digits if number == 2 else "leverans"))
        body = AgentNotes(by=ANNA, text=str(number))
        note = Arrival(id=EventId.new(), identity=kit.identity(*WEB), at=kit.clock.now(), body=body)
        await kit.hub.ingress.submit([note])
    await kit.quiet()
    entries = await kit.entries(*SMS)
    assert [e.body.text for e in entries if isinstance(e.body, Note)] == list("01234")
    heard = [e.body.text for e in entries if isinstance(e.body, MessageIn)]
    assert heard == ["retur", "FB-104233", code, *["leverans"] * 2, digits, *["leverans"] * 2]
    assert await kit.store.unprocessed(before=kit.clock.now() + timedelta(1), limit=10) == []
    assert await kit.store.dead_letters() == []


async def test_two_who_send_each_others_codes_at_once_end_in_one_thread(kit: HubKit) -> None:
    telegram = ("telegram", "77")
    await kit.write(*SMS, "hej")
    await kit.write(*telegram, "hej")
    one, other = await kit.link(SMS, telegram), await kit.link(telegram, SMS)
    await asyncio.gather(
        kit.deliver("telegram", kit.webhook(*telegram, one)),
        kit.deliver("twilio_sms", kit.webhook(*SMS, other)),
    )
    await kit.quiet()
    assert await threads(kit) == 1
    assert kit.phone(*SMS)[-1] in {"[link.done]", "[link.notice]"}
    assert await kit.store.dead_letters() == []


async def test_linking_what_is_linked_changes_nothing_but_says_so(kit: HubKit) -> None:
    await kit.bring(SMS, await asked(kit))
    before = await kit.turn(*SMS)
    await kit.go_on(WEB, SMS)
    after = await kit.turn(*SMS)
    assert after.identities == before.identities
    assert kit.phone(*SMS)[-1] == "[link.done]\n\n[form.return_item.size]"
    assert (await kit.kinds(*SMS)).count("linked") == 1


async def test_receipts_of_the_absorbed_threads_messages_still_count(kit: HubKit) -> None:
    await kit.write(*SMS, "leverans")
    await kit.chat("v1", "hej")
    await kit.go_on(WEB, SMS)
    await settle()
    sends = await kit.sends(*SMS)
    assert sends[0].reached is ReceiptStatus.DELIVERED
