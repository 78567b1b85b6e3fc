"""Store, threads: turns, the fence, links and absorption, snapshots."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bot.errors import StaleVersion, StoreError
from bot.model.decision import Gap
from bot.model.dialogue import Dialogue
from bot.model.event import Done
from bot.model.ids import EventId, SendId, ThreadId
from bot.model.record import Absorb, ThreadRow
from bot.model.thread import Note, SendStatus, ThreadState
from tests.builders import (
    address,
    at,
    change,
    entry,
    reply,
    spans,
)
from tests.contract.committing import ANNA, BO, accepted, laden, nothing_written, said

if TYPE_CHECKING:
    from bot.ports import Store
    from tests.contract.homes import StoreHome


# --- turns -----------------------------------------------------------------------------------


async def test_a_turn_has_the_thread_as_it_stands(store: Store) -> None:
    (event,) = await accepted(store, "m1")
    turn = await store.turn(ANNA.home_thread)
    assert (turn.state.thread, turn.state.version) == (ANNA.home_thread, 0)
    assert turn.events == (event,)
    assert [one.id for one in turn.identities] == [ANNA.identity]
    done = change(turn, event)
    dialogue = Dialogue(unsure=2)
    done = done.model_copy(
        update={"state": done.state.model_copy(update={"dialogue": dialogue, "language": "sv"})}
    )
    await store.commit(done)
    after = await store.turn(ANNA.home_thread)
    assert after.state == done.state
    assert after.events == ()


async def test_an_unknown_thread_is_empty_and_is_not_made(store: Store) -> None:
    turn = await store.turn(ThreadId.of("nobody"))
    assert turn.state == ThreadState(thread=ThreadId.of("nobody"))
    assert (turn.identities, turn.events) == ((), ())
    assert await store.thread_ids() == []


async def test_a_committed_thread_is_there_after_a_restart(store_home: StoreHome) -> None:
    store = await store_home.open()
    (event,) = await accepted(store, "m1")
    turn = await store.turn(ANNA.home_thread)
    done = laden(turn, event)
    written = await store.commit(done)
    again = await store_home.open()
    after = await again.turn(ANNA.home_thread)
    assert (after.state, after.events) == (done.state, ())
    assert await again.entries(spans(ANNA)) == list(written)
    assert await again.outcome(event.id) == Done()
    assert await again.next_due() == at(0)
    assert len(await again.gaps()) == 1
    with pytest.raises(StaleVersion):
        await again.commit(done)


# --- the fence -------------------------------------------------------------------------------


async def test_entries_come_back_numbered_rising_over_the_whole_store(store: Store) -> None:
    (one,) = await accepted(store, "m1")
    (two,) = await accepted(store, "m2", where=BO)
    first = await store.commit(
        change(await store.turn(one.thread), one, entry(one), reply(one), entry(one, 2))
    )
    second = await store.commit(change(await store.turn(two.thread), two))
    assert [found.id for found in first] == [entry(one, n).id for n in range(3)]
    assert first[0].model_copy(update={"seq": 0}) == entry(one)
    seqs = [found.seq for found in (*first, *second)]
    assert seqs == sorted(set(seqs))
    assert seqs[0] > 0


async def test_of_two_writers_the_second_is_stale_and_leaves_nothing(store: Store) -> None:
    one, two = await accepted(store, "m1", "m2")
    turn = await store.turn(ANNA.home_thread)
    await store.commit(change(turn, one))
    with pytest.raises(StaleVersion):
        await store.commit(laden(turn, two).model_copy(update={"outcome": Done()}))
    await nothing_written(store, but=1)
    after = await store.turn(ANNA.home_thread)
    assert after.state.version == 1
    assert after.events == (two,)
    assert await store.outcome(two.id) is None


async def test_of_ten_writers_at_the_same_moment_one_wins(store: Store) -> None:
    events = await accepted(store, *(f"m{n}" for n in range(10)))
    turn = await store.turn(ANNA.home_thread)
    results = await asyncio.gather(
        *(store.commit(change(turn, event)) for event in events), return_exceptions=True
    )
    assert sum(isinstance(result, StaleVersion) for result in results) == 9
    assert len(await store.entries(spans(ANNA))) == 1
    assert len((await store.turn(ANNA.home_thread)).events) == 9


async def test_a_late_writer_with_an_old_version_is_stale(store: Store) -> None:
    first, second, third = await accepted(store, "m1", "m2", "m3")
    old = await store.turn(ANNA.home_thread)
    await store.commit(change(old, first))
    await store.commit(change(await store.turn(ANNA.home_thread), second))
    with pytest.raises(StaleVersion):
        await store.commit(laden(old, third))
    await nothing_written(store, but=2)


async def test_a_version_from_the_future_is_stale(store: Store) -> None:
    (event,) = await accepted(store, "m1")
    turn = await store.turn(ANNA.home_thread)
    ahead = turn.model_copy(update={"state": turn.state.model_copy(update={"version": 7})})
    with pytest.raises(StaleVersion):
        await store.commit(laden(ahead, event))
    await nothing_written(store)
    assert (await store.turn(ANNA.home_thread)).state.version == 0


async def test_an_event_is_done_once(store: Store) -> None:
    event = await said(store, "m1")
    with pytest.raises(StaleVersion):
        await store.commit(laden(await store.turn(ANNA.home_thread), event))
    await nothing_written(store, but=1)
    assert (await store.turn(ANNA.home_thread)).state.version == 1


async def test_an_unknown_event_is_not_committed(store: Store) -> None:
    (event,) = await accepted(store, "m1")
    turn = await store.turn(ANNA.home_thread)
    stranger = event.model_copy(update={"id": EventId.of("stranger")})
    with pytest.raises(StaleVersion):
        await store.commit(laden(turn, stranger))
    await nothing_written(store)
    assert (await store.turn(ANNA.home_thread)).state.version == 0


async def test_a_version_that_does_not_follow_is_refused(store: Store) -> None:
    (event,) = await accepted(store, "m1")
    done = laden(await store.turn(ANNA.home_thread), event)
    for version in (0, 2):
        wrong = done.state.model_copy(update={"version": version})
        with pytest.raises(StoreError):
            await store.commit(done.model_copy(update={"state": wrong}))
    await nothing_written(store)
    assert (await store.turn(ANNA.home_thread)).events == (event,)


async def test_a_thread_does_not_absorb_itself(store: Store) -> None:
    (event,) = await accepted(store, "m1")
    done = laden(await store.turn(ANNA.home_thread), event)
    itself = Absorb(thread=ANNA.home_thread, version=0)
    with pytest.raises(StoreError):
        await store.commit(done.model_copy(update={"absorb": itself}))
    await nothing_written(store)
    assert await store.thread_ids() == [ANNA.home_thread]


async def test_a_commit_without_entries_still_counts(store: Store) -> None:
    (event,) = await accepted(store, "m1")
    done = change(await store.turn(ANNA.home_thread), event).model_copy(update={"entries": ()})
    assert await store.commit(done) == ()
    after = await store.turn(ANNA.home_thread)
    assert (after.state.version, after.events) == (1, ())


async def test_threads_do_not_hold_each_other_up(store: Store) -> None:
    people = [address(f"p{n}") for n in range(20)]
    events = [(await accepted(store, "m", where=one))[0] for one in people]
    turns = [await store.turn(event.thread) for event in events]
    written = await asyncio.gather(
        *(store.commit(change(turn, event)) for turn, event in zip(turns, events, strict=True))
    )
    assert len({found.seq for (found,) in written}) == 20


# --- snapshots and lists ---------------------------------------------------------------------


async def test_a_rebuilt_snapshot_replaces_the_one_of_its_version(store: Store) -> None:
    await said(store, "m1")
    turn = await store.turn(ANNA.home_thread)
    rebuilt = turn.state.model_copy(update={"last_text": "rebuilt", "epoch": 4})
    await store.put_state(ThreadRow(state=rebuilt, identities=turn.identities))
    assert (await store.turn(ANNA.home_thread)).state == rebuilt
    for version in (0, 2):
        other = rebuilt.model_copy(update={"version": version, "last_text": "late"})
        with pytest.raises(StaleVersion):
            await store.put_state(ThreadRow(state=other, identities=turn.identities))
    assert (await store.turn(ANNA.home_thread)).state == rebuilt


async def test_threads_come_by_last_activity(store: Store) -> None:
    people = [address(f"p{n}") for n in range(5)]
    for n, one in enumerate(people):
        await said(store, "m1", where=one, when=n)
    await said(store, "m2", where=people[1], when=60)
    rows = await store.threads()
    homes = [one.home_thread for one in people]
    assert [row.state.thread for row in rows] == [homes[n] for n in (1, 4, 3, 2, 0)]
    assert [one.address for one in rows[0].identities] == [people[1]]
    assert (rows[0].state.last_at, rows[0].state.last_text) == (at(60), "m2")


async def test_a_thread_in_which_nothing_happened_yet_is_not_listed(store: Store) -> None:
    await accepted(store, "m1")
    assert await store.threads() == []
    assert await store.thread_ids() == [ANNA.home_thread]


async def test_gaps_are_counted_the_most_demanded_first(store: Store) -> None:
    price = Gap(slot="answer.price", locale="sv", channel="twilio_sms", stage="consider")
    hours = Gap(slot="answer.hours", locale="en", channel="twilio_sms")
    for n, gap in enumerate((hours, price, price)):
        (event,) = await accepted(store, f"m{n}", when=n)
        done = change(await store.turn(ANNA.home_thread), event)
        await store.commit(done.model_copy(update={"gaps": (gap,)}))
    counted = await store.gaps()
    assert [(one.gap, one.count, one.last_at) for one in counted] == [
        (price, 2, at(2)),
        (hours, 1, at(0)),
    ]
    assert await store.gaps(limit=1) == counted[:1]


async def test_sends_of_a_change_are_queued_with_it(store: Store) -> None:
    (event,) = await accepted(store, "m1")
    turn = await store.turn(ANNA.home_thread)
    await store.commit(laden(turn, event))
    (state,) = await store.sends([SendId.of("unknown"), SendId.of(event.id, "1")])
    assert (state.send, state.status) == (SendId.of(event.id, "1"), SendStatus.QUEUED)
    assert (state.parts, state.tries, state.failure, state.reached) == ((), 0, None, None)


async def test_a_note_goes_in_and_comes_out_whole(store: Store) -> None:
    (event,) = await accepted(store, "m1")
    note = Note(text="åäö 👩‍👩‍👧‍👦\x00\u202e" + "x" * 100_000)
    turn = await store.turn(ANNA.home_thread)
    await store.commit(change(turn, event, entry(event, body=note)))
    (found,) = await store.entries(spans(ANNA))
    assert found.body == note
