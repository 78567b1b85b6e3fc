"""From lines to words: which content, in which language, with choices as buttons or numbers."""

from __future__ import annotations

import pytest

from bot.hub.content import ContentSet
from bot.hub.content.parse import parse
from bot.hub.draft import Words
from bot.hub.router import Line
from bot.hub.settings import HubSettings
from bot.hub.voice import Speaking, Voice
from bot.model.channel import Address
from bot.model.ids import ThreadId
from bot.model.people import ChannelIdentity
from bot.model.sending import Choice, ChoiceKind
from bot.model.thread import ThreadState
from bot.model.understanding import Language, Need
from tests.builders import START
from tests.hubs import played

GREETING = """choices:
  - {title: "Var är min order?", payload: "intent:order.status"}
  - {title: "Öppna kartan", url: "https://example.com/karta"}
"""
TENTS = """choices: [Fler]
cards:
  - {title: Abisko, text: Lätt, image: /static/a.svg, buttons: [Abisko i lager]}
  - title: Sarek
    buttons:
      - {title: Läs mer, url: "https://example.com/sarek"}
      - {title: Sarek i lager, payload: "intent:stock.check"}
"""
HELLO = "Hej{% if customer.first_name %} {{ customer.first_name }}{% endif %}!"
SOURCES = (
    ("fallback.safe", "en", "", "Safe"),
    ("fallback.safe", "sv", "", "Säkert"),
    ("answer.greet", "sv", GREETING, HELLO),
    ("answer.greet", "en", "", "Hi!"),
    ("answer.return", "sv", "need: process\n", "Så här gör du."),
    ("answer.return", "sv", "", "Returer är fria."),
    ("form.size", "sv", "", "Vilken storlek?"),
    ("clarify.choices", "sv", "", "Menar du?"),
    ("topic.delivery", "sv", "", "Leverans"),
    ("topic.order", "sv", "", "Order"),
    ("answer.tent", "sv", TENTS, "Två tält:"),
    ("only.swedish", "sv", "", "Bara svenska"),
)
CONTENT = ContentSet(
    parse(f"---\nslot: {slot}\nlocale: {locale}\n{head}---\n{text}\n", file=f"{number}.{locale}.md")
    for number, (slot, locale, head, text) in enumerate(SOURCES)
)
VOICE = Voice(content=CONTENT, channels=played()[0], settings=HubSettings())


def spoken(
    *lines: str | Line,
    channel: str = "webchat",
    language: Language | None = "sv",
    told: str | None = None,
    name: str | None = None,
    need: Need | None = None,
) -> Words:
    where = Address(channel=channel, account="demo", user="u")
    identity = ChannelIdentity(
        id=where.identity,
        address=where,
        thread=where.home_thread,
        name=name,
        language=told,
        created_at=START,
    )
    state = ThreadState(thread=ThreadId.of("t"), language=language)
    made = tuple(Line(slot=line) if isinstance(line, str) else line for line in lines)
    return VOICE.words(made, Speaking(state, identity, START, need), rule="a rule")


def test_choices_are_buttons_where_the_channel_has_them() -> None:
    words = spoken("answer.greet")
    assert (words.text, words.buttons) == ("Hej!", True)
    assert [choice.title for choice in words.choices] == ["Var är min order?", "Öppna kartan"]


def test_cards_are_shown_where_the_channel_has_them() -> None:
    words = spoken("answer.tent")
    assert (words.text, words.buttons) == ("Två tält:", True)
    assert [card.title for card in words.cards] == ["Abisko", "Sarek"]
    assert [choice.title for choice in words.choices] == ["Fler"]
    assert words.decision is not None
    assert words.decision.notes == ()


@pytest.mark.parametrize("channel", ["telegram", "messenger"])
def test_cards_are_words_where_it_has_buttons_alone(channel: str) -> None:
    words = spoken("answer.tent", channel=channel)
    assert words.text == ("Två tält:\n\nAbisko\nLätt\n\nSarek\nLäs mer: https://example.com/sarek")
    assert (words.cards, words.buttons) == ((), True)
    titles = ["Fler", "Abisko i lager", "Sarek i lager"]
    assert [choice.title for choice in words.choices] == titles
    assert words.decision is not None
    assert words.decision.notes == ("the channel shows no cards: they were written out",)


def test_answers_on_cards_are_numbers_where_it_has_none() -> None:
    words = spoken("answer.tent", channel="twilio_sms")
    assert words.text == (
        "Två tält:\n\nAbisko\nLätt\n\nSarek\nLäs mer: https://example.com/sarek\n"
        "1. Fler\n2. Abisko i lager\n3. Sarek i lager"
    )
    assert (words.cards, words.buttons) == ((), False)


def test_choices_are_numbers_where_it_has_none_and_addresses_are_written_out() -> None:
    words = spoken("answer.greet", channel="twilio_sms")
    assert words.text == ("Hej!\n1. Var är min order?\n2. Öppna kartan https://example.com/karta")
    assert words.buttons is False
    assert words.choices[1].kind is ChoiceKind.URL


def test_a_text_without_choices_stays_as_it_is_without_buttons() -> None:
    words = spoken("form.size", channel="twilio_sms")
    assert (words.text, words.choices, words.buttons) == ("Vilken storlek?", (), True)


def test_the_routers_choices_replace_the_contents_and_get_their_titles() -> None:
    line = Line(
        slot="clarify.choices",
        choices=(
            Choice(title="topic.delivery", payload="intent:delivery"),
            Choice(title="topic.order", payload="intent:order"),
        ),
    )
    assert spoken(line).choices == (
        Choice(title="Leverans", payload="intent:delivery"),
        Choice(title="Order", payload="intent:order"),
    )


def test_several_lines_are_one_message_and_the_first_is_the_decision() -> None:
    words = spoken("form.size", "answer.greet")
    assert words.text == "Vilken storlek?\n\nHej!"
    assert len(words.choices) == 2
    assert words.decision is not None
    assert (words.decision.rule, words.decision.slot) == ("a rule", "form.size")
    assert words.gap is None


@pytest.mark.parametrize(
    ("language", "told", "said"),
    [
        ("en", "sv", "Hi!"),
        (None, "en-GB", "Hi!"),
        (None, "EN_us", "Hi!"),
        (None, "sv-SE", "Hej!"),
        (None, "fi", "Hej!"),
        (None, "", "Hej!"),
        (None, None, "Hej!"),
    ],
)
def test_the_language_is_the_customers_then_the_providers_then_the_default(
    language: Language | None, told: str | None, said: str
) -> None:
    assert spoken("answer.greet", language=language, told=told).text == said


@pytest.mark.parametrize(
    ("name", "said"), [("Eva Åberg", "Hej Eva!"), ("  ", "Hej!"), (None, "Hej!")]
)
def test_the_customers_name(name: str | None, said: str) -> None:
    assert spoken("answer.greet", name=name).text == said


def test_the_need_picks_the_variant() -> None:
    assert spoken("answer.return", need=Need.PROCESS).text == "Så här gör du."
    assert spoken("answer.return", need=Need.COMMERCIAL).text == "Returer är fria."
    assert spoken("answer.return").text == "Returer är fria."


def test_demand_without_content_is_a_gap_also_in_a_second_line() -> None:
    words = spoken("form.size", "answer.nothing")
    assert words.text == "Vilken storlek?\n\nSäkert"
    assert words.gap is not None
    assert (words.gap.slot, words.gap.locale, words.gap.channel) == (
        "answer.nothing",
        "sv",
        "webchat",
    )
    swedish = spoken("only.swedish", language="en")
    assert swedish.text == "Safe"
    assert swedish.gap is not None
