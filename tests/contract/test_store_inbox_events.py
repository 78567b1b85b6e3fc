"""Store, inbox: outcomes, the sweeper's view, timers, dead letters, receipts, consents."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bot.errors import NotFound, StaleVersion, StoreClosed
from bot.model.event import Done, OfferExpired, Rejected, SnoozeOver
from bot.model.ids import EpisodeId, EventId
from bot.model.record import Acceptance, Timer
from tests.builders import (
    acceptance,
    address,
    arrival,
    at,
    change,
    event_id,
    request,
)

if TYPE_CHECKING:
    from bot.model.channel import Address
    from bot.model.event import ThreadEvent
    from bot.ports import Store
    from tests.contract.homes import StoreHome

ANNA = address("anna")
BO = address("bo")


async def accepted(store: Store, *keys: str, where: Address = ANNA) -> tuple[ThreadEvent, ...]:
    return (await store.accept(acceptance(*(arrival(where, key) for key in keys)))).events


async def process(store: Store, event: ThreadEvent) -> None:
    await store.commit(change(await store.turn(event.thread), event))


# --- outcomes and the sweeper ----------------------------------------------------------------


async def test_an_outcome_is_none_until_the_event_is_processed(store: Store) -> None:
    (event,) = await accepted(store, "m1")
    assert await store.outcome(event.id) is None
    await process(store, event)
    assert await store.outcome(event.id) == Done()
    assert await store.outcome(EventId.of("unknown")) is None


async def test_a_rejection_says_who_won(store: Store) -> None:
    (event,) = await accepted(store, "m1")
    done = change(await store.turn(ANNA.home_thread), event)
    lost = Rejected(reason="owned", winner="Åsa")
    await store.commit(done.model_copy(update={"outcome": lost, "entries": ()}))
    assert await store.outcome(event.id) == lost


async def test_unprocessed_are_the_old_ones_oldest_first(store: Store) -> None:
    await store.accept(
        acceptance(
            *(arrival(ANNA, f"m{n}", when=at(n)) for n in range(4)), arrival(BO, "b", when=at(1))
        )
    )
    (first, *_) = (await store.turn(ANNA.home_thread)).events
    await process(store, first)
    old = await store.unprocessed(before=at(3), limit=10)
    assert [event.id for event in old] == [
        event_id(ANNA, "m1"),
        event_id(ANNA, "m2"),
        event_id(BO, "b"),
    ]
    assert [event.id for event in await store.unprocessed(before=at(3), limit=1)] == [
        event_id(ANNA, "m1")
    ]
    assert await store.unprocessed(before=at(0), limit=10) == []


async def test_unprocessed_survive_a_restart_as_they_were(store_home: StoreHome) -> None:
    events = await accepted(await store_home.open(), "m1", "m2")
    again = await store_home.open()
    assert await again.unprocessed(before=at(1), limit=10) == list(events)


# --- timers ----------------------------------------------------------------------------------


async def set_timers(store: Store, *timers: Timer) -> None:
    (event,) = await accepted(store, repr(timers))
    done = change(await store.turn(event.thread), event)
    await store.commit(done.model_copy(update={"timers": timers}))


def timer(name: str, due: float, *, epoch: int = 1) -> Timer:
    return Timer(
        id=EventId.of("timer", name),
        identity=ANNA.identity,
        due=at(due),
        body=OfferExpired(epoch=epoch),
    )


async def test_timers_ring_when_due_the_earliest_first_and_once(store: Store) -> None:
    await set_timers(store, timer("late", 60), timer("soon", 30, epoch=7), timer("later", 61))
    assert await store.due_timers(now=at(29), limit=10) == []
    soon, late = await store.due_timers(now=at(60), limit=10)
    assert (soon.id, late.id) == (EventId.of("timer", "soon"), EventId.of("timer", "late"))
    assert soon.body == OfferExpired(epoch=7)
    assert (soon.identity, soon.thread, soon.at) == (ANNA.identity, ANNA.home_thread, at(60))
    assert soon.seq < late.seq
    assert await store.due_timers(now=at(60), limit=10) == []
    assert (await store.turn(ANNA.home_thread)).events == (soon, late)


async def test_a_timer_of_any_kind_rings_as_it_was_set(store: Store) -> None:
    over = SnoozeOver(episode=EpisodeId.of("e"), until=at(30.000001))
    await set_timers(store, timer("snooze", 30).model_copy(update={"body": over}))
    (rung,) = await store.due_timers(now=at(30), limit=10)
    assert rung.body == over


async def test_timers_ring_in_the_order_they_are_due(store: Store) -> None:
    dues = {"a": 7, "b": 3, "c": 9, "d": 1, "e": 5}
    await set_timers(store, *(timer(name, due) for name, due in dues.items()))
    rung = await store.due_timers(now=at(10), limit=10)
    assert [event.id for event in rung] == [EventId.of("timer", name) for name in "dbeac"]


async def test_due_timers_come_as_many_as_asked_for(store: Store) -> None:
    await set_timers(store, *(timer(f"t{n}", n) for n in range(5)))
    rung = [await store.due_timers(now=at(10), limit=2) for _ in range(4)]
    assert [len(events) for events in rung] == [2, 2, 1, 0]


async def test_of_two_that_look_at_the_same_moment_one_gets_the_timer(store: Store) -> None:
    await set_timers(store, timer("one", 1))
    both = await asyncio.gather(*(store.due_timers(now=at(2), limit=5) for _ in range(2)))
    assert sorted(len(events) for events in both) == [0, 1]


async def test_a_timer_is_set_once(store: Store) -> None:
    await set_timers(store, timer("one", 30))
    await set_timers(store, timer("one", 90), timer("two", 95))
    (first,) = await store.due_timers(now=at(31), limit=5)
    await process(store, first)
    (second,) = await store.due_timers(now=at(99), limit=5)
    assert second.id == EventId.of("timer", "two")
    await set_timers(store, timer("one", 100), timer("three", 101))
    assert [event.id for event in await store.due_timers(now=at(200), limit=5)] == [
        EventId.of("timer", "three")
    ]


async def test_timers_and_what_rang_survive_a_restart(store_home: StoreHome) -> None:
    store = await store_home.open()
    await set_timers(store, timer("one", 10), timer("two", 20))
    rung = await store.due_timers(now=at(10), limit=5)
    again = await store_home.open()
    assert list((await again.turn(ANNA.home_thread)).events) == rung
    assert [event.id for event in await again.due_timers(now=at(20), limit=5)] == [
        EventId.of("timer", "two")
    ]


# --- dead letters ----------------------------------------------------------------------------


async def test_a_buried_event_lets_the_thread_go_on(store: Store) -> None:
    body = b'{"n": 1, "raw": "\xff\x00"}'
    await store.accept(acceptance(arrival(ANNA, "m1"), arrival(ANNA, "m2"), body=body))
    await store.bury(event_id(ANNA, "m1"), reason="KeyError: 'x'", tries=5, at=at(60))
    assert [event.id for event in (await store.turn(ANNA.home_thread)).events] == [
        event_id(ANNA, "m2")
    ]
    assert [event.id for event in await store.unprocessed(before=at(99), limit=9)] == [
        event_id(ANNA, "m2")
    ]
    (letter,) = await store.dead_letters()
    assert (letter.event, letter.thread) == (event_id(ANNA, "m1"), ANNA.home_thread)
    assert (letter.reason, letter.tries, letter.at) == ("KeyError: 'x'", 5, at(60))
    assert letter.request == request(body)
    assert await store.outcome(event_id(ANNA, "m1")) is None


async def test_an_event_without_a_request_is_buried_with_none(store: Store) -> None:
    await accepted(store, "m1")
    await store.bury(event_id(ANNA, "m1"), reason="r", tries=1, at=at(1))
    (letter,) = await store.dead_letters()
    assert letter.request is None


async def test_a_buried_event_is_not_accepted_again_and_not_committed(store: Store) -> None:
    (event,) = await accepted(store, "m1")
    turn = await store.turn(ANNA.home_thread)
    await store.bury(event.id, reason="r", tries=3, at=at(1))
    assert await accepted(store, "m1") == ()
    with pytest.raises(StaleVersion):
        await store.commit(change(turn, event))
    assert (await store.turn(ANNA.home_thread)).state.version == 0


async def test_burying_what_was_processed_changes_nothing(store: Store) -> None:
    (event,) = await accepted(store, "m1")
    await process(store, event)
    await store.bury(event.id, reason="r", tries=9, at=at(1))
    assert await store.dead_letters() == []
    assert await store.outcome(event.id) == Done()


async def test_burying_twice_keeps_the_first_letter(store: Store) -> None:
    (event,) = await accepted(store, "m1")
    await store.bury(event.id, reason="first", tries=3, at=at(1))
    await store.bury(event.id, reason="second", tries=4, at=at(2))
    (letter,) = await store.dead_letters()
    assert (letter.reason, letter.tries, letter.at) == ("first", 3, at(1))


async def test_burying_the_unknown_leaves_nothing(store: Store) -> None:
    await store.bury(EventId.of("unknown"), reason="r", tries=1, at=at(1))
    assert await store.dead_letters() == []


async def test_dead_letters_come_oldest_first(store: Store) -> None:
    events = await accepted(store, "m1", "m2", "m3")
    for n, event in enumerate(reversed(events)):
        await store.bury(event.id, reason="r", tries=1, at=at(n))
    letters = await store.dead_letters()
    assert [letter.event for letter in letters] == [event.id for event in reversed(events)]
    assert await store.dead_letters(limit=2) == letters[:2]


async def test_a_revived_event_waits_where_it_did(store: Store) -> None:
    first, second = await accepted(store, "m1", "m2")
    await store.bury(first.id, reason="r", tries=5, at=at(1))
    assert await store.revive(first.id) == first
    assert await store.dead_letters() == []
    assert (await store.turn(ANNA.home_thread)).events == (first, second)
    await process(store, first)
    assert await store.outcome(first.id) == Done()


async def test_only_a_dead_letter_is_revived(store: Store) -> None:
    (event,) = await accepted(store, "m1")
    for alive in (event.id, EventId.of("unknown")):
        with pytest.raises(NotFound):
            await store.revive(alive)
    assert (await store.turn(ANNA.home_thread)).events == (event,)


async def test_what_cannot_be_read_is_a_dead_letter_with_its_request(
    store_home: StoreHome,
) -> None:
    store = await store_home.open()
    body = b"\xff\xfe not json \x00"
    unread = Acceptance(request=request(body), unreadable="malformed: not JSON")
    assert (await store.accept(unread)).events == ()
    again = await store_home.open()
    (letter,) = await again.dead_letters()
    assert (letter.thread, letter.reason, letter.tries) == (None, "malformed: not JSON", 0)
    assert (letter.request, letter.at) == (request(body), at(0))
    with pytest.raises(NotFound):
        await again.revive(letter.event)
    assert len(await again.dead_letters()) == 1
    await again.discard_dead_letter(letter.event)
    assert await again.dead_letters() == []


async def test_only_what_could_not_be_read_is_discarded(store: Store) -> None:
    (event,) = await accepted(store, "m1")
    await store.bury(event.id, reason="r", tries=1, at=at(1))
    for kept in (event.id, EventId.of("unknown")):
        with pytest.raises(NotFound):
            await store.discard_dead_letter(kept)
    assert len(await store.dead_letters()) == 1


async def test_the_same_unreadable_request_is_one_letter(store: Store) -> None:
    for body, reason in ((b"one", "first"), (b"one", "again"), (b"two", "other")):
        await store.accept(Acceptance(request=request(body), unreadable=reason))
    letters = await store.dead_letters()
    assert [(letter.request, letter.reason) for letter in letters] == [
        (request(b"one"), "first"),
        (request(b"two"), "other"),
    ]


async def test_what_could_be_read_of_it_is_accepted(store: Store) -> None:
    half = Acceptance(
        request=request(b"half"), arrivals=(arrival(ANNA, "m1"),), unreadable="unknown_event: x"
    )
    assert [event.id for event in (await store.accept(half)).events] == [event_id(ANNA, "m1")]
    assert [letter.request for letter in await store.dead_letters()] == [request(b"half")]


# --- ready and closed ------------------------------------------------------------------------


async def test_a_store_is_ready_until_it_is_closed(store: Store) -> None:
    await store.ready()
    await store.close()
    with pytest.raises(StoreClosed):
        await store.accept(acceptance(arrival(ANNA, "m1")))


async def test_what_was_refused_after_closing_is_not_there(store_home: StoreHome) -> None:
    store = await store_home.open()
    await accepted(store, "m1")
    await store.close()
    with pytest.raises(StoreClosed):
        await accepted(store, "m2")
    again = await store_home.open()
    assert [event.id for event in (await again.turn(ANNA.home_thread)).events] == [
        event_id(ANNA, "m1")
    ]


async def test_closing_twice_is_harmless(store: Store) -> None:
    await store.close()
    await store.close()
