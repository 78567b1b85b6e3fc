"""MongoDB, accepting: broken off at any write and made again, it is as if it had been made once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pymongo
import pytest

from bot.errors import NotFound
from bot.model.channel import ReceiptStatus
from bot.model.event import IdentityJoined
from bot.model.ids import EventId
from bot.model.people import Proof
from bot.model.record import Acceptance, Settlement
from bot.model.sending import PartSent
from bot.model.thread import SendStatus
from bot.model.value import Value
from bot.stores.mongo import MongoStore
from tests.builders import (
    LAPSES,
    acceptance,
    address,
    arrival,
    at,
    change,
    consent,
    joining,
    read_up_to,
    receipt,
    reply,
    request,
    send_item,
)
from tests.contract.committing import laden
from tests.contract.homes import MongoStoreHome
from tests.servers import unique_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from pymongo.database import Database

    from bot.model.channel import Address
    from bot.model.event import ThreadEvent
    from bot.model.ids import IdentityId, SendId
    from bot.stores.mongo.driver import DriverName

    Work = Callable[[MongoStore], Awaitable[object]]

Raw = dict[str, object]

PHONE = "+46701234567"
ANNA = address("anna")
BO = address("bo")
WA = address("wa-1", channel="twilio_whatsapp")
WA_ALIAS = address("wa-alias", channel="twilio_whatsapp").identity
EVERYBODY = (ANNA, BO, WA)


@pytest.fixture(scope="module")
def raw(mongo_url: str) -> Iterator[Database[Raw]]:
    """The database of these tests, seen without any of our code."""
    with pymongo.MongoClient[Raw](mongo_url) as client:
        name = unique_name()
        yield client[name]
        client.drop_database(name)


class Place:
    """A database: emptied, and opened by any number of processes."""

    def __init__(self, url: str, raw: Database[Raw]) -> None:
        self.raw = raw
        self._url = url
        self._open: list[MongoStore] = []

    async def start(self) -> MongoStore:
        """One more process, with nothing in the database."""
        home = MongoStoreHome(self._url, self.raw.name)
        await home.open()
        await home.close()
        return await self.join()

    async def join(self, driver: DriverName = "pymongo") -> MongoStore:
        """One more process."""
        store = await MongoStore.open(self._url, database=self.raw.name, driver=driver)
        self._open.append(store)
        return store

    async def close(self) -> None:
        for store in self._open:
            await store.close()


@pytest.fixture
async def place(mongo_url: str, raw: Database[Raw]) -> AsyncIterator[Place]:
    there = Place(mongo_url, raw)
    yield there
    await there.close()


# --- what is there ---------------------------------------------------------------------------


def plain(value: object) -> object:
    """Without numbers, which may have gaps."""
    if isinstance(value, Value):
        return {name: plain(part) for name, part in value if name != "seq"}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value


async def seen(store: MongoStore, raw: Database[Raw]) -> dict[str, object]:
    """All that accepting writes, by what others read of it and by what is kept."""
    turns = [await store.turn(where.home_thread) for where in EVERYBODY]
    states = await store.sends([send["_id"] for send in raw.sends.find()])  # type: ignore[misc]  # ids are texts
    return {
        "turns": plain(turns),
        "links": plain(await store.links([where.identity for where in EVERYBODY])),
        "letters": plain(await store.dead_letters()),
        "sends": plain(states),
        "aliases": sorted(raw.aliases.find(), key=str),
        "consents": [
            (one["identity"], one["opted_out"]) for one in raw.consents.find(sort=[("at", 1)])
        ],
        "early": sorted(str(one["_id"]) for one in raw.early_receipts.find()),
        "watermarks": list(raw.watermarks.find()),
        "kept": raw.events.count_documents({"request": {"$exists": True}})
        + raw.dead_letters.count_documents({"request": {"$exists": True}}),
        "unfinished": raw.identities.count_documents({"joined": {"$exists": True}}),
        "timers": list(raw.timers.find()),
    }


# --- killed at every write -------------------------------------------------------------------


class Killed(BaseException):
    """The process is no more."""


def kill_before(store: MongoStore, nth: int) -> list[str]:
    """Let a store make so many writes and none after; returns what it has made."""
    made: list[str] = []

    def before_write(collection: str, operation: str) -> None:
        if len(made) >= nth:
            raise Killed
        made.append(f"{collection}.{operation}")

    store.driver.before_write = before_write
    return made


async def killed_everywhere(
    place: Place, *, prepare: Work, work: Work, again: Work | None = None
) -> list[str]:
    """Break work off before its every write and make it again; returns the writes it makes."""
    store = await place.start()
    await prepare(store)
    made = kill_before(store, 1000)
    await work(store)
    expected = await seen(store, place.raw)
    for nth in range(len(made)):
        victim = await place.start()
        await prepare(victim)
        kill_before(victim, nth)
        with pytest.raises(Killed):
            await work(victim)
        heir = await place.join()
        await (again or work)(heir)
        found = await seen(heir, place.raw)
        for name, value in expected.items():
            assert found[name] == value, f"{name}, killed before {made[nth]} ({nth})"
        await place.close()
    return made


async def anna_wrote(store: MongoStore) -> None:
    first = arrival(ANNA, "m0", seed=joining(ANNA, phone=PHONE))
    await store.accept(Acceptance(request=request(b"m0"), arrivals=(first,)))


async def is_written_to(store: MongoStore, where: Address) -> SendId:
    """A send that is being made to somebody who wrote."""
    turn = await store.turn(where.home_thread)
    out = reply(turn.events[0])
    sends = (send_item(turn, out),)
    await store.commit(change(turn, turn.events[0], out).model_copy(update={"sends": sends}))
    (claim,) = await store.claim_sends(now=at(0), limit=1, until=LAPSES)
    return claim.item.id


async def nothing(_: MongoStore) -> None:
    return


async def anna_is_written_to(store: MongoStore) -> SendId:
    """One part of a send of two has left."""
    await anna_wrote(store)
    send = await is_written_to(store, ANNA)
    await store.part_sent(send, PartSent(external_id="SM1"), at=at(0))
    return send


BATCH = Acceptance(
    request=request(b"batch"),
    arrivals=(
        arrival(ANNA, "m0"),  # a repeat
        arrival(ANNA, "m1", when=at(1)),
        arrival(WA, "w1", when=at(2), seed=joining(WA, phone=PHONE)),
        arrival(BO, "b1", when=at(3)),
        arrival(WA, "w2", when=at(4), seed=joining(WA, phone=PHONE, aliases=(WA_ALIAS,))),
        arrival(ANNA, "m1", when=at(5)),  # twice in one
    ),
    receipts=(
        receipt("SM1", ReceiptStatus.DELIVERED, when=at(1)),
        receipt("SM2", ReceiptStatus.READ, when=at(2)),
        read_up_to(ANNA, at(3)),
    ),
    consents=(
        consent(ANNA, opted_out=True, when=at(1)),
        consent(BO, opted_out=False, when=at(2)),
    ),
    unreadable="the seventh",
)
FIRST_SEED = joining(WA, phone=PHONE, aliases=(WA_ALIAS,))
SCENES: dict[str, tuple[Work, Acceptance]] = {
    "known": (anna_wrote, acceptance(arrival(ANNA, "m1"), body=b"m1")),
    "filled_in": (
        anna_wrote,
        acceptance(
            arrival(ANNA, "m1", seed=joining(ANNA).model_copy(update={"name": "$Anna"})),
            body=b"m1",
        ),
    ),
    "first": (nothing, acceptance(arrival(BO, "b1"), body=b"b1")),
    "first_of_phone": (nothing, acceptance(arrival(WA, "w1", seed=FIRST_SEED), body=b"w1")),
    "joined_by_phone": (
        anna_wrote,
        acceptance(arrival(WA, "w1", seed=FIRST_SEED), body=b"w1"),
    ),
    "joined_by_alias": (
        anna_wrote,
        acceptance(
            arrival(BO, "b1", seed=joining(BO, aliases=(ANNA.identity, WA_ALIAS))), body=b"b1"
        ),
    ),
    "unreadable": (nothing, Acceptance(request=request(b"?"), unreadable="malformed")),
    "batch": (anna_is_written_to, BATCH),
}


@pytest.mark.parametrize("scene", SCENES)
async def test_accepting_that_is_killed_and_repeated_is_accepting_once(
    place: Place, scene: str
) -> None:
    prepare, told = SCENES[scene]

    async def accept(store: MongoStore) -> None:
        await store.accept(told)

    made = await killed_everywhere(place, prepare=prepare, work=accept)
    assert len(made) >= 2
    assert place.raw.identities.count_documents({"joined": {"$exists": True}}) == 0


async def test_in_a_batch_the_request_is_kept_once_and_the_joining_is_ahead(place: Place) -> None:
    store = await place.start()
    await anna_is_written_to(store)
    accepted = (await store.accept(BATCH)).events
    kinds = [event.body.kind for event in accepted]
    assert kinds == ["inbound", "identity_joined", "inbound", "inbound", "inbound"]
    seqs = [event.seq for event in accepted]
    assert seqs == sorted(seqs)
    holder, joined, *_ = accepted
    kept = place.raw.events.find_one({"_id": holder.id})
    assert kept is not None
    assert "request" in kept
    others = list(place.raw.events.find({"request_of": holder.id}))
    assert {one["_id"] for one in others} == {event.id for event in accepted[1:]}
    assert not any("request" in one for one in others)
    for event in accepted:
        await store.bury(event.id, reason="r", tries=1, at=at(9))
    letters = {letter.event: letter for letter in await store.dead_letters()}
    assert len(letters) == 6  # with the unreadable one
    assert {letter.request for letter in letters.values()} == {BATCH.request}
    assert letters[joined.id].thread == ANNA.home_thread


async def test_timers_that_are_killed_as_they_ring_ring_once(place: Place) -> None:
    async def prepare(store: MongoStore) -> None:
        await anna_wrote(store)
        turn = await store.turn(ANNA.home_thread)
        await store.commit(laden(turn, turn.events[0]))

    async def ring(store: MongoStore) -> None:
        await store.due_timers(now=at(100), limit=10)

    made = await killed_everywhere(place, prepare=prepare, work=ring)
    assert [write.partition(".")[0] for write in made] == ["counters", "events", "timers"]
    (event,) = place.raw.events.find({"state": 0})
    assert "offer_expired" in str(event["value"])


async def test_burying_that_is_killed_buries_once(place: Place) -> None:
    (event,) = (arrival(ANNA, "m0").id,)

    async def bury(store: MongoStore) -> None:
        await store.bury(event, reason="r", tries=5, at=at(9))

    async def revive(store: MongoStore) -> None:
        try:
            await store.revive(event)
        except NotFound:  # it was, and the answer was lost
            assert [one.id for one in (await store.turn(ANNA.home_thread)).events] == [event]

    async def buried(store: MongoStore) -> None:
        await anna_wrote(store)
        await bury(store)

    assert len(await killed_everywhere(place, prepare=anna_wrote, work=bury)) == 3
    assert len(await killed_everywhere(place, prepare=buried, work=revive)) == 2
    # Once more: what is left of the first letter is not taken for the second.
    store = await place.start()
    await buried(store)
    kill_before(store, 1)
    with pytest.raises(Killed):
        await store.revive(event)
    heir = await place.join()
    assert await heir.dead_letters() == []
    await heir.bury(event, reason="again", tries=6, at=at(10))
    (letter,) = await heir.dead_letters()
    assert (letter.reason, letter.tries, letter.at) == ("again", 6, at(10))


# --- several at once -------------------------------------------------------------------------


def ids(events: tuple[ThreadEvent, ...]) -> list[EventId]:
    return [event.id for event in events]


async def test_the_same_request_at_two_processes_is_accepted_once(place: Place) -> None:
    stores = [await place.start(), await place.join("motor")]
    for n in range(10):
        told = acceptance(arrival(ANNA, f"m{n}"), arrival(BO, f"m{n}"), body=str(n).encode())
        given = await asyncio.gather(*(store.accept(told) for store in stores for _ in range(3)))
        fresh = [event for accepted in given for event in ids(accepted.events)]
        assert sorted(fresh) == sorted(one.id for one in told.arrivals)
    assert place.raw.events.count_documents({}) == 20
    assert place.raw.identities.count_documents({}) == 2


async def test_a_first_contact_at_two_processes_is_joined_once_and_ahead_of_everything(
    place: Place,
) -> None:
    one, other = await place.start(), await place.join("motor")
    for n in range(10):
        anna, wa = address(f"a{n}"), address(f"w{n}", channel="twilio_whatsapp")
        phone = f"+4670000000{n}"
        await one.accept(acceptance(arrival(anna, "m", seed=joining(anna, phone=phone))))
        seed = joining(wa, phone=phone)
        given = await asyncio.gather(
            *(
                store.accept(acceptance(arrival(wa, f"w{m}", seed=seed)))
                for m, store in enumerate((one, other, one, other))
            )
        )
        events = (await one.turn(anna.home_thread)).events
        assert [event.body.kind for event in events] == [
            "inbound",
            "identity_joined",
            *["inbound"] * 4,
        ]
        fresh = [event for accepted in given for event in ids(accepted.events)]
        assert sorted(fresh) == sorted(ids(events[1:]))
        assert len(await one.links([anna.identity, wa.identity])) == 1


async def test_first_contacts_of_one_phone_at_two_processes_are_one_customer(place: Place) -> None:
    stores = [await place.start(), await place.join("motor")]
    for n in range(10):
        phone = f"+4670000000{n}"
        people = [address(f"{n}-{m}", channel=f"c{m}") for m in range(4)]
        await asyncio.gather(
            *(
                stores[m % 2].accept(acceptance(arrival(who, seed=joining(who, phone=phone))))
                for m, who in enumerate(people)
            )
        )
        threads = {one["thread"] for one in place.raw.identities.find({"phone": phone})}
        assert len(threads) == 1
        links = await stores[0].links([who.identity for who in people])
        assert len(links) == 3
        assert {made.link.proof for made in links} == {Proof.ATTESTED_PHONE}


async def test_whoever_was_first_with_a_phone_and_never_came_holds_up_nobody(
    place: Place,
) -> None:
    victim = await place.start()
    first = acceptance(arrival(WA, "w1", seed=joining(WA, phone=PHONE)))
    made = kill_before(victim, 2)
    with pytest.raises(Killed):
        await victim.accept(first)
    assert made == ["counters.find_one_and_update", "aliases.insert_one"]
    store = await place.join()
    await anna_wrote(store)
    assert (await store.turn(ANNA.home_thread)).identities[0].id == ANNA.identity
    # And when the first comes after all, the other is there.
    await store.accept(first)
    wa = await store.identity(WA.identity)
    assert wa is not None
    assert wa.thread == ANNA.home_thread


async def test_a_newcomer_follows_a_thread_that_goes_up_in_another_at_that_moment(
    place: Place,
) -> None:
    store = await place.start()
    await anna_wrote(store)

    def absorb_meanwhile(collection: str, operation: str) -> None:
        if (collection, operation) == ("identities", "insert_one"):
            # As a commit elsewhere does it: the thread first, then the identities there are.
            place.raw.threads.insert_one({"_id": ANNA.home_thread, "absorbed_by": "thr_x"})
            place.raw.threads.insert_one({"_id": "thr_x", "absorbed_by": BO.home_thread})
            place.raw.identities.update_many(
                {"thread": ANNA.home_thread}, {"$set": {"thread": BO.home_thread}}
            )

    store.driver.before_write = absorb_meanwhile
    joined, event = (
        await store.accept(acceptance(arrival(WA, "w1", seed=joining(WA, phone=PHONE))))
    ).events
    wa = await store.identity(WA.identity)
    assert wa is not None
    assert wa.thread == BO.home_thread
    assert event.thread == BO.home_thread
    assert isinstance(joined.body, IdentityJoined)


async def later(milliseconds: int, work: Awaitable[object]) -> None:
    """Do it somewhat later, so that what is done at the same time comes before, amid and after."""
    await asyncio.sleep(milliseconds / 1000)
    await work


async def test_a_receipt_and_its_part_that_pass_each_other_both_count(place: Place) -> None:
    one, other = await place.start(), await place.join("motor")
    send = await anna_is_written_to(one)
    for n in range(30):
        told = (receipt(f"P{n}", ReceiptStatus.DELIVERED),)
        await asyncio.gather(
            other.accept(Acceptance(receipts=told)),
            later(n % 6, one.part_sent(send, PartSent(external_id=f"P{n}"), at=at(n))),
        )
    await one.settle(Settlement(send=send, status=SendStatus.SENT, at=at(60)))
    (state,) = await one.sends([send])
    assert {part.status for part in state.parts[1:]} == {ReceiptStatus.DELIVERED}
    assert len(state.parts) == 31
    assert place.raw.early_receipts.count_documents({}) == 0


async def test_a_watermark_and_a_part_that_pass_each_other_both_count(place: Place) -> None:
    one, other = await place.start(), await place.join("motor")
    for n in range(12):
        where = address(f"anna-{n}")
        await one.accept(acceptance(arrival(where)))
        send = await is_written_to(one, where)
        await asyncio.gather(
            other.accept(Acceptance(receipts=(read_up_to(where, at(5)),))),
            later(n, one.part_sent(send, PartSent(external_id="P"), at=at(n % 6))),
        )
        (state,) = await one.sends([send])
        assert [part.status for part in state.parts] == [ReceiptStatus.READ]


async def test_what_looks_like_a_fields_name_is_taken_as_it_is(place: Place) -> None:
    store = await place.start()
    await anna_wrote(store)
    told = joining(ANNA).model_copy(update={"name": "$phone", "language": "$$NOW"})
    await store.accept(acceptance(arrival(ANNA, "m1", seed=told)))
    anna = await store.identity(ANNA.identity)
    assert anna is not None
    assert (anna.phone, anna.name, anna.username, anna.language) == (PHONE, "$phone", None, "$$NOW")


async def test_of_several_that_ask_for_timers_one_gets_each(place: Place) -> None:
    stores = [await place.start(), await place.join("motor")]
    await anna_wrote(stores[0])
    turn = await stores[0].turn(ANNA.home_thread)
    await stores[0].commit(laden(turn, turn.events[0]))
    given = await asyncio.gather(
        *(store.due_timers(now=at(100), limit=10) for store in stores for _ in range(3))
    )
    assert len([event for events in given for event in events]) == 1
    assert place.raw.timers.count_documents({}) == 0


# --- what it costs ---------------------------------------------------------------------------


async def asked(place: Place, work: Awaitable[object]) -> list[Raw]:
    """What the server was asked meanwhile, by its own word."""
    place.raw.command("profile", 2)
    try:
        await work
    finally:
        place.raw.command("profile", 0)
    profile = place.raw["system.profile"]
    found = list(profile.find({"ns": {"$not": {"$regex": r"system\.profile|\$cmd"}}}))
    profile.drop()
    return found


async def test_a_message_of_somebody_known_takes_three_round_trips(place: Place) -> None:
    store = await place.start()
    await anna_wrote(store)
    told = acceptance(arrival(ANNA, "m1", seed=joining(ANNA, phone=PHONE)), body=b"m1")
    questions = await asked(place, store.accept(told))
    collections = sorted(str(one["ns"]).partition(".")[2] for one in questions)
    assert collections == ["counters", "events", "identities"]


async def test_no_question_reads_a_whole_collection(place: Place) -> None:
    store = await place.start()
    people: list[IdentityId] = [where.identity for where in EVERYBODY]

    async def everything() -> None:
        send = await anna_is_written_to(store)
        await store.accept(BATCH)
        await store.part_sent(send, PartSent(external_id="SM2"), at=at(1))
        waiting = await store.unprocessed(before=at(99), limit=10)
        assert len(waiting) == 5
        await store.outcome(waiting[0].id)
        for event in waiting[:2]:
            await store.bury(event.id, reason="r", tries=1, at=at(9))
        letters = await store.dead_letters()
        await store.revive(waiting[0].id)
        unreadable = next(letter for letter in letters if letter.thread is None)
        await store.discard_dead_letter(unreadable.event)
        await store.due_timers(now=at(100), limit=10)
        await store.prune(before=at(1000))
        await store.prune(before=at(1000))
        await store.links(people)
        await store.agent_by_email("a@example.com")
        await store.code("h", now=at(0))
        await store.session("h", now=at(0))
        await store.count_attempt("k", now=at(0), window=LAPSES - at(0))

    questions = await asked(place, everything())
    assert len(questions) > 40
    scans = [one for one in questions if "COLLSCAN" in str(one.get("planSummary"))]
    assert [(one["ns"], one["command"]) for one in scans] == []
