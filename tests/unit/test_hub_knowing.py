"""Which of several values of a field is shown, and what contradicts it."""

from __future__ import annotations

import pytest

from bot.hub.knowing import FieldValue, Knowing, best
from bot.model.fact import Fact, FactPlace, LegalBasis, StoreVisited
from tests.builders import address, at, fact
from tests.contract.committing import ANNA, WEB, said
from tests.fakes.store import FakeStore


def said_by(source: str, value: str, *, when: float = 0, verified: bool = False) -> FieldValue:
    return FieldValue(
        value=value, verified=verified, source=source, identity=ANNA.identity, at=at(when)
    )


@pytest.mark.parametrize(
    ("values", "shown", "others"),
    [
        ([said_by("crm", "Anna")], "Anna", []),
        # Verified before the newest, that before the longest.
        (
            [said_by("crm", "Anna", verified=True), said_by("shop", "Annika", when=9)],
            "Anna",
            ["Annika"],
        ),
        ([said_by("crm", "Anna"), said_by("shop", "A", when=9)], "A", ["Anna"]),
        ([said_by("crm", "Anna"), said_by("shop", "Anna Berg")], "Anna Berg", ["Anna"]),
        # Of one source the latest counts, and what it said before is no conflict.
        ([said_by("crm", "Anna Berg", when=9), said_by("crm", "Anna Ek")], "Anna Berg", []),
        (
            [said_by("crm", "Ek", verified=True), said_by("crm", "Berg", when=9)],
            "Berg",
            [],
        ),
        # Case and spaces are no conflict.
        ([said_by("crm", "UMEÅ"), said_by("shop", " umeå", when=9)], " umeå", []),
        (
            [said_by("a", "1", when=1), said_by("b", "2", when=2), said_by("c", "3", when=3)],
            "3",
            ["2", "1"],
        ),
    ],
)
def test_verified_newest_longest(values: list[FieldValue], shown: str, others: list[str]) -> None:
    for order in (values, values[::-1]):
        found = best(order)
        assert found.told.value == shown
        assert [one.value for one in found.others] == others
        assert found.conflict is bool(others)


def test_of_equals_it_is_always_the_same_one() -> None:
    one, two = said_by("a", "Umeå"), said_by("b", "Oslo")
    assert best([one, two]) == best([two, one])


async def test_pages_are_full_although_a_partner_is_turned_off() -> None:
    store = FakeStore()
    for where in (ANNA, WEB):
        await said(store, where.user, where=where)
    partner = {"partner": "Gymmet", "legal_basis": LegalBasis.CONSENT}
    facts: list[Fact] = []
    for number in range(1000):
        one = fact(ANNA, str(number), when=number, body=StoreVisited(store="Umeå"))
        # Ours are few, and far between.
        facts.append(one if number % 100 == 0 else one.model_copy(update=partner))
    await store.put_facts(facts)
    ours = [one for one in facts[::-1] if one.partner is None]
    knowing = Knowing(store, partners_off=("Gymmet",))
    both = [ANNA.identity, WEB.identity]
    assert await knowing.facts(both, limit=4) == ours[:4]
    assert await knowing.facts(both, before=FactPlace.of(ours[3]), limit=4) == ours[4:8]
    assert await knowing.facts(both) == ours
    assert await knowing.facts([address("bo").identity]) == []
    assert await knowing.profile(both) == []
