"""What customers are shown of links that ended."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from bot.model.event import Unlinks
from bot.model.ids import EventId
from bot.model.people import ByCustomer
from bot.model.record import Arrival
from tests.hubs import ANNA, HubKit, hub_kit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.model.people import ByAgent

WEB = ("webchat", "v1")
SMS = ("twilio_sms", "+46701234567")


@pytest.fixture
async def kit() -> AsyncIterator[HubKit]:
    async with hub_kit() as kit:
        yield kit


async def part(kit: HubKit, *, by: ByAgent | ByCustomer) -> None:
    ids = [kit.identity(*WEB), kit.identity(*SMS)]
    holding = [made.link.id for made in await kit.store.links(ids) if made.holds]
    arrival = Arrival(
        id=EventId.new(),
        identity=kit.identity(*WEB),
        at=kit.clock.now(),
        body=Unlinks(by=by, links=tuple(holding), reason="wrong person"),
    )
    await kit.hub.ingress.ask(arrival, patience=timedelta(seconds=10))


async def former(kit: HubKit, who: tuple[str, str]) -> list[tuple[str, str, str]]:
    shown = await kit.hub.own_channels.former(kit.address(*who))
    return [(one.channel, one.label, one.by) for one in shown]


async def test_nothing_ended_yet(kit: HubKit) -> None:
    assert await former(kit, WEB) == []
    await kit.chat("v1", "hej")
    await kit.go_on(WEB, SMS)
    assert await former(kit, WEB) == []


async def test_each_side_sees_what_ended_and_who_ended_it(kit: HubKit) -> None:
    await kit.chat("v1", "hej")
    await kit.go_on(WEB, SMS)
    await part(kit, by=ANNA)
    assert await former(kit, WEB) == [("twilio_sms", "+46 70 ••• •• 67", "agent")]
    assert await former(kit, SMS) == [("webchat", "", "agent")]


async def test_what_is_linked_again_is_not_among_them(kit: HubKit) -> None:
    await kit.chat("v1", "hej")
    await kit.go_on(WEB, SMS)
    await part(kit, by=ByCustomer(identity=kit.identity(*WEB)))
    assert [by for *_, by in await former(kit, WEB)] == ["customer"]
    await kit.go_on(WEB, SMS)
    assert await former(kit, WEB) == []
    await part(kit, by=ANNA)
    assert [by for *_, by in await former(kit, WEB)] == ["agent", "customer"]


async def test_what_was_erased_is_not_named(kit: HubKit) -> None:
    await kit.chat("v1", "hej")
    await kit.go_on(WEB, SMS)
    await part(kit, by=ANNA)
    await kit.store.erase([kit.identity(*SMS)])
    assert await former(kit, WEB) == []
