"""Changes on MongoDB: many documents, no transaction, and all of it or nothing."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from typing_extensions import override

from bot.errors import StaleVersion
from bot.model.event import Done
from bot.model.ids import SendId
from bot.model.people import LinkCode
from bot.model.record import Absorb, Claim
from bot.stores.mongo.copying import Copying
from bot.stores.mongo.heads import Pending
from bot.stores.mongo.schema import Collections
from tests.builders import (
    LAPSES,
    acceptance,
    arrival,
    at,
    change,
    entry,
    link,
    reply,
    send_item,
    spans,
)
from tests.contract.committing import ANNA, BO, WEB, accepted, laden, said
from tests.unit.mongo_house import House, Story, at_every_write, new_database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from bot.model.record import ThreadChange
    from bot.ports import Store
    from bot.stores.mongo import MongoStore

CODE = LinkCode(
    hash="h1", source=WEB.identity, channel="twilio_sms", account="demo", expires_at=at(600)
)
PEOPLE = (ANNA, WEB, BO)


@pytest.fixture(scope="module")
def database(mongo_url: str) -> Iterator[str]:
    with new_database(mongo_url) as name:
        yield name


@pytest.fixture(params=["motor", "pymongo"])
def house(mongo_url: str, database: str, request: pytest.FixtureRequest) -> House:
    return House(mongo_url, database, request.param)


@pytest.fixture
async def store(house: House) -> AsyncIterator[MongoStore]:
    async with house.empty() as store:
        yield store


# --- killed in the middle --------------------------------------------------------------------


class Laden(Story):
    """A change that writes entries, sends, a timer, a gap, and uses up a code."""

    @override
    async def begin(self, store: Store) -> None:
        await said(store, "m0")
        self.event, *waiting = await accepted(store, "m1", "m2", when=1)
        self.waiting = tuple(waiting)
        self.sends = (SendId.of(self.event.id, "1"), SendId.of(self.event.id, "2"))
        await store.put_code(CODE)

    @override
    async def change(self, store: Store) -> ThreadChange | None:
        turn = await store.turn(self.event.thread)
        if self.event not in turn.events:
            return None
        done = laden(turn, self.event)
        more = reply(self.event, 2)
        return done.model_copy(
            update={
                "entries": (*done.entries, more),
                "sends": (*done.sends, send_item(turn, more)),
                "code": "h1",
            }
        )


class Joining(Story):
    """A change that lets Anna's thread go up in the web session's."""

    @override
    async def begin(self, store: Store) -> None:
        self.sends = ()
        await said(store, "web-1", where=WEB)
        await said(store, "sms-1", where=ANNA)
        (self.event,) = await accepted(store, "KOD", where=ANNA, when=1)
        self.waiting = await accepted(store, "sms-2", where=ANNA, when=2)

    @override
    async def change(self, store: Store) -> ThreadChange | None:
        sms, web = await store.turn(ANNA.home_thread), await store.turn(WEB.home_thread)
        if self.event not in sms.events:
            return None
        absorb = Absorb(thread=sms.state.thread, version=sms.state.version)
        return change(web, self.event, entry(self.event), reply(self.event)).model_copy(
            update={"link": link(ANNA, WEB), "absorb": absorb}
        )


@pytest.mark.parametrize(
    ("story", "writes"), [(Laden(), 9), (Joining(), 8)], ids=["laden", "joining"]
)
async def test_a_change_cut_short_is_whole_or_nothing(
    house: House, story: Story, writes: int
) -> None:
    async with house.empty() as store:
        await story.begin(store)
        before = await story.read(store)
        made = await story.change(store)
        assert made is not None
        await store.commit(made)
        wanted = await story.read(store)
        assert (await store.turn(story.event.thread)).state == made.state
        ring = [timer.id for timer in await store.due_timers(now=at(99), limit=9)]
    undone = 0

    async def check(store: Store) -> None:
        nonlocal undone
        # What is said to be done is there, whatever else has not been looked at yet.
        if await store.outcome(story.event.id) is not None:
            assert await story.read(store) == wanted
        again = await story.change(store)
        if again is not None:
            undone += 1
            assert again == made
            assert await story.read(store) == before
            await store.commit(again)
        assert await story.read(store) == wanted
        assert [timer.id for timer in await store.due_timers(now=at(99), limit=9)] == ring

    assert await at_every_write(house, story, check) >= writes
    assert undone >= 2  # that of the numbers, and that which decides


async def test_a_code_that_a_dead_worker_held_is_used_once(house: House) -> None:
    story, winners = Laden(), []

    async def check(store: Store) -> None:
        (event,) = await accepted(store, "KOD", where=BO)
        turn = await store.turn(BO.home_thread)
        others = change(turn, event).model_copy(update={"code": "h1"})
        with suppress(StaleVersion):
            await store.commit(others)
        by_other = await store.outcome(event.id) is not None
        mine = await story.change(store)
        assert (mine is None) is not by_other
        if mine is not None:
            with pytest.raises(StaleVersion):
                await store.commit(mine)
            await store.commit(mine.model_copy(update={"code": None}))
        else:
            with pytest.raises(StaleVersion):
                await store.commit(others)
        assert await store.outcome(story.event.id) == Done()
        assert await store.code("h1", now=at(0)) is None
        winners.append(by_other)

    await at_every_write(house, story, check)
    assert winners == sorted(winners, reverse=True)
    assert set(winners) == {True, False}


async def test_a_thread_marked_by_a_dead_worker_goes_on(house: House) -> None:
    story, went_on = Joining(), []

    async def check(store: Store) -> None:
        # Nobody delivers the link's event again: the other message of Anna's comes first.
        (other,) = story.waiting
        turn = await store.turn(other.thread)
        assert other in turn.events
        await store.commit(change(turn, other))
        went_on.append(turn.state.thread)
        joined = [WEB.home_thread, WEB.home_thread]
        again = await story.change(store)
        assert (again is None) is (went_on[-1] == WEB.home_thread)
        if again is not None:
            await store.commit(again)
        assert [(await store.turn(one.home_thread)).state.thread for one in (ANNA, WEB)] == joined
        assert (await store.turn(WEB.home_thread)).events == ()
        assert len(await store.entries(spans(ANNA, WEB))) == 5
        assert len(await store.links([ANNA.identity, WEB.identity])) == 1

    await at_every_write(house, story, check)
    assert set(went_on) == {ANNA.home_thread, WEB.home_thread}


async def claims(store: Store) -> list[Claim]:
    return await store.claim_sends(now=at(99), limit=10, until=LAPSES)


# --- late ------------------------------------------------------------------------------------


async def test_a_worker_that_copies_late_changes_nothing(house: House, store: MongoStore) -> None:
    story = Laden()
    await story.begin(store)
    made = await story.change(store)
    assert made is not None
    await store.commit(made)
    collections = Collections.of(store.driver)
    found = await collections.threads.find_one({"_id": ANNA.home_thread})
    assert found is not None
    late = Pending.model_validate(found["pending"])

    (timer,) = await store.due_timers(now=at(99), limit=9)
    (claim,) = await claims(store)
    (second,) = story.waiting
    await store.commit(change(await store.turn(ANNA.home_thread), second))
    await store.put_code(CODE)  # the same again, of another session
    before = await story.read(store)
    await Copying(collections).copy(ANNA.home_thread, made.state.version, late)
    assert await story.read(store) == before
    assert await store.due_timers(now=at(99), limit=9) == []  # it came back, and is a repeat
    assert (await store.turn(ANNA.home_thread)).events == (timer,)
    assert (await store.sends([claim.item.id]))[0].tries == 1


async def test_a_late_copy_of_a_joining_moves_nobody_back(house: House, store: MongoStore) -> None:
    story = Joining()
    await story.begin(store)
    made = await story.change(store)
    assert made is not None
    await store.commit(made)
    collections = Collections.of(store.driver)
    found = await collections.threads.find_one({"_id": WEB.home_thread})
    assert found is not None
    late = Pending.model_validate(found["pending"])
    # The web session's thread goes up in Bo's.
    (sent,) = await accepted(store, "KOD2", where=BO)
    web = await store.turn(WEB.home_thread)
    absorb = Absorb(thread=WEB.home_thread, version=web.state.version)
    joined = change(await store.turn(BO.home_thread), sent).model_copy(
        update={"link": link(WEB, BO, proof_id="two"), "absorb": absorb}
    )
    await store.commit(joined)
    before = await story.read(store)
    await Copying(collections).copy(WEB.home_thread, made.state.version, late)
    assert await story.read(store) == before
    assert await store.thread_ids() == [BO.home_thread]


async def test_a_worker_that_wakes_up_late_does_not_absorb_what_went_on(
    house: House, store: MongoStore
) -> None:
    story = Joining()
    await story.begin(store)
    made = await story.change(store)
    assert made is not None
    (other,) = story.waiting

    async def go_on(second: Store) -> None:
        await second.commit(change(await second.turn(ANNA.home_thread), other))

    store.driver.before_write = house.meanwhile(
        "threads", 2, go_on
    )  # marked already, not yet decided
    with pytest.raises(StaleVersion):
        await store.commit(made)
    store.driver.before_write = None
    assert await store.thread_ids() == sorted([ANNA.home_thread, WEB.home_thread])
    assert await store.links([ANNA.identity, WEB.identity]) == []
    assert await store.outcome(other.id) == Done()
    assert len(await store.entries(spans(ANNA, WEB))) == 3
    again = await story.change(store)
    assert again is not None
    await store.commit(again)
    assert await store.thread_ids() == [WEB.home_thread]


async def test_a_worker_that_wakes_up_late_does_not_use_a_code_again(
    house: House, store: MongoStore
) -> None:
    story = Laden()
    await story.begin(store)
    made = await story.change(store)
    assert made is not None
    (sent,) = await accepted(store, "KOD", where=BO)

    async def use(second: Store) -> None:
        turn = await second.turn(BO.home_thread)
        await second.commit(change(turn, sent).model_copy(update={"code": "h1"}))

    store.driver.before_write = house.meanwhile(
        "threads", 1, use
    )  # it holds the code, and nothing more
    with pytest.raises(StaleVersion):
        await store.commit(made)
    store.driver.before_write = None
    assert await store.outcome(sent.id) == Done()
    assert await store.outcome(story.event.id) is None
    assert len(await store.entries(spans(ANNA, BO))) == 2
    assert await store.code("h1", now=at(0)) is None


async def test_what_was_committed_counts_though_it_was_set_aside_meanwhile(
    house: House, store: MongoStore
) -> None:
    (event,) = await accepted(store, "m1")
    made = laden(await store.turn(ANNA.home_thread), event)

    class Stopped(BaseException):
        pass

    def stop(collection: str, operation: str) -> None:
        if collection == "events":
            raise Stopped

    store.driver.before_write = stop
    with pytest.raises(Stopped):
        await store.commit(made)
    store.driver.before_write = None
    await store.bury(event.id, reason="r", tries=9, at=at(9))
    assert len(await store.dead_letters()) == 1
    after = await store.turn(ANNA.home_thread)
    assert (after.state, after.events) == (made.state, ())
    assert await store.dead_letters() == []
    assert await store.outcome(event.id) == Done()
    assert len(await store.entries(spans(ANNA))) == 2


async def test_an_identity_written_into_a_thread_that_went_up_comes_along(
    house: House, store: MongoStore
) -> None:
    story = Joining()
    await story.begin(store)
    made = await story.change(store)
    assert made is not None
    await store.commit(made)
    (event,) = await accepted(store, "late", where=BO)
    # As if it had been joined to Anna's thread by a process that died right after.
    await store.driver.collection("identities").update_one(
        {"_id": BO.identity}, {"$set": {"thread": ANNA.home_thread}}
    )
    turn = await store.turn(ANNA.home_thread)
    assert turn.state.thread == WEB.home_thread
    assert {one.id for one in turn.identities} == {one.identity for one in PEOPLE}
    assert event in turn.events
    assert await store.turn(WEB.home_thread) == turn


# --- what it costs ---------------------------------------------------------------------------


async def test_a_usual_message_costs_few_writes(house: House, store: MongoStore) -> None:
    await said(store, "m0")
    (event,) = (await store.accept(acceptance(arrival(ANNA, "m1")))).events
    writes: list[str] = []
    store.driver.before_write = lambda collection, operation: writes.append(collection)
    turn = await store.turn(ANNA.home_thread)
    assert writes == []
    out = reply(event)
    await store.commit(
        change(turn, event, entry(event), out).model_copy(update={"sends": (send_item(turn, out),)})
    )
    assert writes == ["counters", "threads", "entries", "sends", "events"]
