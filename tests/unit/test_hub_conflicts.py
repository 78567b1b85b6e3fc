"""Two who are proven to be two customers (R13): refused and told, or a log-in outranks a code."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from bot.edge.metrics import Metrics
from bot.hub.joining import TWO_LOGINS
from bot.hub.signing_in import OUTRANKED, SignedLogin, SignInEnd
from bot.model.channel import LOGIN, Address
from bot.model.people import BySystem
from bot.model.thread import LinkRefused, Unlinked
from tests.hubs import HubKit, kit_on
from tests.records import KINDS, record_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

Who = tuple[str, str]
WEB, LAPTOP, BOS = ("webchat", "v1"), ("webchat", "v2"), ("webchat", "v3")
SMS = ("twilio_sms", "+46701234567")


@pytest.fixture(params=KINDS)
async def kit(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[HubKit]:
    async with kit_on(record_of(request, tmp_path)) as made:
        yield made


async def sign_in(
    kit: HubKit, who: Who, sub: str, *, proof: str | None = None
) -> SignInEnd | object:
    until = kit.clock.now() + timedelta(minutes=10)
    login = Address(channel=LOGIN, account="shop", user=sub)
    signed = SignedLogin(login=login, name=None, proof=proof or f"{who}{sub}", until=until)
    ended = await kit.hub.signing_in.sign_in(kit.address(*who), signed)
    await kit.quiet()
    return ended


async def refusals(kit: HubKit, who: Who) -> list[LinkRefused]:
    return [one.body for one in await kit.entries(*who) if isinstance(one.body, LinkRefused)]


def count(metrics: Metrics, end: str) -> float:
    wanted = f'samtal_identity_conflicts_total{{end="{end}"}} '
    lines = metrics.exposition().decode().splitlines()
    return sum(float(line.removeprefix(wanted)) for line in lines if line.startswith(wanted))


async def test_two_log_ins_are_refused_and_both_threads_say_so(kit: HubKit) -> None:
    metrics = Metrics()
    kit.hub.feed.subscribe(metrics.hear)
    for who, sub in ((WEB, "anna"), (BOS, "bo")):
        await kit.chat(who[1], "leverans")
        assert await sign_in(kit, who, sub) is SignInEnd.DONE
    await kit.go_on(WEB, SMS)
    code = await kit.link(BOS, SMS)
    await kit.write(*SMS, code)
    with capture_logs() as logs:
        await kit.write(*SMS, kit.digits(*SMS) or "")
        await kit.pass_time(1)
    assert kit.phone(*SMS)[-1] == "[link.refused]"
    assert await kit.thread(*BOS) != await kit.thread(*SMS)
    there = [LinkRefused(reason=TWO_LOGINS, other=kit.identity(*SMS))]
    here = [LinkRefused(reason=TWO_LOGINS, other=kit.identity(*BOS))]
    assert (await refusals(kit, SMS), await refusals(kit, BOS)) == (here, there)
    for who, other in ((SMS, BOS), (BOS, SMS)):
        (conflict,) = (await kit.hub.cards.card(kit.identity(*who))).conflicts
        assert isinstance(conflict.body, LinkRefused)
        assert conflict.body.other == kit.identity(*other)
    assert count(metrics, "refused") == 1
    assert count(metrics, "outranked") == 0
    (warning,) = [one for one in logs if one["log_level"] == "warning"]
    assert warning["event"] == "conflict of log-ins"
    said = str(logs)
    for personal in (SMS[1], "anna", "'bo'", code):
        assert personal not in said
    await kit.pass_time(timedelta(days=31))
    assert (await kit.hub.cards.card(kit.identity(*SMS))).conflicts == ()
    assert await refusals(kit, SMS) == here


async def test_a_bad_code_is_no_conflict(kit: HubKit) -> None:
    await kit.write(*SMS, "ABCD-2345")
    assert [one.other for one in await refusals(kit, SMS)] == [None]
    assert (await kit.hub.cards.card(kit.identity(*SMS))).conflicts == ()


async def test_a_log_in_outranks_the_code_that_leads_to_somebody_else(kit: HubKit) -> None:
    """The page is linked with the phone of Anna, and it is Bo who signs in there."""
    metrics = Metrics()
    kit.hub.feed.subscribe(metrics.hear)
    await kit.chat("v1", "leverans")
    await kit.write(*SMS, "min hemlighet")
    await kit.chat("v2", "leverans")
    assert await sign_in(kit, LAPTOP, "anna") is SignInEnd.DONE
    await kit.go_on(LAPTOP, SMS)
    await kit.go_on(WEB, SMS)
    assert await kit.thread(*WEB) == await kit.thread(*LAPTOP)
    assert await sign_in(kit, WEB, "bo") is SignInEnd.DONE
    assert await kit.thread(*WEB) != await kit.thread(*SMS)
    assert await kit.thread(*LAPTOP) == await kit.thread(*SMS)
    ended = [
        (one.body.reason, one.by)
        for one in await kit.entries(*WEB)
        if isinstance(one.body, Unlinked)
    ]
    assert ended == [(OUTRANKED, BySystem())]
    # Both ends of the link are told, and nobody else.
    assert kit.page("v1")[-1] == "[link.ended]"
    assert kit.phone(*SMS)[-1] == "[link.ended]"
    assert "[link.ended]" not in kit.page("v2")
    seen = await kit.hub.chat.history(kit.address(*WEB), signed=True)
    assert {one.address.user for one in seen} == {"v1"}
    users = {one.address.user for one in (await kit.turn(*WEB)).identities}
    assert users == {"v1", "bo"}
    assert (count(metrics, "outranked"), count(metrics, "refused")) == (1, 0)


async def test_whose_own_log_in_it_was_is_somebody_else_now(kit: HubKit) -> None:
    """By a signed link of the visitor's own it is R8: nothing ends, the next one starts afresh."""
    await kit.chat("v1", "leverans")
    assert await sign_in(kit, WEB, "anna") is SignInEnd.DONE
    await kit.go_on(WEB, SMS)
    assert await sign_in(kit, WEB, "bo") is SignInEnd.ANOTHER
    assert await kit.thread(*WEB) == await kit.thread(*SMS)


async def test_a_token_of_another_ends_no_links(kit: HubKit) -> None:
    """Who copied a token that somebody used before parts nobody with it."""
    await kit.chat("v3", "leverans")
    assert await sign_in(kit, BOS, "bo", proof="once") is SignInEnd.DONE
    await kit.chat("v2", "leverans")
    assert await sign_in(kit, LAPTOP, "anna") is SignInEnd.DONE
    await kit.go_on(LAPTOP, SMS)
    await kit.chat("v1", "leverans")
    await kit.go_on(WEB, SMS)
    assert await sign_in(kit, WEB, "bo", proof="once") is SignInEnd.USED
    assert await kit.thread(*WEB) == await kit.thread(*SMS)
    assert "unlinked" not in await kit.kinds(*WEB)
