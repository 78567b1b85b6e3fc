"""Messages to learn from: which are listed, what people may say of them, and that they go along."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.errors import Conflict, NotFound
from bot.hub.reviewing import Labelled, ReviewItem
from bot.model.fact import FactPlace, ForReview, ReviewReason
from bot.model.ids import AgentId, EntryId, FactId
from bot.model.thread import MessageIn
from bot.model.understanding import Guess
from tests.builders import understood
from tests.fakes.nlu import FakeNlu
from tests.hubs import HubKit, hub_kit

BY = AgentId.of("anna")
SMS = ("twilio_sms", "+46701234567")
CLOSE = understood("delivery.time").model_copy(
    update={
        "guesses": (
            Guess(intent="delivery.time", confidence=0.4),
            Guess(intent="order.status", confidence=0.3),
        )
    }
)
NLU = FakeNlu({"paketet": CLOSE, "leverans": "delivery.time", "retur": "return.start"})


@pytest.fixture
async def kit() -> AsyncIterator[HubKit]:
    async with hub_kit(nlu=NLU) as kit:
        yield kit


async def waiting(kit: HubKit, reason: ReviewReason | None = None) -> list[ReviewItem]:
    return list((await kit.hub.reviewing.page(reason, limit=50)).items)


async def rows(kit: HubKit) -> list[Labelled]:
    return [row async for row in kit.hub.reviewing.labelled()]


async def test_what_was_not_understood_for_sure_is_for_review(kit: HubKit) -> None:
    await kit.chat("v1", "paketet")
    await kit.pass_time(1)
    await kit.chat("v1", "leverans")
    await kit.pass_time(1)
    await kit.chat("v2", "blargh")
    strange, close = await waiting(kit)
    assert (close.text, close.reason, close.guess, close.confidence, close.language) == (
        "paketet",
        ReviewReason.UNSURE,
        "delivery.time",
        0.4,
        "sv",
    )
    assert (strange.text, strange.reason, strange.guess) == (
        "blargh",
        ReviewReason.OUT_OF_SCOPE,
        None,
    )
    assert await waiting(kit, ReviewReason.UNSURE) == [close]
    assert await waiting(kit, ReviewReason.OUT_OF_SCOPE) == [strange]
    (kept,) = await kit.store.known_facts([close.id])
    assert isinstance(kept.body, ForReview)
    assert "paketet" not in kept.model_dump_json()


async def test_a_verdict_takes_it_off_the_list_and_makes_a_row(kit: HubKit) -> None:
    await kit.chat("v1", "paketet")
    await kit.chat("v2", "blargh")
    await kit.chat("v3", "blorgh")
    items = {item.text: item for item in await waiting(kit)}
    reviewing = kit.hub.reviewing
    await reviewing.settle(items["paketet"].id, "order.status", by=BY)
    await reviewing.settle(items["blargh"].id, None, by=BY)
    await reviewing.settle(items["paketet"].id, "order.status", by=AgentId.of("bo"))
    assert [item.text for item in await waiting(kit)] == ["blorgh"]
    assert await rows(kit) == [Labelled(text="paketet", label="order.status", lang="sv")]
    with pytest.raises(Conflict):
        await reviewing.settle(items["paketet"].id, "delivery.time", by=BY)
    with pytest.raises(Conflict):
        await reviewing.settle(items["blargh"].id, "delivery.time", by=BY)
    with pytest.raises(NotFound):
        await reviewing.settle(FactId.of("nothing"), "delivery.time", by=BY)
    assert len(await rows(kit)) == 1


async def test_an_agent_corrects_a_message_that_the_reader_was_sure_of(kit: HubKit) -> None:
    await kit.chat("v1", "leverans")
    assert await waiting(kit) == []
    (said, *_) = await kit.entries("webchat", "v1")
    answer = next(one for one in await kit.entries("webchat", "v1") if one.id != said.id)
    before = await kit.state("webchat", "v1")
    assert isinstance(said.body, MessageIn)
    await kit.hub.reviewing.correct(said.id, "order.status", by=BY)
    await kit.hub.reviewing.correct(said.id, "order.status", by=BY)
    assert await rows(kit) == [Labelled(text="leverans", label="order.status", lang="sv")]
    assert await waiting(kit) == []
    assert await kit.state("webchat", "v1") == before
    with pytest.raises(Conflict):
        await kit.hub.reviewing.correct(said.id, "return.start", by=BY)
    for nothing in (answer.id, EntryId.of("nothing")):
        with pytest.raises(NotFound):
            await kit.hub.reviewing.correct(nothing, "order.status", by=BY)


async def test_pages_go_on_where_they_ended_whatever_was_settled(kit: HubKit) -> None:
    for number in range(7):
        await kit.chat(f"v{number}", f"blargh {number}")
        await kit.pass_time(1)
    everything = [item.text for item in await waiting(kit)]
    assert everything == [f"blargh {number}" for number in range(6, -1, -1)]
    found: list[str] = []
    place: FactPlace | None = None
    while True:
        page = await kit.hub.reviewing.page(before=place, limit=3)
        found += [item.text for item in page.items]
        await kit.hub.reviewing.settle(page.items[0].id, None, by=BY)
        if page.next is None:
            break
        place = page.next
    assert found == everything


async def test_who_is_erased_takes_them_along(kit: HubKit) -> None:
    await kit.write(*SMS, "paketet")
    await kit.chat("v2", "blargh")
    items = {item.text: item for item in await waiting(kit)}
    await kit.hub.reviewing.settle(items["paketet"].id, "order.status", by=BY)
    await kit.quiet()
    await kit.store.erase([kit.identity(*SMS)])
    assert await rows(kit) == []
    assert await kit.store.known_facts([items["paketet"].id]) == []
    assert [item.text for item in await waiting(kit)] == ["blargh"]
