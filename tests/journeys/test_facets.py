"""One person, two facets: a present for a son, and a quote for the firm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from bot.hub.journey import likeliest
from bot.model.event import Done
from bot.model.facet import FacetBy, FacetChanged
from bot.model.thread import Episode, MessageIn
from tests.hubs import ANNA, HubKit, assert_rebuilds, only_thread
from tests.journeys.texts import words

if TYPE_CHECKING:
    from tests.journeys.conftest import Start

USER = "77"


@dataclass(frozen=True)
class Said:
    """What the customer says, in their language, and the words that show whom they speak as."""

    locale: str
    gift: str
    son: str
    quote: str
    firm: str
    delivery: str


SWEDISH = Said(
    locale="sv",
    gift="present till min son",
    son="min son",
    quote="offert på 40 jackor till firman",
    firm="offert",
    delivery="hur lång är leveranstiden?",
)
ENGLISH = Said(
    locale="en",
    gift="a present for my son",
    son="my son",
    quote="a quote for 40 jackets for the company",
    firm="a quote for",
    delivery="how long is delivery?",
)


@pytest.fixture(params=[SWEDISH, ENGLISH], ids=lambda said: said.locale)
def said(request: pytest.FixtureRequest) -> Said:
    found: Said = request.param
    return found


async def changes(kit: HubKit) -> list[FacetChanged]:
    entries = await kit.entries("telegram", USER)
    return [entry.body for entry in entries if isinstance(entry.body, FacetChanged)]


async def case(kit: HubKit) -> Episode:
    episode = (await kit.state("telegram", USER)).episode
    assert episode is not None
    return episode


async def test_two_facets_two_stages_two_answers(start: Start, said: Said) -> None:
    async with start() as kit:
        await kit.write("telegram", USER, said.gift)
        await kit.write("telegram", USER, said.quote)
        # Nothing in it says who asks: it is the firm that goes on.
        await kit.write("telegram", USER, said.delivery)
        assert kit.phone("telegram", USER) == [
            words("answer.gift.advice", said.locale, channel="telegram", persona="parent"),
            words("answer.quote.request", said.locale, channel="telegram", persona="business"),
            words("answer.delivery.time", said.locale, channel="telegram", persona="business"),
        ]
        thread = await only_thread(kit)
        state = (await kit.hub.desk.thread(thread)).state
        assert [facet.persona for facet in state.facets] == ["business", "parent"]
        business, parent = state.facets
        assert (likeliest(business.belief), likeliest(parent.belief)) == ("purchase", "research")
        assert [(one.kind, one.value) for one in parent.interests] == [("intent", "gift.advice")]
        assert {(one.kind, one.value) for one in business.interests} == {
            ("intent", "quote.request"),
            ("intent", "delivery.time"),
            ("category", "jacket"),
        }
        assert (state.facet, state.belief) == ("business", business.belief)
        # One case a thread, of the facet that was heard first in it.
        assert ((await case(kit)).facet, (await case(kit)).facet_by) == ("parent", FacetBy.CUE)
        assert await changes(kit) == [
            FacetChanged(facet="parent", reason=FacetBy.CUE, quote=said.son),
            FacetChanged(facet="business", reason=FacetBy.CUE, quote=said.firm),
        ]
        heard = [
            entry.body.facet
            for entry in await kit.entries("telegram", USER)
            if isinstance(entry.body, MessageIn)
        ]
        assert heard == ["parent", "business", "business"]
        await assert_rebuilds(kit)


async def test_an_agents_correction_sticks(start: Start, said: Said) -> None:
    async with start() as kit:
        await kit.write("telegram", USER, said.gift)
        before = await kit.state("telegram", USER)
        thread = await only_thread(kit)
        assert await kit.hub.desk.set_facet(thread, ANNA, facet="business") == Done()
        assert await kit.hub.desk.set_facet(thread, ANNA, facet="business") == Done()
        await kit.write("telegram", USER, said.gift)
        await kit.write("telegram", USER, said.delivery)
        state = await kit.state("telegram", USER)
        assert (state.facet, (await case(kit)).facet) == ("business", "business")
        # What was said as a parent before stays theirs; all since moves the firm's journey.
        assert state.as_persona("parent") == before.as_persona("parent")
        assert likeliest(before.as_persona("business").belief) is None
        assert likeliest(state.as_persona("business").belief) == "consider"
        assert kit.phone("telegram", USER)[1:] == [
            words("answer.gift.advice", said.locale, channel="telegram"),
            words("answer.delivery.time", said.locale, channel="telegram", persona="business"),
        ]
        assert await changes(kit) == [
            FacetChanged(facet="parent", reason=FacetBy.CUE, quote=said.son),
            FacetChanged(facet="business", reason=FacetBy.AGENT, episode=(await case(kit)).id),
        ]
        # The next case is open to what the customer says.
        await kit.hub.desk.resolve(thread, ANNA, reason="solved")
        await kit.pass_time(73 * 3600)
        await kit.write("telegram", USER, said.gift)
        assert (await case(kit)).facet == "parent"
        assert (await kit.state("telegram", USER)).facet == "parent"
        await assert_rebuilds(kit)
