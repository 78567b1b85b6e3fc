"""What customers do besides plain messages, and the language they are answered in."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.model.channel import (
    Deleted,
    Edited,
    HelpKeyword,
    IdentityChanged,
    Reacted,
    Sender,
    Started,
    Unsupported,
)
from bot.model.event import EventBody
from bot.model.ids import EventId
from bot.model.people import ByCustomer, BySystem
from bot.model.record import Arrival, IdentitySeed
from bot.model.thread import MessageIn, Note, OwnedByAgent, Phase
from bot.model.understanding import Guess
from tests.builders import understood
from tests.fakes.nlu import FakeNlu
from tests.hubs import ANNA, TABLE, HubKit, assert_rebuilds, hub_kit

TELEGRAM, USER = "telegram", "77"
WHO = Sender(user=USER)


@pytest.fixture
async def kit() -> AsyncIterator[HubKit]:
    async with hub_kit() as made:
        yield made
        await assert_rebuilds(made)


async def happens(kit: HubKit, body: EventBody, *, channel: str = TELEGRAM) -> None:
    """Something happens at this person's address."""
    address = kit.address(channel, USER)
    arrival = Arrival(
        id=EventId.new(),
        identity=address.identity,
        seed=IdentitySeed(address=address),
        at=kit.clock.now(),
        body=body,
    )
    await kit.hub.ingress.submit([arrival])
    await kit.quiet()


# --- languages -------------------------------------------------------------------------------


async def test_the_first_message_sets_the_language(kit: HubKit) -> None:
    await kit.write(TELEGRAM, USER, "delivery")
    assert (await kit.state(TELEGRAM, USER)).language == "en"
    assert kit.phone(TELEGRAM, USER) == ["[answer.delivery.time|en]"]


async def test_one_foreign_word_does_not_switch_but_a_sentence_does(kit: HubKit) -> None:
    for text in ("leverans", "delivery", "what is the delivery time", "leverans"):
        await kit.write(TELEGRAM, USER, text)
    assert kit.phone(TELEGRAM, USER) == [
        "[answer.delivery.time]",
        "[answer.delivery.time]",
        "[answer.delivery.time|en]",
        "[answer.delivery.time|en]",
    ]


async def test_an_unsure_reading_sets_no_language() -> None:
    unsure = understood("delivery.time", language="en").model_copy(
        update={"language_confidence": 0.59}
    )
    async with hub_kit(nlu=FakeNlu({"delivery": unsure})) as kit:
        await kit.write(TELEGRAM, USER, "what is the delivery time")
        assert (await kit.state(TELEGRAM, USER)).language is None
        assert kit.phone(TELEGRAM, USER) == ["[answer.delivery.time]"]


async def test_the_queues_notice_is_in_the_language_of_the_last_sentence(kit: HubKit) -> None:
    await kit.write(TELEGRAM, USER, "människa")
    await kit.pass_time(1)
    await kit.write(TELEGRAM, USER, "hello is the human coming")
    assert kit.phone(TELEGRAM, USER) == ["[handoff.offered]", "[handoff.position|en]"]


# --- without words ---------------------------------------------------------------------------


async def test_what_cannot_be_shown_is_kept_and_answered(kit: HubKit) -> None:
    await happens(kit, Unsupported(sender=WHO, dedupe_key="p", external_id="p", what="poll"))
    assert kit.phone(TELEGRAM, USER) == ["[unsupported.received]"]
    assert "unsupported_in" in await kit.kinds(TELEGRAM, USER)
    episode = (await kit.state(TELEGRAM, USER)).episode
    assert episode is not None
    assert episode.phase is Phase.OPEN


