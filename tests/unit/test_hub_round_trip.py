"""A code by SMS waits for the phone's word: who forges a sender never gets further than that."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from bot.edge.metrics import Metrics
from bot.hub.assurance import Level
from bot.hub.code_budget import SPENT
from bot.hub.round_trip import DECLINED, TOO_MANY_NUMBERS
from bot.hub.settings import HubSettings
from bot.hub.subjects import erase, find
from bot.model.fact import CodeShown
from bot.model.people import Proof
from bot.model.thread import LinkAsked, Linked, LinkRefused
from tests.hubs import HubKit, assert_rebuilds, hub_kit, kit_on, shipped_content
from tests.records import KINDS, ON_ONE_MACHINE, Record, record_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

WEB, OTHER_WEB = ("webchat", "v1"), ("webchat", "v2")
SMS, OTHER_SMS = ("twilio_sms", "+46701234567"), ("twilio_sms", "+46701740699")
MINUTE = timedelta(minutes=1)


@pytest.fixture(params=ON_ONE_MACHINE)
async def kit(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[HubKit]:
    async with kit_on(record_of(request, tmp_path)) as made:
        yield made


@pytest.fixture(params=KINDS)
def record(request: pytest.FixtureRequest, tmp_path: Path) -> Record:
    return record_of(request, tmp_path)


async def asked(kit: HubKit, source: tuple[str, str] = WEB) -> tuple[str, str]:
    """The page's code was sent in the phone's name; it, and the number that went to the phone."""
    await kit.chat(source[1], "leverans")
    code = await kit.link(source, SMS)
    await kit.write(*SMS, code)
    number = kit.digits(*SMS)
    assert number is not None
    return code, number


def another(number: str) -> str:
    return f"{(int(number) + 1) % 100_000:05}"


async def apart(kit: HubKit, *, page: tuple[str, str] = WEB) -> bool:
    """Whether the two are two: nothing of one at the other, on the page, the wire or the card."""
    views = await kit.hub.chat.history(kit.address(*page), signed=True)
    own = {one.address.user for one in views} <= {page[1]}
    emitted = json.dumps(kit.wire.pages[page[1]])
    linked = [one for one in await kit.entries(*page) if isinstance(one.body, Linked)]
    channels = await kit.hub.own_channels.all(kit.address(*page))
    two = await kit.thread(*page) != await kit.thread(*SMS)
    return two and own and not linked and len(channels) == 1 and "twilio_sms" not in emitted


async def reasons(kit: HubKit) -> list[str]:
    bodies = [one.body for one in await kit.entries(*SMS)]
    return [body.reason for body in bodies if isinstance(body, LinkRefused)]


# --- who forges a sender ---------------------------------------------------------------------


async def test_a_code_in_a_phones_name_links_nothing_and_shows_nothing(kit: HubKit) -> None:
    await kit.write(*SMS, "min hemlighet")
    home = await kit.thread(*SMS)
    await asked(kit)
    for said in ("ja", "JA", "yes", "JA tack", "Öppettider"):
        await kit.write(*SMS, said)
    await kit.write(*SMS, "nytt ett")
    assert await apart(kit)
    assert await kit.thread(*SMS) == home
    assert kit.page("v1") == ["[answer.delivery.time]"]


async def test_the_digits_do_not_stand_in_the_thread(kit: HubKit) -> None:
    code, number = await asked(kit)
    said = str([one.body for one in await kit.entries(*SMS)][1:])
    assert number not in said
    assert code not in said
    assert "[link.confirm ••••]" in said


async def test_guessed_digits_end_at_five_and_the_right_ones_are_wrong_then(kit: HubKit) -> None:
    _, number = await asked(kit)
    guess = number
    for _ in range(5):
        guess = another(guess)
        await kit.write(*SMS, guess)
        assert kit.digits(*SMS) == number  # the phone alone is told, and always the same
    await kit.write(*SMS, number)
    assert kit.phone(*SMS)[-1] == "[link.refused]"
    assert await reasons(kit) == [TOO_MANY_NUMBERS]
    assert await apart(kit)
    # A fresh code brings no fresh tries.
    code = await kit.link(WEB, SMS)
    await kit.write(*SMS, code)
    await kit.write(*SMS, kit.digits(*SMS) or "")
    assert await apart(kit)
    await kit.pass_time(timedelta(hours=1))
    await kit.go_on(WEB, SMS)
    assert await kit.thread(*SMS) == await kit.thread(*WEB)


async def test_the_digits_of_another_phone_are_no_good(kit: HubKit) -> None:
    """The attacker's own phone is asked too: what it is told opens no other."""
    code, number = await asked(kit)
    await kit.write(*OTHER_SMS, code)
    assert kit.phone(*OTHER_SMS) == ["[link.refused]"]  # the code is the first one's now
    own = await kit.link(OTHER_WEB, SMS)
    await kit.chat("v2", "leverans")
    await kit.write(*OTHER_SMS, own)
    others = kit.digits(*OTHER_SMS)
    assert others is not None
    assert others != number
    await kit.write(*SMS, others)
    assert await apart(kit)
    await kit.write(*OTHER_SMS, number)
    assert await kit.thread(*OTHER_SMS) not in {await kit.thread(*SMS), await kit.thread(*WEB)}


