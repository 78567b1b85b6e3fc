"""Splits on MongoDB: whole or nothing, and whoever comes late moves nobody back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typing_extensions import override

from bot.errors import StaleVersion
from bot.model.event import Done
from bot.model.ids import SendId
from bot.model.listing import ThreadFilter
from bot.model.people import ByBot, LinkMark, Mark
from bot.stores.mongo.copying import Copying
from bot.stores.mongo.heads import Pending
from bot.stores.mongo.listing import list_on_channels
from bot.stores.mongo.schema import VERSION, Collections
from tests.builders import (
    acceptance,
    address,
    arrival,
    at,
    change,
    entry,
    event_id,
    joining,
    reply,
    send_item,
    spans,
)
from tests.contract.committing import (
    ANNA,
    BO,
    WEB,
    accepted,
    go_up,
    part,
    parting,
    said,
    split_off,
)
from tests.unit.mongo_house import House, Story, at_every_write, new_database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from bot.model.channel import Address
    from bot.model.ids import ThreadId
    from bot.model.people import Link
    from bot.model.record import ThreadChange
    from bot.ports import Store
    from bot.stores.mongo import MongoStore

PHONE = "+46701234567"
WA = address("anna", channel="whatsapp")


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


class Parting(Story):
    """A link ends: Anna leaves the web session's thread; Bo, who came with her, stays."""

    link: Link
    home = WEB
    gone = ANNA

    @override
    async def begin(self, store: Store) -> None:
        await said(store, "bo-1", where=BO)
        await said(store, "sms-1", where=ANNA)
        await go_up(store, BO, ANNA, proof_id="bo")
        await said(store, "web-1", where=WEB)
        self.link = await go_up(store, ANNA, WEB, proof_id="anna")
        # Anna asks for it herself: her event is done when it is in the other thread already.
        self.event, *waiting = await accepted(store, "bye", "sms-2", where=ANNA, when=1)
        self.waiting = (*waiting, *await accepted(store, "web-2", where=WEB, when=2))
        self.sends = (SendId.of(self.event.id, "1"),)

    @override
    async def change(self, store: Store) -> ThreadChange | None:
        turn = await store.turn(self.home.home_thread)
        if self.event not in turn.events:
            return None
        out = reply(self.event)
        mark = LinkMark(link=self.link.id, mark=Mark.ENDED, at=at(9), by=ByBot())
        return change(turn, self.event, entry(self.event), out).model_copy(
            update={
                "splits": (part(self.gone),),
                "marks": (mark,),
                "sends": (send_item(turn, out),),
            }
        )


class PartingFirst(Parting):
    """One who was joined by the phone leaves, for a thread that has never been there."""

    home = ANNA
    gone = WA

    @override
    async def begin(self, store: Store) -> None:
        arrivals = [arrival(one, "m1", seed=joining(one, phone=PHONE)) for one in (ANNA, WA)]
        joined, self.event = (await store.accept(acceptance(*arrivals))).events[1:]
        await store.commit(change(await store.turn(ANNA.home_thread), joined))
        (made,) = await store.links([ANNA.identity, WA.identity])
        self.link = made.link
        self.waiting = await accepted(store, "wa-2", where=WA, when=2)
        self.sends = (SendId.of(self.event.id, "1"),)


async def ends(store: Store) -> list[ThreadId]:
    """Where the threads of Anna, the web session and Bo lead."""
    return [(await store.turn(one.home_thread)).state.thread for one in (ANNA, WEB, BO)]


# --- killed in the middle --------------------------------------------------------------------


async def test_a_split_cut_short_is_whole_or_nothing(house: House) -> None:
    story = Parting()
    async with house.empty() as store:
        await story.begin(store)
        before = await story.read(store)
        made = await story.change(store)
        assert made is not None
        await store.commit(made)
        wanted = await story.read(store)
        assert await ends(store) == [ANNA.home_thread, WEB.home_thread, WEB.home_thread]
    undone = 0

    async def check(store: Store) -> None:
        nonlocal undone
        if await store.outcome(story.event.id) is not None:
            assert await story.read(store) == wanted
        again = await story.change(store)
        if again is not None:
            undone += 1
            assert again == made
            assert await story.read(store) == before
            await store.commit(again)
        assert await story.read(store) == wanted
        assert await store.threads(ThreadFilter(channel="web")) == [
            row for row in await store.threads() if row.state.thread == WEB.home_thread
        ]

    assert await at_every_write(house, story, check) >= 12
    assert undone >= 2  # that of the numbers, and that which decides


