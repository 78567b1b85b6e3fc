"""Store, inbox: accepting once, making identities, joining them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bot.errors import NotFound
from bot.model.event import IdentityJoined
from bot.model.people import Proof
from bot.model.record import Acceptance, Arrival, IdentitySeed
from tests.builders import (
    acceptance,
    address,
    arrival,
    at,
    change,
    event_id,
    inbound,
    joining,
    seed,
)

if TYPE_CHECKING:
    from bot.model.channel import Address
    from bot.model.event import ThreadEvent
    from bot.model.people import ChannelIdentity
    from bot.ports import Store
    from tests.contract.homes import StoreHome

ANNA = address("anna")
BO = address("bo")
ANNA_WHATSAPP = address("wa-anna", channel="twilio_whatsapp")
PHONE = "+46701234567"


async def identity(store: Store, where: Address) -> ChannelIdentity:
    found = await store.identity(where.identity)
    assert found is not None
    return found


async def accept(store: Store, *arrivals: Arrival) -> tuple[ThreadEvent, ...]:
    return (await store.accept(acceptance(*arrivals))).events


def joined(events: tuple[ThreadEvent, ...]) -> list[IdentityJoined]:
    return [event.body for event in events if isinstance(event.body, IdentityJoined)]


# --- once ------------------------------------------------------------------------------------


async def test_a_fresh_event_is_accepted_as_it_came(store: Store) -> None:
    text = "Hej 👋🏽 — när kommer\nmitt paket? " + "å" * 5000
    (event,) = await accept(store, arrival(ANNA, "m1", text=text, when=at(3)))
    assert event.id == event_id(ANNA, "m1")
    assert event.identity == ANNA.identity
    assert event.thread == ANNA.home_thread
    assert event.at == at(3)
    assert event.body == inbound(text, user="anna", key="m1")
    assert event.seq > 0


async def test_a_repeat_is_left_out(store: Store) -> None:
    (first,) = await accept(store, arrival(ANNA, "m1"))
    assert await accept(store, arrival(ANNA, "m1", text="andra ord", when=at(9))) == ()
    turn = await store.turn(ANNA.home_thread)
    assert turn.events == (first,)


async def test_a_repeat_within_one_batch_is_left_out(store: Store) -> None:
    events = await accept(
        store, arrival(ANNA, "m1", text="ett"), arrival(ANNA, "m1", text="två"), arrival(BO, "m1")
    )
    assert [event.id for event in events] == [event_id(ANNA, "m1"), event_id(BO, "m1")]
    assert events[0].body == inbound("ett", user="anna", key="m1")


async def test_of_twenty_at_the_same_moment_one_is_fresh(store: Store) -> None:
    accepted = await asyncio.gather(
        *(store.accept(acceptance(arrival(ANNA, "m1"))) for _ in range(20))
    )
    assert sorted(len(one.events) for one in accepted) == [0] * 19 + [1]
    assert len((await store.turn(ANNA.home_thread)).events) == 1


async def test_a_repeat_is_known_after_it_was_processed(store: Store) -> None:
    (event,) = await accept(store, arrival(ANNA, "m1"))
    await store.commit(change(await store.turn(ANNA.home_thread), event))
    assert await accept(store, arrival(ANNA, "m1")) == ()
    assert (await store.turn(ANNA.home_thread)).events == ()


async def test_events_keep_the_order_of_the_request(store: Store) -> None:
    arrivals = [arrival(ANNA, f"m{n}", when=at(10 - n)) for n in range(6)]
    events = await accept(store, *arrivals)
    assert [event.id for event in events] == [one.id for one in arrivals]
    seqs = [event.seq for event in events]
    assert seqs == sorted(set(seqs))
    assert (await store.turn(ANNA.home_thread)).events == events


async def test_the_same_key_on_another_account_is_another_event(store: Store) -> None:
    other = address("anna", account="second")
    events = await accept(store, arrival(ANNA, "m1"), arrival(other, "m1"))
    assert [event.thread for event in events] == [ANNA.home_thread, other.home_thread]


async def test_what_was_accepted_is_there_after_a_restart(store_home: StoreHome) -> None:
    store = await store_home.open()
    events = await accept(store, arrival(ANNA, "m1", text="Hej 👋"), arrival(ANNA, "m2"))
    again = await store_home.open()
    assert (await again.turn(ANNA.home_thread)).events == events
    assert await accept(again, arrival(ANNA, "m1")) == ()
    (later,) = await accept(again, arrival(ANNA, "m3"))
    assert later.seq > events[-1].seq


async def test_an_empty_acceptance_changes_nothing(store: Store) -> None:
    assert (await store.accept(Acceptance())).events == ()
    assert await store.thread_ids() == []


# --- identities ------------------------------------------------------------------------------


async def test_an_identity_is_made_from_its_seed(store: Store) -> None:
    told = IdentitySeed(address=ANNA, phone=PHONE, name="Anna Ås", username="anna_a", language="sv")
    await accept(store, arrival(ANNA, when=at(4), seed=told))
    made = await identity(store, ANNA)
    assert made.id == ANNA.identity
    assert made.address == ANNA
    assert made.thread == ANNA.home_thread
    assert (made.phone, made.name, made.username, made.language) == (
        PHONE,
        "Anna Ås",
        "anna_a",
        "sv",
    )
    assert made.created_at == at(4)


async def test_an_unknown_identity_is_none(store: Store) -> None:
    assert await store.identity(ANNA.identity) is None


async def test_a_seed_fills_in_and_blanks_nothing(store: Store) -> None:
    await accept(store, arrival(ANNA, "m1", seed=IdentitySeed(address=ANNA, name="Anna")))
    await accept(
        store,
        arrival(ANNA, "m2", when=at(9), seed=IdentitySeed(address=ANNA, name="", language="sv")),
    )
    filled = await identity(store, ANNA)
    assert (filled.name, filled.language, filled.username) == ("Anna", "sv", None)
    await accept(store, arrival(ANNA, "m3", seed=seed(ANNA, name="Någon Annan", phone=PHONE)))
    told = await identity(store, ANNA)
    assert (told.name, told.language, told.phone) == ("Anna", "sv", PHONE)
    assert told.created_at == at(0)


async def test_an_empty_name_tells_nothing(store: Store) -> None:
    nothing = IdentitySeed(address=ANNA, name="", username="", language="")
    await accept(store, arrival(ANNA, "m1", seed=nothing))
    blank = await identity(store, ANNA)
    assert (blank.name, blank.username, blank.language) == (None, None, None)
    await accept(store, arrival(ANNA, "m2", seed=seed(ANNA, name="Anna")))
    assert (await identity(store, ANNA)).name == "Anna"


async def test_a_known_identity_needs_no_seed(store: Store) -> None:
    await accept(store, arrival(ANNA, "m1"))
    bare = arrival(ANNA, "m2").model_copy(update={"seed": None})
    (event,) = await accept(store, bare)
    assert event.thread == ANNA.home_thread


async def test_an_unknown_identity_without_a_seed_is_refused_whole(store: Store) -> None:
    bare = arrival(BO, "m1").model_copy(update={"seed": None})
    with pytest.raises(NotFound):
        await store.accept(acceptance(arrival(ANNA, "m1"), bare))
    assert await store.identity(ANNA.identity) is None
    assert await store.identity(BO.identity) is None
    assert await store.thread_ids() == []


# --- joining ---------------------------------------------------------------------------------


async def test_the_same_attested_phone_is_one_thread(store: Store) -> None:
    await accept(store, arrival(ANNA, "m1", seed=joining(ANNA, phone=PHONE)))
    link_event, event = await accept(
        store, arrival(ANNA_WHATSAPP, "w1", when=at(5), seed=joining(ANNA_WHATSAPP, phone=PHONE))
    )
    assert isinstance(link_event.body, IdentityJoined)
    link = link_event.body.link
    assert (link.one, link.other) == (ANNA_WHATSAPP.identity, ANNA.identity)
    assert (link.proof, link.proof_id, link.at) == (Proof.ATTESTED_PHONE, PHONE, at(5))
    assert link_event.identity == event.identity == ANNA_WHATSAPP.identity
    assert link_event.thread == event.thread == ANNA.home_thread
    assert link_event.seq < event.seq
    assert event.id == event_id(ANNA_WHATSAPP, "w1")
    turn = await store.turn(ANNA.home_thread)
    assert [one.id for one in turn.identities] == [ANNA.identity, ANNA_WHATSAPP.identity]
    assert await store.thread_ids() == [ANNA.home_thread]


async def test_an_alias_in_the_payload_is_one_thread(store: Store) -> None:
    await accept(store, arrival(ANNA, "m1"))
    events = await accept(
        store,
        arrival(ANNA_WHATSAPP, "w1", seed=joining(ANNA_WHATSAPP, aliases=(ANNA.identity,))),
    )
    (join,) = joined(events)
    assert (join.link.one, join.link.other) == (ANNA_WHATSAPP.identity, ANNA.identity)
    assert (join.link.proof, join.link.proof_id) == (Proof.ALIAS, ANNA.identity)
    assert [event.thread for event in events] == [ANNA.home_thread] * 2
    assert await store.thread_ids() == [ANNA.home_thread]


async def test_an_alias_is_held_before_anybody_writes_from_it(store: Store) -> None:
    named = joining(ANNA_WHATSAPP, aliases=(ANNA.identity,))
    assert joined(await accept(store, arrival(ANNA_WHATSAPP, "w1", seed=named))) == []
    events = await accept(store, arrival(ANNA, "m1"))
    assert len(joined(events)) == 1
    assert {event.thread for event in events} == {ANNA_WHATSAPP.home_thread}


async def test_two_that_name_the_same_alias_are_one_thread(store: Store) -> None:
    alias = address("user-77", channel="whatsapp_cloud").identity
    await accept(store, arrival(ANNA, "m1", seed=joining(ANNA, aliases=(alias,))))
    events = await accept(
        store, arrival(ANNA_WHATSAPP, "w1", seed=joining(ANNA_WHATSAPP, aliases=(alias,)))
    )
    assert len(joined(events)) == 1
    assert {event.thread for event in events} == {ANNA.home_thread}


async def test_two_are_joined_only_once(store: Store) -> None:
    await accept(store, arrival(ANNA, "m1", seed=joining(ANNA, phone=PHONE)))
    told = joining(ANNA_WHATSAPP, phone=PHONE, aliases=(ANNA.identity,))
    batches = [
        await accept(store, arrival(ANNA_WHATSAPP, "w1", seed=told)),
        await accept(store, arrival(ANNA_WHATSAPP, "w1", seed=told)),
        await accept(store, arrival(ANNA_WHATSAPP, "w2", seed=told)),
        await accept(store, arrival(ANNA, "m2", seed=joining(ANNA, phone=PHONE))),
    ]
    assert [len(joined(events)) for events in batches] == [1, 0, 0, 0]
    assert [len(events) for events in batches] == [2, 0, 1, 1]
    made = await store.links([ANNA.identity, ANNA_WHATSAPP.identity])
    assert len(made) == 1


async def test_two_that_meet_in_one_batch_are_joined(store: Store) -> None:
    events = await accept(
        store,
        arrival(ANNA, "m1", seed=joining(ANNA, phone=PHONE)),
        arrival(ANNA_WHATSAPP, "w1", seed=joining(ANNA_WHATSAPP, phone=PHONE)),
    )
    assert [type(event.body) is IdentityJoined for event in events] == [False, True, False]
    assert {event.thread for event in events} == {ANNA.home_thread}


async def test_of_ten_that_join_at_the_same_moment_all_are_one_thread(store: Store) -> None:
    people = [address(f"wa-{n}", channel="twilio_whatsapp") for n in range(10)]
    await asyncio.gather(
        *(accept(store, arrival(one, "w", seed=joining(one, phone=PHONE))) for one in people)
    )
    (thread,) = await store.thread_ids()
    turn = await store.turn(thread)
    assert len(turn.identities) == 10
    assert len(joined(turn.events)) == 9


async def test_three_by_two_proofs_are_one_thread(store: Store) -> None:
    third = address("ig-anna", channel="instagram")
    await accept(store, arrival(ANNA, "m1", seed=joining(ANNA, phone=PHONE)))
    await accept(store, arrival(ANNA_WHATSAPP, "w1", seed=joining(ANNA_WHATSAPP, phone=PHONE)))
    told = joining(third, aliases=(ANNA_WHATSAPP.identity,))
    events = await accept(store, arrival(third, "i1", seed=told))
    assert {event.thread for event in events} == {ANNA.home_thread}
    assert len(joined(events)) == 1
    assert await store.thread_ids() == [ANNA.home_thread]


async def test_without_join_phone_the_same_phone_joins_nothing(store: Store) -> None:
    await accept(store, arrival(ANNA, "m1", seed=joining(ANNA, phone=PHONE)))
    events = await accept(
        store, arrival(ANNA_WHATSAPP, "w1", seed=seed(ANNA_WHATSAPP, phone=PHONE))
    )
    assert len(events) == 1
    assert events[0].thread == ANNA_WHATSAPP.home_thread
    assert await store.links([ANNA.identity, ANNA_WHATSAPP.identity]) == []
    assert len(await store.thread_ids()) == 2


async def test_two_people_stay_two_threads(store: Store) -> None:
    events = await accept(
        store,
        arrival(ANNA, "m1", seed=joining(ANNA, phone=PHONE)),
        arrival(BO, "m1", seed=joining(BO, phone="+46701234568")),
        arrival(ANNA_WHATSAPP, "w1", seed=IdentitySeed(address=ANNA_WHATSAPP, join_phone=True)),
    )
    assert joined(events) == []
    assert sorted(await store.thread_ids()) == sorted(
        [ANNA.home_thread, BO.home_thread, ANNA_WHATSAPP.home_thread]
    )
    assert [one.id for one in (await store.turn(BO.home_thread)).identities] == [BO.identity]


async def test_a_phone_learned_later_joins_nothing(store: Store) -> None:
    await accept(store, arrival(ANNA, "m1", seed=joining(ANNA, phone=PHONE)))
    await accept(store, arrival(ANNA_WHATSAPP, "w1"))
    events = await accept(
        store, arrival(ANNA_WHATSAPP, "w2", seed=joining(ANNA_WHATSAPP, phone=PHONE))
    )
    # Two threads with lives of their own: only a commit that fences both makes them one.
    assert joined(events) == []
    assert {event.thread for event in events} == {ANNA_WHATSAPP.home_thread}
    assert len(await store.thread_ids()) == 2
    assert (await identity(store, ANNA_WHATSAPP)).phone == PHONE


async def test_an_alias_goes_before_a_phone(store: Store) -> None:
    await accept(store, arrival(ANNA, "m1", seed=joining(ANNA, phone=PHONE)))
    await accept(store, arrival(BO, "m1"))
    told = joining(ANNA_WHATSAPP, phone=PHONE, aliases=(BO.identity,))
    events = await accept(store, arrival(ANNA_WHATSAPP, "w1", seed=told))
    (join,) = joined(events)
    assert (join.link.other, join.link.proof) == (BO.identity, Proof.ALIAS)
    assert {event.thread for event in events} == {BO.home_thread}


async def test_the_oldest_holder_of_a_phone_is_joined(store: Store) -> None:
    for n, one in enumerate((BO, ANNA)):
        await accept(store, arrival(one, "m1", when=at(n), seed=seed(one, phone=PHONE)))
    events = await accept(
        store, arrival(ANNA_WHATSAPP, "w1", seed=joining(ANNA_WHATSAPP, phone=PHONE))
    )
    (join,) = joined(events)
    assert join.link.other == BO.identity


async def test_a_join_is_durable(store_home: StoreHome) -> None:
    store = await store_home.open()
    await accept(store, arrival(ANNA, "m1", seed=joining(ANNA, phone=PHONE)))
    again = await store_home.open()
    events = await accept(
        again, arrival(ANNA_WHATSAPP, "w1", seed=joining(ANNA_WHATSAPP, phone=PHONE))
    )
    assert {event.thread for event in events} == {ANNA.home_thread}
    last = await store_home.open()
    assert (await identity(last, ANNA_WHATSAPP)).thread == ANNA.home_thread
    assert len(await last.links([ANNA.identity, ANNA_WHATSAPP.identity])) == 1