async def test_the_digits_are_not_typed_on_the_page(kit: HubKit) -> None:
    _, number = await asked(kit)
    for said in (number, f"ja {number}", "ja"):
        await kit.chat("v1", said)
    assert await apart(kit)


async def test_the_owner_says_no_and_the_digits_are_no_good_after_it(kit: HubKit) -> None:
    for word in ("nej", "STOPP KOPPLING"):
        _, number = await asked(kit)
        await kit.write(*SMS, word)
        assert kit.phone(*SMS)[-1] == "[link.declined]"
        await kit.write(*SMS, number)
        assert await apart(kit)
    assert await reasons(kit) == [DECLINED] * 2


# --- the honest ------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["{}", " {}. ", "ja {}", "Yes {}!", "JA, {}"])
async def test_the_phone_repeats_the_number_and_that_is_all(kit: HubKit, written: str) -> None:
    _, number = await asked(kit)
    home = await kit.thread(*WEB)
    await kit.write(*SMS, written.format(number))
    assert await kit.thread(*SMS) == home
    assert kit.phone(*SMS)[1:] == ["[link.done]"]  # nothing older: nothing more is asked
    assert kit.page("v1")[-1] == "[link.notice]"
    (made,) = await kit.store.links([kit.identity(*who) for who in (WEB, SMS)])
    assert (made.link.proof, made.link.weak, made.link.asked) == (Proof.CODE, False, None)
    own, phone = await kit.hub.own_channels.all(kit.address(*WEB))
    assert (own.assurance.level, own.assurance.weak) == (Level.LINKED, False)
    assert (phone.assurance.level, phone.assurance.weak) == (Level.LINKED, True)
    await kit.write(*SMS, "öppettider")
    texts = [getattr(one.entry.body, "text", "") for one in await kit.hub.chat.history(
        kit.address(*WEB)
    )]  # fmt: skip
    assert texts[-2:] == ["öppettider", "[answer.store.hours]"]


async def test_the_number_said_again_changes_nothing(kit: HubKit) -> None:
    code, number = await asked(kit)
    for _ in range(2):
        await kit.write(*SMS, number)
    assert kit.phone(*SMS)[1:] == ["[link.done]", "[unsure.rephrase]"]
    await kit.write(*SMS, code)
    assert kit.phone(*SMS)[-1] == "[link.refused]"
    kinds = await kit.kinds(*SMS)
    assert (kinds.count("linked"), kinds.count("link_asked")) == (1, 1)


