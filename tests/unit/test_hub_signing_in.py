"""Signing in and out at the hub, on each record that needs one machine only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.errors import NotFound
from bot.hub.assurance import Level
from bot.hub.signing_in import SignedLogin, SignInEnd
from bot.model.channel import Address
from bot.model.event import Done, Rejected
from bot.model.ids import IdentityId
from tests.builders import at
from tests.hubs import HubKit, kit_on
from tests.records import ON_ONE_MACHINE, record_of

V1, V2 = (Address(channel="webchat", account="demo", user=user) for user in ("v1", "v2"))


@pytest.fixture(params=ON_ONE_MACHINE)
async def kit(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[HubKit]:
    async with kit_on(record_of(request, tmp_path)) as made:
        yield made


def signed(sub: str = "anna", *, proof: str = "p1", realm: str = "shop") -> SignedLogin:
    login = Address(channel="login", account=realm, user=sub)
    return SignedLogin(login=login, name="Anna Lind", proof=proof, until=at(600))


async def identities(kit: HubKit, address: Address) -> set[IdentityId]:
    identity = await kit.store.identity(address.identity)
    assert identity is not None
    return {one.id for one in (await kit.store.turn(identity.thread)).identities}


async def test_a_visitor_becomes_the_customer_of_a_log_in(kit: HubKit) -> None:
    one = signed()
    assert await kit.hub.signing_in.sign_in(V1, one) is SignInEnd.DONE
    assert await kit.hub.signing_in.sign_in(V2, signed(proof="p2")) is SignInEnd.DONE
    assert await identities(kit, V1) == {V1.identity, V2.identity, one.login.identity}
    login = await kit.store.identity(one.login.identity)
    assert login is not None
    assert login.name == "Anna Lind"


async def test_a_token_is_whose_it_was_shown_by_first(kit: HubKit) -> None:
    one = signed()
    both = await asyncio.gather(
        kit.hub.signing_in.sign_in(V1, one), kit.hub.signing_in.sign_in(V2, one)
    )
    assert sorted(map(str, both)) == ["done", "used"]
    first, second = (V1, V2) if both[0] is SignInEnd.DONE else (V2, V1)
    assert await kit.hub.signing_in.sign_in(first, one) is SignInEnd.DONE
    assert await kit.hub.signing_in.sign_in(second, one) is SignInEnd.USED
    assert await identities(kit, first) == {first.identity, one.login.identity}
    assert await kit.store.identity(second.identity) is None


async def test_two_log_ins_of_a_realm_are_two_customers(kit: HubKit) -> None:
    assert await kit.hub.signing_in.sign_in(V1, signed()) is SignInEnd.DONE
    bo = signed("bo", proof="p2")
    assert await kit.hub.signing_in.sign_in(V1, bo) is SignInEnd.ANOTHER
    assert await kit.hub.signing_in.sign_in(V2, bo) is SignInEnd.DONE  # it was not used by that
    assert await identities(kit, V2) == {V2.identity, bo.login.identity}
    # Of two realms a customer may have one each; but not two of one over the other.
    b2b = signed("4711", proof="p3", realm="b2b")
    assert await kit.hub.signing_in.sign_in(V1, b2b) is SignInEnd.DONE
    assert await kit.hub.signing_in.sign_in(V2, signed("4711", proof="p4", realm="b2b")) is (
        SignInEnd.ANOTHER
    )


async def test_after_an_unlink_a_token_signs_in_again(kit: HubKit) -> None:
    one = signed()
    assert await kit.hub.signing_in.sign_in(V1, one) is SignInEnd.DONE
    assert await kit.hub.own_channels.unlink(V1, one.login.identity) == Done()
    assert await identities(kit, V1) == {V1.identity}
    assert await kit.hub.signing_in.sign_in(V1, one) is SignInEnd.DONE
    both = {V1.identity, one.login.identity}
    assert await identities(kit, V1) == both
    # It is a link of its own, and ends like the first.
    assert [made.holds for made in await kit.store.links(sorted(both))] == [False, True]
    assert [shown.linked for shown in await kit.hub.own_channels.all(V1)] == [True, True]
    assert await kit.hub.own_channels.unlink(V1, one.login.identity) == Done()
    assert await identities(kit, V1) == {V1.identity}


async def test_whoever_parts_with_a_log_in_may_sign_in_again_and_again(kit: HubKit) -> None:
    """The limit of R11 is for what a device can only guess: the business vouches for these."""
    for number in range(5):
        one = signed(proof=f"p{number}")
        assert await kit.hub.signing_in.sign_in(V1, one) is SignInEnd.DONE
        assert await identities(kit, V1) == {V1.identity, one.login.identity}
        assert await kit.hub.own_channels.unlink(V1, one.login.identity) == Done()
    assert await identities(kit, V1) == {V1.identity}


async def test_a_retired_visitor_stays_so(kit: HubKit) -> None:
    await kit.chat("v1", "hej")
    assert not await kit.hub.signing_in.is_retired(V1)
    for _ in range(2):
        await kit.hub.signing_in.retire(V1)
        assert await kit.hub.signing_in.is_retired(V1)
    assert not await kit.hub.signing_in.is_retired(V2)
    await kit.hub.signing_in.retire(V2)  # who has done nothing has nothing to hide
    assert not await kit.hub.signing_in.is_retired(V2)


async def test_only_ones_own_is_unlinked(kit: HubKit) -> None:
    await kit.chat("v1", "hej")
    await kit.chat("v2", "hej")
    for identity in (V2.identity, IdentityId.new()):
        with pytest.raises(NotFound, match="no such linked channel"):
            await kit.hub.own_channels.unlink(V1, identity)
    alone = await kit.hub.own_channels.unlink(V1, V1.identity)
    assert isinstance(alone, Rejected)
    assert [one.assurance.level for one in await kit.hub.own_channels.all(V1)] == [Level.DEVICE]


async def test_a_number_somebody_says_is_theirs_joins_nobody(kit: HubKit) -> None:
    await kit.write("twilio_whatsapp", "+46701740605", "hej")
    await kit.chat("v1", "hej")
    await kit.hub.own_channels.prove(V1, to=kit.address("twilio_sms", "+46701740605"))
    await kit.quiet()
    assert await identities(kit, V1) == {V1.identity}
    assert len(kit.wire.shown["twilio_sms", "+46701740605"]) == 1
    with pytest.raises(NotFound):
        await kit.hub.own_channels.prove(V1, to=kit.address("twilio_whatsapp", "+46701740605"))
