"""The content that comes with the project: complete, clean, and set out as it would be written."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from bot.hub.content import ContentSet, Moment, Variables
from bot.hub.content.choices import answers
from bot.hub.content.lint import check, format_problems
from bot.hub.content.parse import format_variant, read_file
from bot.hub.forms import Forms
from bot.hub.personas import Personas
from bot.kit.sms import SmsEncoding, cost
from tests.conftest import ROOT

CONTENT = ROOT / "config" / "content"
FORMS = ROOT / "config" / "forms"
PERSONAS = ROOT / "config" / "personas.yaml"
NLU = ROOT / "config" / "nlu"
FILES = sorted(CONTENT.rglob("*.md"))
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
# The router brings in a human for this one.
HUMAN = "human.request"
# The bot never asks whether one of these was meant.
NO_TOPICS = {"greet", "goodbye", "thanks", "affirm", "deny", HUMAN}
SYSTEM_SLOTS = (
    "clarify.choices",
    "fallback.safe",
    "handoff.accepted",
    "handoff.cancelled",
    "handoff.expired",
    "handoff.offered",
    "handoff.position",
    "handoff.returned",
    "link.done",
    "link.ended",
    "link.notice",
    "link.otp",
    "link.confirm",
    "link.declined",
    "link.later",
    "link.question",
    "link.signed_in",
    "link.refused",
    "link.revealed",
    "optin.confirmed",
    "optout.confirmed",
    "resume.question",
    "unsupported.received",
    "unsure.rephrase",
)


@pytest.fixture(scope="module")
def content() -> ContentSet:
    return ContentSet.load(CONTENT)


@pytest.fixture(scope="module")
def forms() -> Forms:
    return Forms.load(FORMS)


def read_yaml(path: Path) -> dict[str, dict[str, object]]:
    loaded: dict[str, dict[str, object]] = YAML(typ="safe").load(path)
    return loaded


def intents() -> list[str]:
    files = sorted(NLU.glob("*.yaml"))
    return [intent for path in files for intent in read_yaml(path).get("intents", {})]


def said(content: ContentSet, slot: str, locale: str, channel: str = "webchat") -> str:
    moment = Moment(channel=channel, locale=locale, now=NOW)
    found = content.resolve(slot, moment)
    assert found.gap is None, (slot, locale, found.decision.candidates)
    return found.text


def test_the_shipped_content_has_no_problems() -> None:
    assert format_problems(check(CONTENT, now=NOW)) == "0 errors, 0 warnings"


def test_every_file_reads_without_loss() -> None:
    assert len(FILES) > 200
    for path in FILES:
        variant = read_file(path, root=CONTENT).variant
        assert format_variant(variant) == path.read_text(encoding="utf-8"), path


@pytest.mark.parametrize("locale", ["sv", "en"])
def test_every_intent_is_answered(content: ContentSet, forms: Forms, locale: str) -> None:
    assert len(intents()) > 30
    for intent in intents():
        form = forms.by_intent(intent)
        slots = form.slots if form else (f"answer.{intent}",)
        for slot in () if intent == HUMAN else slots:
            assert said(content, slot, locale), slot


@pytest.mark.parametrize("locale", ["sv", "en"])
def test_every_intent_that_may_be_asked_for_has_a_title(content: ContentSet, locale: str) -> None:
    for intent in set(intents()) - NO_TOPICS:
        assert said(content, f"topic.{intent}", locale), intent


def test_no_slot_is_there_that_nobody_says(content: ContentSet, forms: Forms) -> None:
    answered = {
        f"answer.{each}" for each in intents() if each != HUMAN and not forms.by_intent(each)
    }
    topics = {f"topic.{each}" for each in set(intents()) - NO_TOPICS}
    asked = {slot for form in forms.all for slot in form.slots}
    assert set(content.slots) == answered | topics | asked | set(SYSTEM_SLOTS)
    personas = {persona for each in content.variants for persona in each.persona}
    assert personas == {"business", "parent"}
    assert personas < {persona.key for persona in Personas.load(PERSONAS).all}


def test_pressing_a_choice_leads_somewhere(content: ContentSet) -> None:
    payloads = {choice.payload for each in content.variants for choice in each.choices}
    payloads |= {one.payload for each in content.variants for one in answers(each.cards)}
    assert payloads <= {f"intent:{intent}" for intent in intents()}


def test_every_picture_of_a_card_is_there(content: ContentSet) -> None:
    pictures = {card.image for each in content.variants for card in each.cards}
    assert pictures == {"/static/tent-light.svg", "/static/tent-tunnel.svg"}
    for picture in pictures:
        assert picture is not None
        assert (ROOT / "web/public" / picture.removeprefix("/static/")).is_file()


@pytest.mark.parametrize("locale", ["sv", "en"])
@pytest.mark.parametrize("slot", SYSTEM_SLOTS)
def test_every_system_text_is_there(content: ContentSet, slot: str, locale: str) -> None:
    assert said(content, slot, locale)


def test_the_stages_are_those_that_the_reader_knows(content: ContentSet) -> None:
    stages = read_yaml(NLU / "settings.yaml")["stages"]
    assert {stage for each in content.variants for stage in each.stage} <= set(stages)


def test_texts_for_sms_cost_one_part(content: ContentSet) -> None:
    texts = [each for each in content.variants if each.channel]
    assert len(texts) > 20
    for variant in texts:
        assert variant.channel == ("sms",)
        price = cost(re.sub(r"\{\{.*?\}\}", "FB-104233", variant.text))
        assert (price.encoding, price.segments) == (SmsEncoding.GSM7, 1), variant.name


def test_a_narrower_text_is_said_where_it_fits(content: ContentSet) -> None:
    slot = "answer.delivery.time"
    web, sms = said(content, slot, "sv"), said(content, slot, "sv", "twilio_sms")
    assert sms.startswith("Varor i lager är framme inom 2 till 4 vardagar. Du får ett sms")
    assert web != sms


def test_the_bot_says_that_it_is_one(content: ContentSet) -> None:
    assert "är en bot, inte en människa" in said(content, "answer.bot.identity", "sv")
    assert "am a bot, not a human" in said(content, "answer.bot.identity", "en")
    assert "bot" in said(content, "answer.greet", "sv")


def test_the_agent_is_introduced_by_name(content: ContentSet) -> None:
    anna = Variables.of({"agent.name": "Anna"})
    moment = Moment(channel="webchat", locale="sv", now=NOW, variables=anna)
    assert content.resolve("handoff.accepted", moment).text.startswith("Anna är här")
    assert said(content, "handoff.accepted", "sv").startswith("En kollega är här")