async def test_a_webhook_that_comes_again_asks_once(kit: HubKit) -> None:
    await kit.chat("v1", "leverans")
    webhook = kit.webhook(*SMS, await kit.link(WEB, SMS))
    for _ in range(3):
        await kit.deliver("twilio_sms", webhook)
        await kit.quiet()
    assert len(kit.phone(*SMS)) == 1


async def test_five_digits_that_nobody_asked_for_are_an_ordinary_message(kit: HubKit) -> None:
    await kit.write(*SMS, "retur")
    await kit.write(*SMS, "12345")
    assert kit.phone(*SMS)[-1] == "[form.return_item.order_number.again]"
    assert await reasons(kit) == []


async def test_what_was_there_before_is_asked_about_as_ever(kit: HubKit) -> None:
    await kit.write(*SMS, "min hemlighet")
    _, number = await asked(kit)
    await kit.write(*SMS, number)
    yes = kit.yes(*SMS)
    assert kit.phone(*SMS)[-1] == f"[link.done]\n\n[link.question {yes[-5:]}]"
    assert yes[-5:] != number
    await kit.write(*SMS, f"ja {number}")  # another question: another number
    assert "link_revealed" not in await kit.kinds(*SMS)
    await kit.write(*SMS, yes)
    assert "link_revealed" in await kit.kinds(*SMS)


# --- time, and two at once -------------------------------------------------------------------


async def test_it_waits_ten_minutes_from_when_the_code_came(kit: HubKit) -> None:
    await kit.chat("v1", "leverans")
    code = await kit.link(WEB, SMS)
    await kit.pass_time(9 * MINUTE)
    await kit.write(*SMS, code)
    number = kit.digits(*SMS)
    await kit.pass_time(9 * MINUTE)
    await kit.write(*SMS, code)  # again: it lives no longer for it
    assert kit.digits(*SMS) == number
    await kit.pass_time(MINUTE)
    await kit.write(*SMS, number or "")
    assert await apart(kit)
    assert kit.phone(*SMS)[-1] != "[link.done]"


async def test_of_two_pages_that_wait_the_digits_say_which(kit: HubKit) -> None:
    _, first = await asked(kit)
    _, second = await asked(kit, OTHER_WEB)
    assert first != second
    await kit.write(*SMS, first)
    assert await kit.thread(*SMS) == await kit.thread(*WEB)
    assert await kit.thread(*OTHER_WEB) != await kit.thread(*WEB)
    await kit.write(*SMS, second)
    assert await kit.thread(*OTHER_WEB) == await kit.thread(*WEB)


async def test_a_newer_code_of_the_page_voids_what_waits(kit: HubKit) -> None:
    _, number = await asked(kit)
    await kit.link(WEB, SMS)
    await kit.write(*SMS, number)
    assert await apart(kit)


async def test_another_link_that_ends_meanwhile_leaves_it_waiting(kit: HubKit) -> None:
    await kit.chat("v2", "leverans")
    await kit.go_on(OTHER_WEB, SMS)
    _, number = await asked(kit)
    phone = kit.identity(*SMS)
    await kit.hub.own_channels.unlink(kit.address(*OTHER_WEB), phone)
    await kit.quiet()
    await kit.write(*SMS, number)
    assert await kit.thread(*SMS) == await kit.thread(*WEB)
    assert await kit.thread(*OTHER_WEB) != await kit.thread(*WEB)


@pytest.mark.parametrize("gone", [WEB, SMS], ids=["web", "sms"])
async def test_who_is_erased_meanwhile_is_not_linked(kit: HubKit, gone: tuple[str, str]) -> None:
    _, number = await asked(kit)
    await erase(kit.store, await find(kit.store, kit.identity(*gone)))
    await kit.write(*SMS, number)
    assert kit.phone(*SMS)[-1] == "[unsure.rephrase]"
    assert await kit.store.links([kit.identity(*SMS), kit.identity(*WEB)]) == []