@pytest.mark.parametrize("first", [ANNA, WEB, BO], ids=["anna", "web", "bo"])
async def test_whoever_comes_first_finishes_a_split(house: House, first: Address) -> None:
    story, split = Parting(), []

    async def check(store: Store) -> None:
        # Nobody delivers the event of the split again; somebody writes.
        (event,) = await accepted(store, "later", where=first, when=5)
        await store.turn(event.thread)
        assert event in (await store.turn(first.home_thread)).events
        again = await story.change(store)
        split.append(again is None)
        if again is not None:
            await store.commit(again)
        assert await ends(store) == [ANNA.home_thread, WEB.home_thread, WEB.home_thread]
        for waiting in (*story.waiting, event):
            where = await store.identity(waiting.identity)
            assert where is not None
            turn = await store.turn(where.thread)
            assert waiting in turn.events
            await store.commit(change(turn, waiting))
        assert await store.unprocessed(before=at(1_000), limit=9) == []
        assert len(await store.entries(spans(ANNA, WEB, BO))) == 10

    await at_every_write(house, story, check)
    assert split == sorted(split)
    assert set(split) == {True, False}


async def test_a_split_to_a_new_thread_cut_short_is_whole_or_nothing(house: House) -> None:
    story, split = PartingFirst(), []

    async def check(store: Store) -> None:
        early = await store.turn(WA.home_thread)  # it may never have been there
        assert early.state.version <= 1
        again = await story.change(store)
        split.append(again is None)
        if again is not None:
            await store.commit(again)
        theirs, ours = await store.turn(WA.home_thread), await store.turn(ANNA.home_thread)
        assert [one.id for one in theirs.identities] == [WA.identity]
        assert [one.id for one in ours.identities] == [ANNA.identity]
        assert (theirs.state.version, theirs.events) == (1, story.waiting)
        assert len(ours.events) == 1
        assert await store.outcome(story.event.id) == Done()
        assert {row.state.thread for row in await store.threads()} == {
            WA.home_thread,
            ANNA.home_thread,
        }

    await at_every_write(house, story, check)
    assert split == sorted(split)
    assert set(split) == {True, False}


# --- late ------------------------------------------------------------------------------------


async def pending_of(store: MongoStore, where: Address) -> Pending:
    found = await Collections.of(store.driver).threads.find_one({"_id": where.home_thread})
    assert found is not None
    return Pending.model_validate(found["pending"])


async def read(store: MongoStore) -> list[object]:
    people = [ANNA, WEB, BO, WA]
    return [
        [await store.turn(one.home_thread) for one in people],
        [await store.identity(one.identity) for one in people],
        await store.threads(),
        *[await store.threads(ThreadFilter(channel=one.channel)) for one in people],
        await store.links([one.identity for one in people]),
    ]


async def test_late_copies_of_joinings_and_splits_move_nobody(
    house: House, store: MongoStore
) -> None:
    """However often two become one and two again: at every moment, all that was before is copied.

    Also somebody who joins Anna while she is alone stays with her.
    """
    copying = Copying(Collections.of(store.driver))
    await store.accept(acceptance(arrival(ANNA, "m0", seed=joining(ANNA, phone=PHONE))))
    await said(store, "sms-1", where=ANNA)
    await said(store, "web-1", where=WEB)
    late: list[tuple[int, Pending]] = []

    async def wake_up() -> None:
        version = (await store.turn(WEB.home_thread)).state.version
        late.append((version, await pending_of(store, WEB)))
        before = await read(store)
        for made, pending in late:
            await copying.copy(WEB.home_thread, made, pending)
            assert await read(store) == before

    for n in range(2):
        await go_up(store, ANNA, WEB, proof_id=f"link {n}")
        await wake_up()
        await split_off(store, part(*((ANNA, WA) if n else (ANNA,))), from_=WEB, key=f"bye {n}")
        await wake_up()
        newcomer = arrival(WA, f"wa {n}", seed=joining(WA, phone=PHONE))
        await store.accept(acceptance(newcomer))
        assert len((await store.turn(ANNA.home_thread)).identities) == 2
        await wake_up()
    await said(store, "web-2", where=WEB)
    await wake_up()


async def test_a_worker_that_wakes_up_late_does_not_split_what_went_on(
    house: House, store: MongoStore
) -> None:
    story = Parting()
    await story.begin(store)
    made = await story.change(store)
    assert made is not None

    async def go_on(second: Store) -> None:
        await go_up(second, WEB, address("cia"), proof_id="cia")

    await said(store, "cia-1", where=address("cia"))
    store.driver.before_write = house.meanwhile("threads", 1, go_on)  # all is planned
    with pytest.raises(StaleVersion):
        await store.commit(made)
    store.driver.before_write = None
    assert await ends(store) == [address("cia").home_thread] * 3
    assert await store.outcome(story.event.id) is None


