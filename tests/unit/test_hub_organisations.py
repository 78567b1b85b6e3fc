"""Organisations: one deal of several people, what each does, and what nobody is known to do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from bot.errors import Conflict, NotFound
from bot.hub.organisations import MemberTold, RoleHeld, together
from bot.hub.settings import HubSettings
from bot.model.event import Done
from bot.model.facet import Facet
from bot.model.fact import BuyingRole, Fact, LegalBasis, Membership, Purpose
from bot.model.ids import FactId, IdentityId
from bot.model.understanding import Need, StageShare, Understanding
from tests.builders import at, understood
from tests.fakes.nlu import FakeNlu
from tests.hubs import ANNA, HubKit, hub_kit

ELLA, PER = ("twilio_sms", "+46701"), ("telegram", "77")
FIRM = "556677-8899"


def asks(intent: str, need: Need, stage: str) -> Understanding:
    return understood(intent, stage=stage).model_copy(update={"need": need})


NLU = FakeNlu(
    {
        "spänning": asks("product.care", Need.TECHNICAL, "research"),
        "pris": asks("discount", Need.COMMERCIAL, "purchase"),
    }
)


async def tells(
    kit: HubKit, who: tuple[str, str], role: BuyingRole | None = None, *, key: str = ""
) -> None:
    membership = Membership(organisation=FIRM, name="Firman AB", role=role)
    told = MemberTold(
        identity=kit.identity(*who), membership=membership, key=key or f"{who} {role}"
    )
    await kit.hub.organisations.tell(told)


async def crm_tells(kit: HubKit, who: tuple[str, str], role: BuyingRole, *, when: float) -> None:
    fact = Fact(
        id=FactId.of("crm", str(when)),
        identity=kit.identity(*who),
        at=at(when),
        received_at=at(when),
        source="crm",
        body=Membership(organisation=FIRM, role=role),
    )
    await kit.store.put_facts([fact])


def inferred(role: BuyingRole) -> RoleHeld:
    return RoleHeld(role=role, source="inferred", inferred=True, at=None)


async def test_two_people_of_one_company_are_one_deal_with_two_roles() -> None:
    async with hub_kit(nlu=NLU) as kit:
        await kit.write(*ELLA, "Vilken spänning? Det är till vårt företag")
        await kit.write(*PER, "Vad blir pris till firman?")
        await tells(kit, ELLA)
        await tells(kit, PER)
        found = await kit.hub.organisations.organisation(FIRM)
        assert (found.key, found.name, len(found.members)) == (FIRM, "Firman AB", 2)
        by_thread = {member.thread: member for member in found.members}
        ella, per = [by_thread[await kit.thread(*who)] for who in (ELLA, PER)]
        assert ella.roles == (inferred(BuyingRole.USER),)
        assert per.roles == (inferred(BuyingRole.BUYER),)
        assert (ella.stage, per.stage) == ("research", "purchase")
        assert ella.identities == (kit.identity(*ELLA),)
        assert found.missing_roles == (
            BuyingRole.INFLUENCER,
            BuyingRole.DECIDER,
            BuyingRole.GATEKEEPER,
            BuyingRole.FINANCE,
        )
        # As old as each other: the plain mean of the two.
        assert {one.stage: one.share for one in found.belief} == pytest.approx(
            {
                one.stage: (one.share + other.share) / 2
                for one, other in zip(ella.belief, per.belief, strict=True)
            },
            abs=1e-6,
        )


async def test_what_they_say_as_private_people_is_none_of_the_deals() -> None:
    async with hub_kit(nlu=NLU) as kit:
        await kit.write(*PER, "pris till firman")
        business = await kit.state(*PER)
        await kit.write(*PER, "spänning till mina barn")
        await tells(kit, PER)
        found = await kit.hub.organisations.organisation(FIRM)
        assert found.belief == business.belief
        assert found.members[0].roles == (inferred(BuyingRole.BUYER),)


async def test_what_was_told_comes_before_what_is_inferred_and_the_last_word_counts() -> None:
    async with hub_kit(nlu=NLU) as kit:
        await kit.write(*PER, "pris till firman")
        await crm_tells(kit, PER, BuyingRole.FINANCE, when=-9)
        await crm_tells(kit, PER, BuyingRole.GATEKEEPER, when=-5)
        found = await kit.hub.organisations.organisation(FIRM)
        (member,) = found.members
        assert member.roles == (
            RoleHeld(role=BuyingRole.GATEKEEPER, source="crm", inferred=False, at=at(-5)),
        )
        assert BuyingRole.BUYER in found.missing_roles
        await tells(kit, PER, BuyingRole.DECIDER)
        await tells(kit, PER)  # of the role it says nothing
        (member,) = (await kit.hub.organisations.organisation(FIRM)).members
        assert [(held.role, held.source) for held in member.roles] == [
            (BuyingRole.DECIDER, "agent")
        ]


async def test_what_a_partner_tells_counts_while_the_partner_is_on() -> None:
    async with hub_kit(nlu=NLU, settings=HubSettings(partners_off=("Mässan",))) as kit:
        await kit.write(*PER, "hej")
        fact = Fact(
            id=FactId.of("fair", "1"),
            identity=kit.identity(*PER),
            at=at(),
            received_at=at(),
            source="fair",
            body=Membership(organisation=FIRM),
            partner="Mässan",
            legal_basis=LegalBasis.CONSENT,
        )
        await kit.store.put_facts([fact])
        with pytest.raises(NotFound):
            await kit.hub.organisations.organisation(FIRM)
        kit.hub.knowing.partners_off = ()
        assert len((await kit.hub.organisations.organisation(FIRM)).members) == 1
        kit.hub.knowing.purposes_off = {"Mässan": (Purpose.SALES,)}
        with pytest.raises(NotFound):
            await kit.hub.organisations.organisation(FIRM)
        kit.hub.knowing.purposes_off = {"Mässan": (Purpose.SERVICE,)}
        assert len((await kit.hub.organisations.organisation(FIRM)).members) == 1


async def test_a_customer_of_two_channels_is_one_member() -> None:
    async with hub_kit(nlu=NLU) as kit:
        await kit.chat("v1", "spänning till firman")
        await tells(kit, ("webchat", "v1"))
        await kit.write(*PER, ref=await kit.link(("webchat", "v1"), PER))
        await tells(kit, PER, BuyingRole.BUYER)
        (member,) = (await kit.hub.organisations.organisation(FIRM)).members
        assert member.identities == tuple(
            sorted([kit.identity("webchat", "v1"), kit.identity(*PER)])
        )
        assert [held.role for held in member.roles] == [BuyingRole.BUYER]


async def test_telling_again_changes_nothing_and_telling_otherwise_is_refused() -> None:
    async with hub_kit(nlu=NLU) as kit:
        await kit.write(*PER, "hej")
        await tells(kit, PER, BuyingRole.BUYER, key="k")
        await kit.pass_time(60)
        await tells(kit, PER, BuyingRole.BUYER, key="k")
        with pytest.raises(Conflict):
            await tells(kit, PER, BuyingRole.USER, key="k")
        (fact,) = await kit.store.members(FIRM)
        assert fact.body == Membership(organisation=FIRM, name="Firman AB", role=BuyingRole.BUYER)
        with pytest.raises(NotFound):
            await tells(kit, ("telegram", "nobody"))
        assert len(await kit.store.members(FIRM)) == 1
        with pytest.raises(NotFound):
            await kit.hub.organisations.organisation("other")


async def test_an_agents_correction_counts_for_the_deal() -> None:
    async with hub_kit(nlu=NLU) as kit:
        await kit.write(*PER, "hej")
        await tells(kit, PER)
        assert (await kit.hub.organisations.organisation(FIRM)).belief == ()
        thread = await kit.thread(*PER)
        assert await kit.hub.desk.set_facet(thread, ANNA, facet="business") == Done()
        await kit.write(*PER, "pris")
        found = await kit.hub.organisations.organisation(FIRM)
        assert (found.stage, found.members[0].roles) == ("purchase", (inferred(BuyingRole.BUYER),))


# --- the deal --------------------------------------------------------------------------------


def believes(stage: str, *, days: float) -> Facet:
    belief = tuple(
        StageShare(stage=one, share=1.0 if one == stage else 0.0)
        for one in ("research", "purchase")
    )
    return Facet(persona="business", belief=belief, belief_at=at() - timedelta(days=days))


def test_older_beliefs_weigh_less_by_half_every_two_weeks() -> None:
    found = together([believes("research", days=14), believes("purchase", days=0)], now=at())
    assert {one.stage: one.share for one in found} == pytest.approx(
        {"research": 1 / 3, "purchase": 2 / 3}, abs=1e-6
    )
    assert together([], now=at()) == ()
    assert together([Facet(persona="business")], now=at()) == ()


# --- the key ---------------------------------------------------------------------------------


def test_a_key_is_the_same_in_small_and_capital_letters() -> None:
    assert Membership(organisation=" Firman.SE ").organisation == "firman.se"


@pytest.mark.parametrize("key", ["", " ", "a/b", "-", "a b", "x" * 101])
def test_a_wrong_key_is_refused(key: str) -> None:
    with pytest.raises(ValidationError):
        Membership(organisation=key)


def test_a_membership_is_found_by_its_organisation() -> None:
    fact = Fact(
        id=FactId.of("crm", "1"),
        identity=IdentityId.of("x"),
        at=at(),
        received_at=at(),
        source="crm",
        body=Membership(organisation="Firman.se"),
        facet="business",
    )
    assert fact.claim == "member:firman.se"
    assert Fact.model_validate_json(fact.model_dump_json()) == fact
