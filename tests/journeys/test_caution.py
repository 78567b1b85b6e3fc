"""When the reader is not sure: it asks back once with two choices, then a human or safe words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.model.fact import ReviewReason
from bot.model.listing import ThreadFilter
from bot.model.thread import MessageOut
from bot.model.understanding import Guess, Understanding
from tests.builders import understood
from tests.fakes.nlu import FakeNlu
from tests.hubs import hub_kit, only_thread, shipped_content, shipped_forms
from tests.journeys.texts import words
from tests.records import KINDS, record_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.hubs import HubKit

SMS = ("twilio_sms", "+46701234567")
ANSWER_AT, ASK_AT = 0.66, 0.26


def sure(confidence: float, *, in_scope: bool = True) -> Understanding:
    """A reading of a model that chose its lines itself."""
    return understood("delivery.time", confidence=confidence).model_copy(
        update={
            "guesses": (
                Guess(intent="delivery.time", confidence=confidence),
                Guess(intent="store.hours", confidence=confidence / 2),
            ),
            "in_scope": in_scope,
            "answer_at": ANSWER_AT,
            "ask_at": ASK_AT,
        }
    )


READ: dict[str, Understanding | str] = {
    "säker": sure(ANSWER_AT),
    "nästan": sure(ANSWER_AT - 0.01),
    "knappt": sure(ASK_AT),
    "oklar": sure(ASK_AT - 0.01),
    "främmande": sure(0.99, in_scope=False),
}


@pytest.fixture(params=KINDS)
async def kit(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[HubKit]:
    record = record_of(request, tmp_path)
    async with (
        record.open() as (store, bus),
        hub_kit(
            shipped_content(),
            shipped_forms(),
            store=store,
            bus=bus,
            nlu=FakeNlu(READ),
            clock=record.clock,
        ) as kit,
    ):
        yield kit


async def says(kit: HubKit, text: str) -> str:
    """What the customer gets for a text: one message."""
    before = len(kit.phone(*SMS))
    await kit.write(*SMS, text)
    (shown,) = kit.phone(*SMS)[before:]
    return shown


async def rules(kit: HubKit) -> list[str]:
    """Why the bot said what it said."""
    entries = await kit.entries(*SMS)
    sent = [one.body for one in entries if isinstance(one.body, MessageOut)]
    return [body.decision.rule for body in sent if body.decision is not None]


async def offered(kit: HubKit) -> int:
    return len((await kit.hub.desk.threads(ThreadFilter(owner="offered"))).rows)


def said(slot: str) -> str:
    return words(slot, "sv", channel=SMS[0])


def asked() -> str:
    topics = [said("topic.delivery.time"), said("topic.store.hours")]
    return "\n".join([said("clarify.choices"), *(f"{n}. {t}" for n, t in enumerate(topics, 1))])


async def test_asked_once_and_still_unsure_a_human_comes(kit: HubKit) -> None:
    assert await says(kit, "nästan") == asked()
    assert await offered(kit) == 0
    assert await says(kit, "knappt") == said("handoff.offered")
    assert await offered(kit) == 1
    assert await rules(kit) == ["close_call", "unsure_twice"]
    waiting = (await kit.hub.reviewing.page(None, limit=9)).items
    assert {(one.text, one.reason, one.confidence) for one in waiting} == {
        ("nästan", ReviewReason.UNSURE, 0.65),
        ("knappt", ReviewReason.UNSURE, 0.26),
    }
    assert (await kit.state(*SMS)).thread == await only_thread(kit)


async def test_the_number_is_the_answer_and_the_next_doubt_is_the_first_again(kit: HubKit) -> None:
    assert await says(kit, "knappt") == asked()
    assert await says(kit, "2") == said("answer.store.hours")
    assert await says(kit, "nästan") == asked()
    assert await says(kit, "1") == said("answer.delivery.time")
    assert await offered(kit) == 0


@pytest.mark.parametrize("unclear", ["oklar", "främmande"])
async def test_below_the_second_line_it_says_so_safely_and_then_a_human_comes(
    kit: HubKit, unclear: str
) -> None:
    assert await says(kit, unclear) == said("unsure.rephrase")
    assert await offered(kit) == 0
    assert await says(kit, unclear) == said("handoff.offered")
    assert await offered(kit) == 1
    assert await rules(kit) == ["unsure", "unsure_twice"]


async def test_at_the_first_line_it_answers_and_asks_nobody(kit: HubKit) -> None:
    assert await says(kit, "säker") == said("answer.delivery.time")
    assert await says(kit, "säker") == said("answer.delivery.time")
    assert await rules(kit) == ["confident", "confident"]
    assert (await kit.hub.reviewing.page(None, limit=9)).items == ()
