"""What was joined without a word of the customer's is told where a provider vouches for them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from bot.hub.signing_in import SignedLogin, SignInEnd
from bot.model.channel import LOGIN, Address
from bot.model.fact import CodeShown
from tests.hubs import HubKit, hub_kit, kit_on, shipped_content
from tests.records import ON_ONE_MACHINE, record_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

Who = tuple[str, str]
WEB, LAPTOP, THIEFS = ("webchat", "v1"), ("webchat", "v2"), ("webchat", "v3")
SMS, TWIN = ("twilio_sms", "+46701234567"), ("twilio_whatsapp", "+46701234567")
TELEGRAM = ("telegram", "77")
TOLD = "[link.signed_in]"


@pytest.fixture(params=ON_ONE_MACHINE)
async def kit(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[HubKit]:
    async with kit_on(record_of(request, tmp_path)) as made:
        yield made


async def sign_in(kit: HubKit, who: Who, *, shown: CodeShown | None = None) -> None:
    until = kit.clock.now() + timedelta(minutes=10)
    login = Address(channel=LOGIN, account="shop", user="anna")
    signed = SignedLogin(login=login, name=None, proof=str(who), until=until)
    ended = await kit.hub.signing_in.sign_in(kit.address(*who), signed, shown=shown)
    assert ended is SignInEnd.DONE
    await kit.quiet()


async def customer(kit: HubKit) -> None:
    """Signed in on a page, and linked with two phones."""
    await kit.chat("v1", "leverans")
    await sign_in(kit, WEB)
    await kit.go_on(WEB, SMS)
    await kit.write(*TELEGRAM, ref=await kit.link(WEB, TELEGRAM))


async def test_a_sign_in_on_a_new_device_is_told_on_every_attested_channel_once(
    kit: HubKit,
) -> None:
    await customer(kit)
    await kit.chat("v3", "leverans")
    before = kit.page("v3")
    for _ in range(2):
        await sign_in(kit, THIEFS)
    assert kit.phone(*SMS).count(TOLD) == kit.phone(*TELEGRAM).count(TOLD) == 1
    assert TOLD not in kit.page("v1")
    assert kit.page("v3") == before  # not to the device that did it


async def test_stop_link_is_an_answer_to_it(kit: HubKit) -> None:
    await customer(kit)
    await kit.chat("v3", "leverans")
    await sign_in(kit, THIEFS)
    assert await kit.thread(*THIEFS) == await kit.thread(*SMS)
    await kit.write(*SMS, "stopp koppling")
    assert await kit.thread(*THIEFS) not in {await kit.thread(*SMS), await kit.thread(*WEB)}
    assert kit.page("v3")[-1] == "[link.ended]"
    # The next day it is a word about one's own links again.
    await kit.chat("v2", "leverans")
    await sign_in(kit, LAPTOP)
    await kit.pass_time(timedelta(days=1, seconds=1))
    await kit.write(*TELEGRAM, "stopp koppling")
    assert await kit.thread(*TELEGRAM) != await kit.thread(*LAPTOP)


async def test_the_first_sign_in_of_somebody_is_told_nobody(kit: HubKit) -> None:
    await kit.chat("v1", "leverans")
    await sign_in(kit, WEB)
    await kit.chat("v2", "leverans")
    await sign_in(kit, LAPTOP)
    assert TOLD not in [*kit.page("v1"), *kit.page("v2")]


async def test_a_join_on_sight_is_told_who_was_there_and_ends_by_a_word(kit: HubKit) -> None:
    await kit.write(*SMS, "leverans")
    home = await kit.thread(*SMS)
    await kit.write(*TWIN, "öppettider")
    assert kit.phone(*SMS) == ["[answer.delivery.time]", "[link.notice]"]
    assert kit.phone(*TWIN) == ["[answer.store.hours]"]
    assert await kit.thread(*TWIN) == home
    await kit.write(*TWIN, "öppettider")
    assert kit.phone(*SMS).count("[link.notice]") == 1
    await kit.write(*SMS, "STOPP KOPPLING")
    assert await kit.thread(*TWIN) != home


async def test_it_names_the_device_where_that_is_known() -> None:
    async with hub_kit(shipped_content()) as kit:
        await customer(kit)
        await kit.chat("v3", "hej")
        shown = CodeShown(began="14:02", browser="Edge", system="Windows", place="SE")
        await sign_in(kit, THIEFS, shown=shown)
        told = "loggades in i en chatt på en ny enhet: Edge på Windows (SE). Var det inte du?"
        assert told in kit.phone(*SMS)[-1]