async def test_it_waits_over_a_restart_on_every_store(record: Record) -> None:
    async with (
        record.open() as (store, bus),
        hub_kit(store=store, bus=bus, clock=record.clock) as kit,
    ):
        _, number = await asked(kit)
        wire = kit.wire
    async with (
        record.open() as (store, bus),
        hub_kit(store=store, bus=bus, clock=record.clock, wire=wire) as kit,
    ):
        assert await apart(kit)
        await kit.write(*SMS, another(number))
        assert await apart(kit)
        await kit.write(*SMS, number)
        assert await kit.thread(*SMS) == await kit.thread(*WEB)
        entries = [one.body for one in await kit.entries(*SMS)]
        (question,) = [body for body in entries if isinstance(body, LinkAsked)]
        assert question.older is False
        await assert_rebuilds(kit)


# --- what a question calls the other side (R5) ------------------------------------------------


async def test_a_question_where_providers_vouch_names_the_chat_too() -> None:
    shown = CodeShown(began="14:02", browser="Firefox", system="Linux", place="SE")
    telegram = ("telegram", "77")
    async with hub_kit(shipped_content()) as kit:
        await kit.write(*telegram, "hej")
        await kit.chat("v1", "hej")
        offer = await kit.hub.linking.offer(
            kit.identity(*WEB), channel="telegram", account="demo", shown=shown
        )
        await kit.write(*telegram, ref=offer.code)
        chat = "chatten som började 14:02 i Firefox på Linux (SE)"
        assert f"Ska det också visas i {chat}? Svara JA eller NEJ." in kit.phone(*telegram)[-1]
        # Nothing known is nothing said.
        await kit.write("telegram", "78", "hej")
        offer = await kit.hub.linking.offer(kit.identity(*WEB), channel="telegram", account="demo")
        await kit.write("telegram", "78", ref=offer.code)
        asked = kit.phone("telegram", "78")[-1]
        assert "Ska det också visas i samtalet som du kom ifrån? Svara JA eller NEJ." in asked


async def test_where_a_code_was_shown_is_forgotten_after_a_day() -> None:
    async with hub_kit() as kit:
        await kit.chat("v1", "hej")
        source = kit.identity(*WEB)
        shown = CodeShown(began="14:02")
        await kit.hub.linking.offer(source, channel="telegram", account="demo", shown=shown)
        assert [one.body for one in await kit.store.facts([source])] == [shown]
        await kit.pass_time(timedelta(hours=23))
        await kit.hub.upkeep.prune()
        assert len(await kit.store.facts([source])) == 1
        await kit.pass_time(timedelta(hours=2))
        await kit.hub.upkeep.prune()
        assert await kit.store.facts([source]) == []


# --- what it may cost -------------------------------------------------------------------------


async def test_codes_by_sms_have_a_limit_for_all_and_one_for_each_country() -> None:
    settings = HubSettings(sms_codes_an_hour=4, foreign_sms_codes_an_hour=2)
    metrics = Metrics()
    async with hub_kit(settings=settings) as kit:
        kit.hub.feed.subscribe(metrics.hear)

        async def answer(number: str) -> str:
            await kit.chat("v1", "leverans")
            await kit.write("twilio_sms", number, await kit.link(WEB, SMS))
            return kit.phone("twilio_sms", number)[-1].split(" ")[0].rstrip("]") + "]"

        abroad = [await answer(f"+37256000{number:03}") for number in range(3)]
        assert abroad == ["[link.confirm]", "[link.confirm]", "[link.later]"]
        assert await answer("+4791000001") == "[link.confirm]"  # each country has its own
        home = [await answer(f"+46701740{number}") for number in (605, 699)]
        assert home == ["[link.confirm]", "[link.later]"]
        refused = [one.body for one in await kit.entries("twilio_sms", "+46701740699")]
        assert LinkRefused(reason=SPENT) in refused
        assert "samtal_codes_refused_total 2.0" in metrics.exposition().decode()
        await kit.pass_time(timedelta(hours=1))
        assert await answer("+46701740699") == "[link.confirm]"