async def test_one_who_reads_late_moves_nobody(house: House, store: MongoStore) -> None:
    await said(store, "sms-1", where=ANNA)
    await said(store, "web-1", where=WEB)
    await go_up(store, ANNA, WEB, proof_id="one")
    await accepted(store, "bo-1", where=BO)
    # As if Bo had been joined to Anna's thread by a process that died right after.
    await store.driver.collection("identities").update_one(
        {"_id": BO.identity}, {"$set": {"thread": ANNA.home_thread}}
    )

    async def split(second: Store) -> None:
        await split_off(second, part(ANNA), from_=WEB, key="bye")

    # It has found that Anna's thread went up, and is about to take along who was left in it.
    store.driver.before_write = house.meanwhile("identities", 1, split)
    await store.turn(ANNA.home_thread)
    store.driver.before_write = None
    anna = await store.turn(ANNA.home_thread)
    assert (anna.state.thread, anna.identities[0].id) == (ANNA.home_thread, ANNA.identity)


async def test_a_list_of_channels_that_is_written_late_knows_of_the_split(
    house: House, store: MongoStore
) -> None:
    await said(store, "sms-1", where=ANNA)
    await said(store, "web-1", where=WEB)
    await go_up(store, ANNA, WEB, proof_id="one")

    async def split(second: Store) -> None:
        await split_off(second, part(ANNA), from_=WEB, key="bye")

    store.driver.before_write = house.meanwhile("threads", 1, split)
    await list_on_channels(Collections.of(store.driver), WEB.home_thread)
    store.driver.before_write = None
    (row,) = await store.threads(ThreadFilter(channel="twilio_sms"))
    assert row.state.thread == ANNA.home_thread


async def test_a_newcomer_goes_where_its_holder_has_gone(house: House, store: MongoStore) -> None:
    await store.accept(acceptance(arrival(ANNA, "m0", seed=joining(ANNA, phone=PHONE))))
    await said(store, "sms-1", where=ANNA)
    await said(store, "web-1", where=WEB)
    await go_up(store, ANNA, WEB, proof_id="one")

    async def split(second: Store) -> None:
        (event,) = await accepted(second, "bye", where=WEB)
        turn = await second.turn(WEB.home_thread)
        await second.commit(parting(turn, event, part(ANNA)))

    # It has found that Anna is in the web session's thread, and is about to be put there.
    store.driver.before_write = house.meanwhile("identities", 1, split)
    events = (
        await store.accept(acceptance(arrival(WA, "w1", seed=joining(WA, phone=PHONE))))
    ).events
    store.driver.before_write = None
    anna = await store.turn(ANNA.home_thread)
    assert {event.id for event in events} <= {event.id for event in anna.events}
    assert {one.id for one in anna.identities} == {ANNA.identity, WA.identity}
    (row,) = await store.threads(ThreadFilter(channel="whatsapp"))
    assert row.state.thread == ANNA.home_thread


# --- from before -----------------------------------------------------------------------------


async def test_what_version_2_has_can_be_split(house: House, store: MongoStore) -> None:
    await said(store, "bo-1", where=BO)
    await said(store, "sms-1", where=ANNA)
    await go_up(store, BO, ANNA, proof_id="bo")
    await said(store, "web-1", where=WEB)
    await go_up(store, ANNA, WEB, proof_id="one")
    here = store.driver.collection
    await here("identities").update_many({}, {"$unset": {"moved": ""}})
    news = ("number", "marks", "parts", "leads")
    gone = {"absorbed_at": "", **{f"pending.{name}": "" for name in news}}
    await here("threads").update_many({}, {"$unset": gone})
    # What was committed last was not copied out yet; and somebody was left in between.
    await here("events").update_many({"_id": event_id(ANNA, "one")}, {"$set": {"state": 0}})
    await here("identities").update_one({"_id": BO.identity}, {"$set": {"thread": BO.home_thread}})
    await here("meta").update_one({"_id": "schema"}, {"$set": {"version": VERSION - 1}})
    async with house.open() as upgraded:
        before = await upgraded.turn(BO.home_thread)
        assert {one.id for one in before.identities} == {ANNA.identity, WEB.identity, BO.identity}
        assert before.events == ()
        await split_off(upgraded, part(ANNA), from_=WEB, key="bye")
        assert await ends(upgraded) == [ANNA.home_thread, WEB.home_thread, WEB.home_thread]
        assert len((await upgraded.turn(WEB.home_thread)).identities) == 2
