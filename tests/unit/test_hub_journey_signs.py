"""What is seen of a customer besides messages moves their journey, and theirs alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from bot.hub.journey import likeliest
from bot.hub.visits import Visit
from bot.model.fact import (
    Delivered,
    Fact,
    FactBody,
    Purchased,
    Severity,
    TicketClosed,
    TicketOpened,
)
from bot.model.ids import FactId
from bot.model.thread import JourneyMoved, ThreadState
from tests.builders import understood
from tests.fakes.nlu import FakeNlu
from tests.hubs import ANNA, HubKit, assert_rebuilds, hub_kit

WEB, SMS = ("webchat", "v1"), ("twilio_sms", "+46701234567")
NLU = FakeNlu(
    {
        "tält": understood("product.advice", stage="research"),
        "trasig": understood("warranty.claim", stage="support"),
        "hej": "greet",
    }
)
ORDER = Purchased(order="FB-1", amount="1295.00", currency="SEK")


@pytest.fixture
async def kit() -> AsyncIterator[HubKit]:
    async with hub_kit(nlu=NLU) as kit:
        yield kit


async def sees(kit: HubKit, path: str) -> None:
    visit = Visit(id=f"{path}{kit.clock.now()}", url=f"https://shop.example{path}")
    assert await kit.hub.visits.keep(kit.address(*WEB), visit, a_day=100)


async def told(
    kit: HubKit, who: tuple[str, str], body: FactBody, *, when: datetime | None = None
) -> Fact:
    now = kit.clock.now()
    fact = Fact(
        id=FactId.new(),
        identity=kit.identity(*who),
        at=when or now,
        received_at=now,
        source="shop",
        body=body,
    )
    await kit.store.put_facts([fact])
    return fact


async def moves(kit: HubKit, who: tuple[str, str] = WEB) -> list[JourneyMoved]:
    bodies = [entry.body for entry in await kit.entries(*who)]
    return [body for body in bodies if isinstance(body, JourneyMoved)]


def whats(move: JourneyMoved) -> list[str]:
    return [sign.what for sign in move.because]


async def test_pages_and_orders_move_the_journey_with_the_next_message(kit: HubKit) -> None:
    await sees(kit, "/produkt/abisko-2")
    await sees(kit, "/kassa")
    await kit.pass_time(60)
    await kit.chat("v1", "hej")
    (first,) = await moves(kit)
    assert whats(first) == ["page.checkout", "page.product"]
    assert (likeliest(first.belief), first.before, first.evidence) == (
        "purchase",
        (),
        "page.product",
    )

    await kit.pass_time(timedelta(hours=1))
    order = await told(kit, WEB, ORDER)
    await kit.pass_time(60)
    await kit.chat("v1", "min jacka är trasig")
    second = (await moves(kit))[-1]
    assert [(one.kind, one.what, one.fact) for one in second.because] == [
        ("fact", "purchased", order.id),
        ("message", "warranty.claim", None),
    ]
    assert (likeliest(second.belief), second.before) == ("support", first.belief)

    # After the purchase and the trouble: back to looking, and nothing counts twice.
    for _ in range(2):
        await kit.pass_time(60)
        await kit.chat("v1", "vilka tält finns det?")
    third = (await moves(kit))[-1]
    assert whats(third) == ["product.advice"]
    assert likeliest(third.belief) == "research"
    state = await kit.state(*WEB)
    assert (state.belief, state.facets[0].because) == (third.belief, third.because)
    await assert_rebuilds(kit)


async def test_the_card_knows_what_happened_since_the_last_message(kit: HubKit) -> None:
    await kit.chat("v1", "vilka tält finns det?")
    cards, thread = kit.hub.cards, await kit.thread(*WEB)
    (asked,) = (await cards.card(thread)).journeys
    assert (asked.persona, asked.stage, [one.what for one in asked.because]) == (
        "private",
        "research",
        ["product.advice"],
    )
    await kit.pass_time(timedelta(hours=1))
    await told(kit, WEB, ORDER)
    await told(kit, WEB, Delivered(order="FB-1"))
    (bought,) = (await cards.card(thread)).journeys
    assert bought.stage == "onboarding"
    assert [one.what for one in bought.because] == ["delivered", "purchased"]
    assert bought.before == (await kit.state(*WEB)).belief
    await kit.pass_time(timedelta(days=100))
    (silent,) = (await cards.card(thread)).journeys
    assert silent.stage == "dormant"


async def test_a_grave_ticket_is_a_flag_until_it_is_closed(kit: HubKit) -> None:
    await kit.chat("v1", "vilka tält finns det?")
    cards, thread = kit.hub.cards, await kit.thread(*WEB)
    await told(kit, WEB, TicketOpened(ticket="T1", severity=Severity.NORMAL))
    assert (await cards.card(thread)).at_risk == ()
    grave = await told(kit, WEB, TicketOpened(ticket="T2", severity=Severity.CRITICAL))
    assert (await cards.card(thread)).at_risk == (grave,)
    await kit.pass_time(60)
    await told(kit, WEB, TicketClosed(ticket="T1", severity=Severity.NORMAL))
    assert (await cards.card(thread)).at_risk == (grave,)
    await told(kit, WEB, TicketClosed(ticket="T2", severity=Severity.CRITICAL))
    assert (await cards.card(thread)).at_risk == ()
    await kit.pass_time(60)
    again = await told(kit, WEB, TicketOpened(ticket="T2", severity=Severity.HIGH))
    assert (await cards.card(thread)).at_risk == (again,)


async def test_after_an_unlink_each_has_the_signs_that_are_theirs(kit: HubKit) -> None:
    async with hub_kit(nlu=NLU) as alone:
        expected = await _lived(alone, with_other=False)
    assert await _lived(kit, with_other=True) == expected
    (sms,) = (await kit.state(*SMS)).facets
    assert [sign.what for sign in sms.because] == ["ticket_opened.critical"]
    assert likeliest(sms.belief) == "support"


async def _lived(kit: HubKit, *, with_other: bool) -> ThreadState:
    """The web's state after its own pages, a purchase and a message; perhaps linked meanwhile."""
    await kit.chat("v1", "hej")
    if with_other:
        await kit.write(*SMS, "hej")
        await kit.go_on(WEB, SMS)
    await sees(kit, "/kassa")
    await kit.pass_time(60)
    if with_other:
        await told(kit, SMS, TicketOpened(ticket="T1", severity=Severity.CRITICAL))
    await kit.chat("v1", "vilka tält finns det?")
    if with_other:
        thread = await kit.thread(*WEB)
        turn = await kit.turn(*WEB)
        (made,) = await kit.store.links([one.id for one in turn.identities])
        await kit.hub.connecting.unlink(thread, ANNA, made.link.id, reason="test", key="k1")
        await kit.quiet()
    facets = (await kit.state(*WEB)).facets
    return ThreadState(thread=(await kit.state(*WEB)).thread, facets=facets)
