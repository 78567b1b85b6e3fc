"""Store, cards: rare entries, consents, attested numbers, attempts that are only looked at."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from bot.model.fact import TrafficSource, Visited
from bot.model.ids import EpisodeId, LinkId
from bot.model.landmarks import Landmark
from bot.model.people import Proof
from bot.model.record import Acceptance
from bot.model.thread import (
    EpisodeChanged,
    Linked,
    LinkProposed,
    LinkRefused,
    LinkRevealed,
    Phase,
    SuggestionDismissed,
    Unlinked,
)
from tests.builders import acceptance, address, arrival, at, change, consent, entry, fact, seed
from tests.contract.committing import ANNA, BO, WEB, accepted, said

if TYPE_CHECKING:
    from bot.model.channel import Address
    from bot.model.thread import Entry, EntryBody
    from bot.ports import Store
    from tests.contract.homes import StoreHome

LINK = LinkId.of("a", "b")


def case(phase: Phase) -> EpisodeChanged:
    return EpisodeChanged(
        episode=EpisodeId.of("e"), phase=phase, opened_at=at(), reason=phase.value
    )


LINKS: tuple[EntryBody, ...] = (
    Linked(link=LINK, one=ANNA.identity, other=WEB.identity, proof=Proof.CODE),
    LinkRevealed(link=LINK),
    Unlinked(link=LINK, one=ANNA.identity, other=WEB.identity, reason="customer"),
    LinkRefused(reason="linked too often"),
    LinkProposed(one=ANNA.identity, other=WEB.identity, reason="samma röst"),
)
DISMISSED = SuggestionDismissed(one=ANNA.identity, other=BO.identity, reason="syskon")


async def wrote(store: Store, where: Address, key: str, *bodies: EntryBody) -> tuple[Entry, ...]:
    """A message, and after it what else its event left."""
    (event,) = await accepted(store, key, where=where)
    turn = await store.turn(event.thread)
    more = (entry(event, nth, body=body) for nth, body in enumerate(bodies, start=1))
    return (await store.commit(change(turn, event, entry(event), *more)))[1:]


async def test_landmarks_are_found_among_many_messages(store_home: StoreHome) -> None:
    store = await store_home.open()
    first = await wrote(store, ANNA, "a1", case(Phase.OPEN), *LINKS)
    for number in range(5):
        await said(store, f"talk-{number}", where=ANNA)
    (web,) = await wrote(store, WEB, "w1", case(Phase.RESOLVED))
    (last,) = await wrote(store, ANNA, "a2", DISMISSED)
    (bo,) = await wrote(store, BO, "b1", case(Phase.SNOOZED))
    both = [ANNA.identity, WEB.identity]

    for _ in ("written", "read again after a restart"):
        newest = [last, web, *reversed(first)]
        assert await store.landmarks(both) == newest
        assert await store.landmarks([*both, BO.identity], limit=2) == [bo, last]
        assert await store.landmarks(both, of={Landmark.CASE}) == [web, first[0]]
        links = [entry for entry in newest if entry in first[1:]]
        assert await store.landmarks(both, of={Landmark.LINK}) == links
        assert await store.landmarks(both, of={Landmark.SUGGESTION}) == [last]
        assert await store.landmarks(both, before=web.seq, limit=2) == newest[2:4]
        two = await store.landmarks(both, of={Landmark.SUGGESTION, Landmark.CASE})
        assert two == [last, web, first[0]]
        store = await store_home.open()


async def test_no_landmarks(store: Store) -> None:
    await said(store, "hello")
    assert await store.landmarks([ANNA.identity]) == []
    assert await store.landmarks([]) == []
    await wrote(store, ANNA, "a1", case(Phase.OPEN))
    assert await store.landmarks([ANNA.identity], limit=0) == []
    assert await store.landmarks([BO.identity]) == []


async def test_the_newest_consent_of_each_counts(store: Store) -> None:
    for where in (ANNA, WEB, BO):
        await said(store, f"m-{where.user}", where=where)
    told = (
        consent(ANNA, opted_out=True, when=at(2)),
        consent(ANNA, opted_out=False, when=at(1)),
        consent(WEB, opted_out=True, when=at(1)),
        consent(WEB, opted_out=False, when=at(3)),
    )
    await store.accept(Acceptance(consents=told))
    everybody = [BO.identity, WEB.identity, ANNA.identity]
    assert await store.consents(everybody) == [told[3], told[0]]
    assert await store.consents([BO.identity]) == []
    assert await store.consents([]) == []
    again = consent(ANNA, opted_out=False, when=at(2))
    await store.accept(Acceptance(consents=(again,)))
    assert await store.consents([ANNA.identity]) == [again]  # at the same moment: the later to come


async def test_consents_of_one_facet_count_beside_that_of_all(store_home: StoreHome) -> None:
    store = await store_home.open()
    for where in (ANNA, WEB):
        await said(store, f"m-{where.user}", where=where)
    told = (
        consent(ANNA, opted_out=False, when=at(1), facet="parent"),  # before the one for all
        consent(ANNA, opted_out=True, when=at(2)),
        consent(ANNA, opted_out=False, when=at(3), facet="business"),
        consent(ANNA, opted_out=True, when=at(4), facet="business"),
        consent(ANNA, opted_out=False, when=at(4), facet="art"),
        consent(WEB, opted_out=False, when=at(1), facet="business"),
    )
    for one in reversed(told):
        await store.accept(Acceptance(consents=(one, one)))
    for _ in ("written", "read again after a restart"):
        assert await store.consents([WEB.identity, ANNA.identity]) == [
            told[5],
            told[1],
            told[4],
            told[3],
        ]
        store = await store_home.open()


async def test_a_consent_may_come_with_the_first_message(store: Store) -> None:
    told = consent(ANNA, opted_out=True)
    await store.accept(Acceptance(arrivals=(arrival(ANNA, "m0"),), consents=(told,)))
    assert await store.consents([ANNA.identity]) == [told]


async def test_whom_a_provider_vouches_for_by_a_number(store: Store) -> None:
    number = "+46701740605"
    for when, where in enumerate((BO, ANNA)):
        one = arrival(where, "m", when=at(when), seed=seed(where, phone=number))
        await store.accept(acceptance(one))
    await said(store, "m", where=WEB)
    assert [one.id for one in await store.attested(number)] == [BO.identity, ANNA.identity]
    assert [one.address for one in await store.attested(number, limit=1)] == [BO]
    assert await store.attested("+46701740606") == []
    assert await store.attested(number, limit=0) == []


async def test_attempts_are_looked_at_without_counting(store: Store) -> None:
    window = timedelta(seconds=10)
    for seconds in (0, 5, 8):
        await store.count_attempt("k", now=at(seconds), window=window)
    for _ in range(2):
        assert await store.attempts("k", now=at(9), window=window) == 3
    assert await store.attempts("k", now=at(10), window=window) == 2
    assert await store.attempts("k", now=at(9), window=timedelta(seconds=2)) == 1
    assert await store.attempts("other", now=at(9), window=window) == 0


@pytest.mark.parametrize("reverse", [False, True])
async def test_the_first_fact_of_a_kind(store: Store, *, reverse: bool) -> None:
    await said(store, "m", where=ANNA)
    await said(store, "m", where=WEB)
    visit = Visited(page="shop.example.com/", source=TrafficSource.PAID)
    kept = [
        fact(ANNA, "claimed", when=0),
        fact(WEB, "first", when=1, body=visit),
        fact(ANNA, "second", when=2, body=visit),
    ]
    await store.put_facts(kept[::-1] if reverse else kept)
    both = [ANNA.identity, WEB.identity]
    assert await store.first_fact(both, "visited") == kept[1]
    assert await store.first_fact([ANNA.identity], "visited") == kept[2]
    assert await store.first_fact(both, "purchased") is None
    assert await store.first_fact([address("nobody").identity], "visited") is None
