"""Suggestions: equal claims say that two may be one; they never make them one (R1, R11, R12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.hub.joining import MONTH, TWO_LOGINS, links_key
from bot.hub.settings import HubSettings
from bot.hub.suggesting import Basis, Evidence, Suggesting
from bot.model.event import DismissesSuggestion, LoginSeen
from bot.model.fact import Claimed, ClaimKind, FactKind
from bot.model.ids import EventId
from bot.model.record import Acceptance, Arrival, IdentitySeed
from bot.model.understanding import EntityFound
from tests.builders import address, fact, not_understood
from tests.fakes.nlu import FakeNlu
from tests.hubs import ANNA, HubKit, hub_kit
from tests.records import ON_ONE_MACHINE, record_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bot.hub.suggesting import Suggestion
    from bot.model.channel import Address

MAIL = "anna@mail.se"
NUMBER = "+46701740605"
SMS = ("twilio_sms", NUMBER)
# The one kind of facts looked at.
CLAIMS: tuple[FactKind, ...] = ("claimed",)


def entities(*found: tuple[str, str]) -> dict[str, object]:
    return {
        "entities": tuple(
            EntityFound(kind=kind, value=text, text=text, start=0, end=len(text))
            for kind, text in found
        )
    }


TABLE = {
    "mejl": not_understood().model_copy(update=entities(("email", MAIL))),
    "nummer": not_understood().model_copy(update=entities(("phone", "070-174 06 05"))),
    "rollmejl": not_understood().model_copy(update=entities(("email", "info@mail.se"))),
}


@pytest.fixture(params=ON_ONE_MACHINE)
async def kit(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[HubKit]:
    record = record_of(request, tmp_path)
    async with (
        record.open() as (store, bus),
        hub_kit(store=store, bus=bus, clock=record.clock, nlu=FakeNlu(TABLE)) as made,
    ):
        yield made


async def suggested(kit: HubKit, channel: str, user: str) -> list[Suggestion]:
    turn = await kit.turn(channel, user)
    suggesting = Suggesting(store=kit.store, clock=kit.clock, settings=HubSettings())
    return await suggesting.suggestions(turn.identities)


async def login(kit: HubKit, sub: str) -> Address:
    """A customer number of the shop, with the e-mail that somebody gave there."""
    where = address(sub, channel="login", account="shop")
    made = Arrival(
        id=EventId.new(),
        identity=where.identity,
        seed=IdentitySeed(address=where),
        at=kit.clock.now(),
        body=LoginSeen(),
    )
    await kit.store.accept(Acceptance(arrivals=(made,)))
    claim = Claimed(what=ClaimKind.EMAIL, value=MAIL, raw=MAIL)
    await kit.store.put_facts([fact(where, f"crm-{sub}", body=claim)])
    return where


async def test_a_claim_is_kept_once_for_an_identity(kit: HubKit) -> None:
    await kit.chat("v1", "min mejl")
    said = kit.clock.now()
    await kit.pass_time(60)
    await kit.chat("v1", "som sagt min mejl")
    await kit.chat("v1", "hej")
    (kept,) = await kit.store.facts([kit.identity("webchat", "v1")], kinds=CLAIMS)
    assert kept.body == Claimed(what=ClaimKind.EMAIL, value=MAIL, raw=MAIL)
    assert (kept.source, kept.at, kept.received_at) == ("nlu", said, said)


async def test_equal_claims_suggest_and_link_nothing(kit: HubKit) -> None:
    await kit.chat("v1", "mejl")
    assert await suggested(kit, "webchat", "v1") == []
    await kit.chat("v2", "mejl")
    (found,) = await suggested(kit, "webchat", "v1")
    one, other = kit.identity("webchat", "v1"), kit.identity("webchat", "v2")
    assert found.evidence == (
        Evidence(what=ClaimKind.EMAIL, value=MAIL, basis=Basis.BOTH_CLAIM, one=one, other=other),
    )
    assert (found.one, found.other) == (one, other)
    assert [each.id for each in found.identities] == [other]
    assert (found.score, found.conflict) == (0.4, None)
    (back,) = await suggested(kit, "webchat", "v2")
    assert (back.one, back.other) == (other, one)
    assert await kit.store.links([one, other]) == []
    assert len(await kit.store.threads()) == 2


async def test_a_claim_of_a_number_that_a_provider_vouches_for(kit: HubKit) -> None:
    await kit.write(*SMS, "hej")
    await kit.chat("v1", "nummer")
    (here,) = await suggested(kit, "webchat", "v1")
    assert [one.basis for one in here.evidence] == [Basis.CLAIMED_HERE]
    (there,) = await suggested(kit, *SMS)
    assert [one.basis for one in there.evidence] == [Basis.CLAIMED_THERE]
    assert here.score == there.score == 0.6
    await kit.chat("v1", "mejl")
    await kit.write(*SMS, "mejl")
    (more,) = await suggested(kit, "webchat", "v1")
    assert [one.basis for one in more.evidence] == [Basis.CLAIMED_HERE, Basis.BOTH_CLAIM]
    assert more.score == 0.76


async def test_role_mailboxes_are_kept_and_suggest_nothing(kit: HubKit) -> None:
    for visitor in ("v1", "v2"):
        await kit.chat(visitor, "rollmejl")
        who = [kit.identity("webchat", visitor)]
        assert len(await kit.store.facts(who, kinds=CLAIMS)) == 1
    assert await suggested(kit, "webchat", "v1") == []


async def test_what_many_claim_suggests_nothing(kit: HubKit) -> None:
    for number in range(1, 5):
        await kit.chat(f"v{number}", "mejl")
    assert len(await suggested(kit, "webchat", "v1")) == 3
    await kit.chat("v5", "mejl")
    assert await suggested(kit, "webchat", "v1") == []


@pytest.mark.parametrize("shared", ["v1", "v2"])
async def test_a_shared_device_suggests_nothing(kit: HubKit, shared: str) -> None:
    await kit.chat("v1", "mejl")
    await kit.chat("v2", "mejl")
    key = links_key(kit.identity("webchat", shared))
    for _ in range(HubSettings().links_a_month):
        assert len(await suggested(kit, "webchat", "v1")) == 1
        await kit.store.count_attempt(key, now=kit.clock.now(), window=MONTH)
    assert await suggested(kit, "webchat", "v1") == []


async def test_names_only_raise_or_lower_the_score(kit: HubKit) -> None:
    await kit.write("messenger", "p1", "mejl", name="Anna Berg")
    await kit.write("messenger", "p2", "mejl", name="anna  berg")
    await kit.write("messenger", "p3", "hej", name="Anna Berg")
    (same,) = await suggested(kit, "messenger", "p1")
    assert await suggested(kit, "messenger", "p3") == []
    await kit.write("telegram", "9", "mejl", name="Bo Ek")
    scores = {one.other: one.score for one in await suggested(kit, "messenger", "p1")}
    if [one.name for one in same.identities] == ["anna  berg"]:
        assert same.score == 0.58
        assert scores[kit.identity("telegram", "9")] == 0.32


async def test_two_log_ins_are_shown_as_a_conflict(kit: HubKit) -> None:
    one, other = await login(kit, "1"), await login(kit, "2")
    turn = await kit.store.turn(one.home_thread)
    suggesting = Suggesting(store=kit.store, clock=kit.clock, settings=HubSettings())
    (found,) = await suggesting.suggestions(turn.identities)
    assert (found.other, found.conflict) == (other.identity, TWO_LOGINS)


async def test_what_was_dismissed_stays_so_on_both_cards(kit: HubKit) -> None:
    await kit.chat("v1", "mejl")
    await kit.chat("v2", "mejl")
    await kit.chat("v3", "mejl")
    body = DismissesSuggestion(by=ANNA, other=kit.identity("webchat", "v2"), reason="syskon")
    event = Arrival(
        id=EventId.new(), identity=kit.identity("webchat", "v1"), at=kit.clock.now(), body=body
    )
    await kit.hub.ingress.submit([event])
    await kit.quiet()
    v1, v2, v3 = (kit.identity("webchat", user) for user in ("v1", "v2", "v3"))
    assert [one.other for one in await suggested(kit, "webchat", "v1")] == [v3]
    assert [one.other for one in await suggested(kit, "webchat", "v2")] == [v3]
    assert {one.other for one in await suggested(kit, "webchat", "v3")} == {v1, v2}
    await kit.chat("v1", "nummer")  # nor does more of the kind bring it back
    await kit.chat("v2", "nummer")
    assert [one.other for one in await suggested(kit, "webchat", "v1")] == [v3]
    assert (await kit.kinds("webchat", "v1")).count("suggestion_dismissed") == 1
