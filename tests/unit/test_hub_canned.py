"""Canned replies: which of the content agents are offered, and how it is filled in."""

from __future__ import annotations

import pytest

from bot.errors import NotFound
from bot.hub.canned import CannedReplies
from bot.hub.content import ContentSet
from bot.hub.content.parse import parse
from bot.hub.forms import Forms
from bot.hub.settings import HubSettings
from bot.model.ids import ThreadId
from tests.hubs import hub_kit, shipped_personas

PHONE = "+46701234567"
NAMED = "Hej {{ customer.first_name }}, den är på väg."
OLD = 'valid: {to: "2020-01-01T00:00+01:00"}\n'
SOURCES = (
    ("fallback.safe", "en", "", "Safe"),
    ("answer.delivery", "sv", "", "Två dagar.\nIbland tre."),
    ("answer.delivery", "sv", "channel: [sms]\n", "2 dagar."),
    ("answer.delivery", "sv", "stage: [support]\nchannel: [sms]\n", "Paketet kommer."),
    ("answer.delivery", "en", "", "Two days."),
    ("topic.delivery", "sv", "", "När kommer det?"),
    ("topic.delivery", "en", "", "When does it come?"),
    ("answer.order", "sv", "", NAMED),
    ("topic.order", "sv", "", "Var är min order?"),
    ("answer.english", "en", "", "Only in English."),
    ("topic.english", "sv", "", "Bara titeln"),
    ("topic.english", "en", "", "Language"),
    ("answer.untitled", "sv", "", "Titeln finns inte\npå svenska."),
    ("topic.untitled", "en", "", "No text of its own"),
    ("answer.over", "sv", OLD, "Det var då."),
    ("topic.over", "sv", "", "Slut"),
    ("answer.greet", "sv", "", "Hej!"),
    ("topic.alone", "sv", "", "Ingen text"),
)
CONTENT = ContentSet(
    parse(f"---\nslot: {slot}\nlocale: {locale}\n{head}---\n{text}\n", file=f"{number}.{locale}.md")
    for number, (slot, locale, head, text) in enumerate(SOURCES)
)


def _shown(found: CannedReplies) -> list[tuple[str, str]]:
    return [(one.title, one.text) for one in found.replies]


async def test_answers_with_a_topic_are_offered_in_one_language_for_one_channel() -> None:
    async with hub_kit(CONTENT) as kit:
        canned = kit.hub.canned
        here = await canned.replies("twilio_sms", language="sv")
        assert here.language == "sv"
        assert _shown(here) == [
            ("När kommer det?", "2 dagar."),
            ("Titeln finns inte", "Titeln finns inte\npå svenska."),
        ]
        first = here.replies[0]
        assert first.slot == "answer.delivery"
        assert first.variant.startswith("2.sv@")
        web = await canned.replies("webchat", language="sv")
        assert _shown(web)[0] == ("När kommer det?", "Två dagar.\nIbland tre.")
        english = await canned.replies("twilio_sms", language="en")
        assert _shown(english) == [
            ("Language", "Only in English."),
            ("When does it come?", "Two days."),
        ]


async def test_a_thread_gives_its_customers_name_language_and_stage() -> None:
    async with hub_kit(CONTENT) as kit:
        await kit.write("telegram", PHONE, "delivery", name="Kim Ek")
        thread = await kit.thread("telegram", PHONE)
        row = await kit.hub.desk.thread(thread)
        name = (row.identities[0].name or "").split()[0]
        assert row.state.language == "en"
        theirs = await kit.hub.canned.replies("telegram", thread=thread)
        assert theirs.language == "en"
        assert len(theirs.replies) == 2
        swedish = await kit.hub.canned.replies("telegram", language="sv", thread=thread)
        assert ("Var är min order?", f"Hej {name}, den är på väg.") in _shown(swedish)
        # They have no address there, so nothing is filled in for them.
        elsewhere = await kit.hub.canned.replies("twilio_sms", language="sv", thread=thread)
        assert [title for title, _ in _shown(elsewhere)] == ["När kommer det?", "Titeln finns inte"]
        with pytest.raises(NotFound):
            await kit.hub.canned.replies("telegram", thread=ThreadId.of("nobody's"))


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        ("KOMMER dagar", ["När kommer det?"]),
        ("answer.untitled", ["Titeln finns inte"]),
        ("kommer svenska", []),
        ("  ", ["När kommer det?", "Titeln finns inte"]),
    ],
)
async def test_all_words_are_found_in_slot_title_and_text(text: str, titles: list[str]) -> None:
    async with hub_kit(CONTENT) as kit:
        found = await kit.hub.canned.replies("twilio_sms", language="sv", text=text)
        assert [one.title for one in found.replies] == titles


async def test_content_that_was_reloaded_is_offered_at_once() -> None:
    async with hub_kit(CONTENT) as kit:
        assert (await kit.hub.canned.replies("webchat")).language == "sv"
        new = ContentSet(
            parse(f"---\nslot: {slot}\nlocale: en\n---\n{text}\n", file=f"{slot}.md")
            for slot, text in (
                ("fallback.safe", "Safe"),
                ("answer.new", "It is new."),
                ("topic.new", "New"),
            )
        )
        settings = HubSettings(default_language="en")
        personas = shipped_personas()
        kit.hub.take_over(content=new, forms=Forms(()), personas=personas, settings=settings)
        found = await kit.hub.canned.replies("webchat")
        assert (found.language, _shown(found)) == ("en", [("New", "It is new.")])


async def test_asking_changes_nothing() -> None:
    async with hub_kit(CONTENT) as kit:
        await kit.write("twilio_sms", PHONE, "leverans")
        before = (await kit.entries("twilio_sms", PHONE), await kit.store.gaps(limit=10))
        thread = await kit.thread("twilio_sms", PHONE)
        await kit.hub.canned.replies("twilio_sms", language="en", thread=thread)
        after = (await kit.entries("twilio_sms", PHONE), await kit.store.gaps(limit=10))
        assert after == before