async def test_what_cannot_be_shown_gets_no_bot_answer_while_an_agent_owns(kit: HubKit) -> None:
    await kit.write(TELEGRAM, USER, "hej")
    await kit.hub.desk.accept(await kit.thread(TELEGRAM, USER), ANNA, takeover=True)
    await kit.quiet()
    shown = kit.phone(TELEGRAM, USER)
    await happens(kit, Unsupported(sender=WHO, dedupe_key="p", external_id="p", what="poll"))
    await happens(kit, Started(sender=WHO, dedupe_key="s"))
    await happens(kit, HelpKeyword(sender=WHO, dedupe_key="h"))
    assert kit.phone(TELEGRAM, USER) == shown
    kinds = await kit.kinds(TELEGRAM, USER)
    assert kinds[-3:] == ["unsupported_in", "conversation_started", "note"]
    assert isinstance((await kit.state(TELEGRAM, USER)).owner, OwnedByAgent)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (Edited(sender=WHO, dedupe_key="k", external_id="m", text="ny"), "message_edited"),
        (Deleted(sender=WHO, dedupe_key="k", external_id="m"), "message_deleted"),
        (Reacted(sender=WHO, dedupe_key="k", external_id="m", emoji="👍🏽"), "reaction"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_facts_are_kept_and_not_answered(kit: HubKit, body: EventBody, kind: str) -> None:
    await kit.write(TELEGRAM, USER, "leverans")
    before, shown = await kit.entries(TELEGRAM, USER), kit.phone(TELEGRAM, USER)
    await happens(kit, body)
    *same, last = await kit.entries(TELEGRAM, USER)
    assert same == before
    assert (last.body.kind, last.by) == (
        kind,
        ByCustomer(identity=kit.identity(TELEGRAM, USER)),
    )
    assert kit.phone(TELEGRAM, USER) == shown


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (Edited(sender=WHO, dedupe_key="k", external_id="m", text="ny", ours=True), "edited"),
        (Deleted(sender=WHO, dedupe_key="k", external_id="m", ours=True), "deleted"),
    ],
    ids=["edited", "deleted"],
)
async def test_what_the_business_takes_back_in_the_providers_app_is_not_the_customers_doing(
    kit: HubKit, body: EventBody, kind: str
) -> None:
    await kit.write(TELEGRAM, USER, "leverans")
    shown = kit.phone(TELEGRAM, USER)
    await happens(kit, body)
    last = (await kit.entries(TELEGRAM, USER))[-1]
    assert (last.body.kind, last.by) == (f"message_{kind}", BySystem())
    assert kit.phone(TELEGRAM, USER) == shown


@pytest.mark.parametrize(
    ("new", "told"),
    [
        ("+46701740688", "reached at +46701740688 from now on"),
        (None, "the security code has changed"),
    ],
    ids=["moved", "another_telephone"],
)
async def test_another_address_is_noted_and_not_answered(
    kit: HubKit, new: str | None, told: str
) -> None:
    await kit.write(TELEGRAM, USER, "leverans")
    shown = kit.phone(TELEGRAM, USER)
    await happens(kit, IdentityChanged(sender=WHO, dedupe_key="k", new_identity=new))
    last = (await kit.entries(TELEGRAM, USER))[-1]
    assert (last.body, last.by) == (Note(text=told), BySystem())
    assert kit.phone(TELEGRAM, USER) == shown


# --- words -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "👩‍👩‍👧‍👦" * 50,
        "leverans " * 500,
        "åäö\u202e漢字 عربي",
        "1\n2\n3",
        "{{ customer.name }} <b>",
    ],
    ids=["emoji", "long", "scripts", "lines", "markup"],
)
async def test_any_words_are_kept_as_they_came_and_answered(kit: HubKit, text: str) -> None:
    await kit.write(TELEGRAM, USER, text)
    (heard,) = [e.body for e in await kit.entries(TELEGRAM, USER) if isinstance(e.body, MessageIn)]
    assert heard.text == text.strip() or heard.text == text
    assert len(kit.phone(TELEGRAM, USER)) == 1


async def test_a_number_chooses_on_sms_and_a_press_where_there_are_buttons() -> None:
    close = understood("delivery.time", confidence=0.4).model_copy(
        update={
            "guesses": (
                Guess(intent="delivery.time", confidence=0.4),
                Guess(intent="store.hours", confidence=0.3),
            )
        }
    )
    async with hub_kit(nlu=FakeNlu({"paketet": close, **TABLE})) as kit:
        asked = "[clarify.choices]\n1. [topic.delivery.time]\n2. [topic.store.hours]"
        await kit.write("twilio_sms", "+46701", "paketet")
        assert kit.phone("twilio_sms", "+46701") == [asked]
        await kit.write("twilio_sms", "+46701", "2")
        assert kit.phone("twilio_sms", "+46701") == [asked, "[answer.store.hours]"]
        await kit.write("messenger", "7001", "paketet")
        (shown,) = kit.wire.shown["messenger", "7001"]
        assert (shown.text, len(shown.choices)) == ("[clarify.choices]", 2)
        await kit.write("messenger", "7001", "x", payload="intent:delivery.time")
        assert kit.phone("messenger", "7001")[-1] == "[answer.delivery.time]"
        await kit.write("twilio_sms", "+46701", "2")
        assert kit.phone("twilio_sms", "+46701")[-1] == "[unsure.rephrase]"
