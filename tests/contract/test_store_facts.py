"""Store, facts: each once, for ever at its identity; claims; and the quarantine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.errors import NotFound, StaleVersion, StoreError
from bot.model.fact import (
    FACT_KINDS,
    Attribute,
    AttributeKey,
    BuyingRole,
    Claimed,
    ClaimKind,
    CodeShown,
    Delivered,
    Fact,
    FactPlace,
    ForReview,
    HeldFact,
    Item,
    LegalBasis,
    LoginProved,
    Membership,
    Overruled,
    Purchased,
    Retired,
    Returned,
    Reviewed,
    ReviewReason,
    Severity,
    StoreVisited,
    SubscriptionChanged,
    SubscriptionState,
    TicketClosed,
    TicketOpened,
    TierChanged,
    TrafficSource,
    Visited,
    review_key,
)
from bot.model.ids import AgentId, EntryId, FactId
from bot.model.people import ByAgent
from bot.model.record import Absorb
from tests.builders import acceptance, address, arrival, at, change, fact, link
from tests.contract.committing import ANNA, BO, WEB, accepted, laden, nothing_written, said

if TYPE_CHECKING:
    from bot.model.fact import FactBody, FactKind
    from bot.model.ids import IdentityId
    from bot.ports import Store
    from tests.contract.homes import StoreHome

BODIES: tuple[FactBody, ...] = (
    Claimed(what=ClaimKind.PHONE, value="+46701740605", raw="070-174 06 05"),
    Visited(
        page="shop.example.com/tält",
        title="Tält",
        source=TrafficSource.PAID,
        referrer="google.com",
        campaign="vår",
        device="phone/firefox",
        time_zone="Europe/Stockholm",
        place="SE",
    ),
    LoginProved(visitor=WEB.identity, until=at(60)),
    CodeShown(began="14:02", browser="Chrome", system="Windows", place="SE"),
    Retired(),
    Overruled(correction=FactId.of("a")),
    Purchased(
        order="A-1",
        amount="1295.00",
        currency="SEK",
        items=(Item(sku="T2", name="Tält", quantity=2, amount="1295.00"),),
        store="Umeå",
    ),
    Delivered(order="A-1", parcel="P-1", carrier="PostNord"),
    Returned(order="A-1", amount="647.50", currency="SEK", reason="för stort"),
    TicketOpened(ticket="T-1", severity=Severity.CRITICAL, subject="Trasigt"),
    TicketClosed(ticket="T-1", severity=Severity.LOW, resolution="nytt skickat"),
    TierChanged(programme="Fjällklubben", tier="guld"),
    StoreVisited(store="Umeå"),
    SubscriptionChanged(subscription="S-1", plan="gas", state=SubscriptionState.PAUSED),
    Attribute(key=AttributeKey.BIRTHDAY, value="1984-05-31", verified=True),
    ForReview(
        reason=ReviewReason.UNSURE,
        entry=EntryId.of("e"),
        language="sv",
        guess="delivery.time",
        confidence=0.4,
    ),
    Reviewed(entry=EntryId.of("e"), label="delivery.time", by=AgentId.of("anna")),
    Membership(organisation="556677-8899", name="Firman AB", role=BuyingRole.DECIDER),
)


async def here(store: Store, *who: IdentityId) -> list[FactId]:
    """The ids of all facts about these, in the order in which they are read."""
    return [one.id for one in await store.facts(who or [ANNA.identity], limit=1000)]


def ids(*keys: str) -> list[FactId]:
    return [fact(ANNA, key).id for key in keys]


def held(key: str, *, when: float = 0) -> HeldFact:
    return HeldFact(
        id=FactId.of(key), source="crm", reason="unknown kind", raw=f'{{"å": "{key}"}}', at=at(when)
    )


async def test_every_kind_comes_back_as_it_was_after_a_restart(store_home: StoreHome) -> None:
    store = await store_home.open()
    await said(store, "m1")
    told = [
        fact(ANNA, body.kind, when=number, body=body).model_copy(
            update={
                "partner": "Resebyrån",
                "legal_basis": LegalBasis.CONSENT,
                "by": ByAgent(agent=AgentId.of("bo"), name="Bo"),
            }
        )
        for number, body in enumerate(BODIES)
    ]
    assert {one.body.kind for one in told} == set(FACT_KINDS)
    assert await store.put_facts(told) == [one.id for one in told]
    again = await store_home.open()
    assert await again.facts([ANNA.identity]) == told[::-1]
    for one in told:
        assert await again.facts([ANNA.identity], kinds=[one.body.kind]) == [one]


async def test_a_repeat_changes_nothing(store: Store) -> None:
    await said(store, "m1")
    await said(store, "b1", where=BO)
    first = fact(ANNA, "a")
    assert await store.put_facts([first]) == ids("a")
    other = fact(BO, "a", when=9)
    twice = fact(ANNA, "b")
    changed = twice.model_copy(update={"source": "other"})
    assert await store.put_facts([other, twice, changed]) == ids("b")
    assert await store.known_facts(ids("b", "x", "a")) == [twice, first]
    assert await here(store, BO.identity) == []
    assert await store.put_facts([]) == []
    assert await store.known_facts([]) == []


async def test_an_unknown_identity_refuses_all(store: Store) -> None:
    await said(store, "m1")
    with pytest.raises(NotFound):
        await store.put_facts([fact(ANNA, "a"), fact(BO, "b")])
    assert await here(store, ANNA.identity, BO.identity) == []
    assert await store.known_facts(ids("a", "b")) == []
    assert await store.put_facts([fact(ANNA, "a")]) == ids("a")


async def test_the_newest_comes_first_and_pages_meet_without_a_gap(store: Store) -> None:
    for where in (ANNA, WEB, BO):
        await said(store, f"{where.user}-1", where=where)
    facts = [
        fact(where, f"{where.user}{number}", when=number // 3, body=BODIES[number % len(BODIES)])
        for number in range(12)
        for where in (ANNA, WEB, BO)
    ]
    await store.put_facts(facts)
    both = [ANNA.identity, WEB.identity]
    theirs = [one for one in facts if one.identity in both]
    wanted = sorted(theirs, key=lambda one: (one.at, one.id), reverse=True)
    assert await store.facts(both, limit=1000) == wanted
    found: list[Fact] = []
    place = None
    while page := await store.facts(both, before=place, limit=5):
        found += page
        place = FactPlace.of(page[-1])
    assert found == wanted
    kinds: tuple[FactKind, ...] = ("claimed", "visited", "purchased")
    some = [one for one in wanted if one.body.kind in kinds]
    assert await store.facts(both, kinds=kinds, limit=2) == some[:2]
    assert await store.facts(both, kinds=kinds, before=FactPlace.of(some[1])) == some[2:]
    assert await store.facts([]) == []
    assert await store.facts(both, limit=0) == []


async def test_claims_are_found_by_their_value_the_first_first(store: Store) -> None:
    people = [ANNA, WEB, BO, address("cilla")]
    for where in people:
        await said(store, f"{where.user}-1", where=where)
    anna = Claimed(what=ClaimKind.EMAIL, value="anna@example.com", raw="Anna@Example.com")
    number = anna.model_copy(update={"what": ClaimKind.CUSTOMER_NUMBER})
    await store.put_facts(
        [
            fact(WEB, "1", when=5, body=anna),
            fact(ANNA, "2", when=9, body=anna),
            fact(BO, "3", when=7, body=anna),
            fact(ANNA, "4", when=1, body=anna),
            fact(people[3], "5", body=number),
        ]
    )
    found = await store.claimants(ClaimKind.EMAIL, "anna@example.com")
    assert found == [ANNA.identity, WEB.identity, BO.identity]
    assert await store.claimants(ClaimKind.EMAIL, "anna@example.com", limit=2) == found[:2]
    assert await store.claimants(ClaimKind.EMAIL, "anna@example.com", limit=0) == []
    assert await store.claimants(ClaimKind.EMAIL, "Anna@example.com") == []
    assert await store.claimants(ClaimKind.CUSTOMER_NUMBER, "anna@example.com") == [
        people[3].identity
    ]


async def test_the_members_of_an_organisation_are_found_the_newest_first(store: Store) -> None:
    for where in (ANNA, WEB, BO):
        await said(store, f"{where.user}-1", where=where)
    firm = Membership(organisation="firm.example", name="Firman")
    buyer = firm.model_copy(update={"role": BuyingRole.BUYER})
    other = Membership(organisation="firm.example.com", role=BuyingRole.USER)
    claimed = Claimed(what=ClaimKind.EMAIL, value="firm.example", raw="firm.example")
    told = [
        fact(ANNA, "1", when=5, body=firm),
        fact(BO, "2", when=9, body=firm),
        fact(ANNA, "3", when=7, body=buyer),
        fact(WEB, "4", when=7, body=firm).model_copy(update={"facet": "business"}),
        fact(WEB, "5", when=8, body=other),
        fact(WEB, "6", when=8, body=claimed),
    ]
    await store.put_facts(told)
    newest = [told[1], *sorted(told[2:4], key=lambda one: one.id, reverse=True), told[0]]
    assert await store.members("firm.example") == newest
    assert await store.members("firm.example", limit=3) == newest[:3]
    assert await store.members("firm.example", limit=0) == []
    assert await store.members("example") == []
    assert await store.members("firm.example.com") == [told[4]]


async def test_facts_are_found_by_their_keys_page_by_page(store: Store) -> None:
    for where in (ANNA, BO):
        await said(store, f"{where.user}-1", where=where)
    reasons = [ReviewReason.UNSURE, ReviewReason.OUT_OF_SCOPE, ReviewReason.CORRECTED]
    told = [
        fact(
            (ANNA, BO)[number % 2],
            str(number),
            when=number // 2,
            body=ForReview(reason=reasons[number % 3], entry=EntryId.of(str(number))),
        )
        for number in range(12)
    ]
    await store.put_facts(told)
    newest = sorted(told, key=lambda one: (one.at, one.id), reverse=True)
    for some in (reasons, reasons[:2], reasons[2:]):
        keys = [review_key(reason) for reason in some]
        wanted = [one for one in newest if one.claim in keys]
        found: list[Fact] = []
        place = None
        while page := await store.facts_under(keys, before=place, limit=3):
            found += page
            place = FactPlace.of(page[-1])
        assert found == wanted
    assert await store.facts_under([review_key(None)]) == []
    assert await store.facts_under([], limit=9) == []
    assert await store.facts_under([review_key(reasons[0])], limit=0) == []


async def test_facts_are_written_with_the_change_or_not_at_all(store: Store) -> None:
    (event,) = await accepted(store, "m1")
    turn = await store.turn(event.thread)
    unknown = laden(turn, event).model_copy(update={"facts": (fact(ANNA, "a"), fact(BO, "b"))})
    with pytest.raises(StoreError):
        await store.commit(unknown)
    await nothing_written(store)
    stale = laden(turn, event).model_copy(update={"expected": 1, "state": turn.state})
    with pytest.raises(StoreError):
        await store.commit(stale)
    await nothing_written(store)
    learned = fact(ANNA, "a", body=BODIES[0])
    done = change(turn, event).model_copy(update={"facts": (learned, fact(ANNA, "b", when=1))})
    await store.commit(done)
    assert await here(store) == ids("b", "a")
    assert await store.claimants(ClaimKind.PHONE, "+46701740605") == [ANNA.identity]
    with pytest.raises(StaleVersion):
        await store.commit(done)
    (second,) = await accepted(store, "m2")
    repeat = change(await store.turn(event.thread), second)
    other = fact(ANNA, "a", when=99)
    await store.commit(repeat.model_copy(update={"facts": (other,)}))
    assert await store.known_facts(ids("a")) == [learned]


async def test_a_link_moves_no_fact(store: Store) -> None:
    await said(store, "web-1", where=WEB)
    await said(store, "sms-1")
    await store.put_facts([fact(WEB, "w"), fact(ANNA, "a", when=1)])
    (event,) = (await store.accept(acceptance(arrival(ANNA, "code")))).events
    joined = change(await store.turn(WEB.home_thread), event).model_copy(
        update={
            "link": link(WEB, ANNA),
            "absorb": Absorb(thread=ANNA.home_thread, version=1),
        }
    )
    await store.commit(joined)
    assert await here(store, WEB.identity, ANNA.identity) == ids("a", "w")
    assert await here(store, ANNA.identity) == ids("a")
    assert await here(store, WEB.identity) == ids("w")


async def test_the_quarantine_keeps_what_came_the_oldest_first(store_home: StoreHome) -> None:
    store = await store_home.open()
    late, early, same = held("late", when=9), held("early"), held("same", when=9)
    assert await store.hold_facts([late, early, late]) == [late.id, early.id]
    changed = early.model_copy(update={"raw": "{}"})
    assert await store.hold_facts([changed, same]) == [same.id]
    assert await store.hold_facts([]) == []
    again = await store_home.open()
    wanted = [early, *sorted((late, same), key=lambda one: one.id)]
    assert await again.held_facts() == wanted
    assert await again.held_facts(limit=2) == wanted[:2]
    assert await again.held_facts(after=FactPlace.of(wanted[1])) == wanted[2:]
    assert await again.held_facts(limit=0) == []
    assert await again.held_fact(early.id) == early
    assert await again.held_fact(FactId.of("x")) is None


async def test_what_leaves_the_quarantine_is_gone(store: Store) -> None:
    one, two = held("one"), held("two")
    await store.hold_facts([one, two])
    assert await store.drop_held_fact(one.id)
    assert not await store.drop_held_fact(one.id)
    assert await store.held_fact(one.id) is None
    assert await store.held_facts() == [two]
