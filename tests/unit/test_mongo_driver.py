"""MongoDB: one surface over both drivers, errors that tell no secrets, a schema that is checked."""

from __future__ import annotations

import asyncio
import gc
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pymongo
import pytest
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    DuplicateKeyError,
    ExecutionTimeout,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    ServerSelectionTimeoutError,
    WriteConcernError,
    WTimeoutError,
)

from bot.errors import StoreAway, StoreClosed, StoreError
from bot.model.ids import AgentId
from bot.model.people import LinkCode, Session
from bot.stores.mongo import MongoStore
from bot.stores.mongo.driver import Change, Driver, Duplicate, Index
from bot.stores.mongo.faults import ours, repeated
from bot.stores.mongo.numbers import Numbers
from bot.stores.mongo.schema import INDEXES, VERSION, Collections
from tests.builders import address, at
from tests.servers import unique_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from pymongo.database import Database
    from pymongo.errors import PyMongoError

    from bot.stores.mongo.driver import DriverName
    from tests.servers import Mongod

DRIVERS: tuple[DriverName, ...] = ("motor", "pymongo")
both_drivers = pytest.mark.parametrize("named", DRIVERS)

Raw = dict[str, object]


@pytest.fixture
def raw(mongo_url: str) -> Iterator[Database[Raw]]:
    """An empty database, seen without any of our code."""
    with pymongo.MongoClient[Raw](mongo_url) as client:
        name = unique_name()
        yield client[name]
        client.drop_database(name)


@pytest.fixture(params=DRIVERS)
async def driver(
    request: pytest.FixtureRequest, mongo_url: str, raw: Database[Raw]
) -> AsyncIterator[Driver]:
    opened = Driver.open(mongo_url, raw.name, request.param)
    yield opened
    await opened.close()


# --- one surface -----------------------------------------------------------------------------


async def test_finding(driver: Driver, raw: Database[Raw]) -> None:
    things = driver.collection("things")
    raw.things.insert_many([{"_id": n, "n": n, "m": n % 2, "x": "x"} for n in range(5)])
    assert await things.find_one({"_id": 9}) is None
    assert await things.find_one({"m": 1}, fields=("n",), sort=(("n", -1),)) == {"_id": 3, "n": 3}
    assert await things.find_one({"m": 1}, fields=()) == {"_id": 1}
    found = await things.find({"m": 0}, fields=["n"], sort=[("n", -1)], limit=2)
    assert found == [{"_id": 4, "n": 4}, {"_id": 2, "n": 2}]
    assert len(await things.find({})) == 5
    assert await things.count({"m": 1}) == 2
    summed = await things.aggregate([{"$group": {"_id": "$m", "sum": {"$sum": "$n"}}}])
    assert sorted(summed, key=str) == [{"_id": 0, "sum": 6}, {"_id": 1, "sum": 4}]


async def test_inserting_tells_what_was_there(driver: Driver, raw: Database[Raw]) -> None:
    things = driver.collection("things")
    assert await things.insert_one({"_id": 1, "by": "one"})
    assert not await things.insert_one({"_id": 1, "by": "other"})
    assert await things.insert_many([]) == []
    assert await things.insert_many([{"_id": 2}, {"_id": 1}, {"_id": 3}, {"_id": 2}]) == [1, 3]
    assert list(raw.things.find()) == [{"_id": 1, "by": "one"}, {"_id": 2}, {"_id": 3}]


async def test_changing(driver: Driver, raw: Database[Raw]) -> None:
    things = driver.collection("things")
    assert await things.update_one({"_id": 1}, {"$set": {"n": 1}}) == 0
    assert await things.update_one({"_id": 1}, {"$set": {"n": 1}}, upsert=True) == 1
    assert await things.update_one({"_id": 1}, {"$set": {"n": 1}}) == 1  # fits, though as it was
    assert await things.update_one({"_id": 1}, [{"$set": {"n": {"$add": ["$n", 1]}}}]) == 1
    assert await things.replace_one({"_id": 2}, {"l": [{"k": 1}, {"k": 2}]}, upsert=True) == 1
    wanted = [{"one.k": 2}]
    listed: Raw = {"l": {"$exists": True}}
    assert await things.update_many(listed, {"$set": {"l.$[one].x": 1}}, array_filters=wanted) == 1
    assert raw.things.find_one({"_id": 2}) == {"_id": 2, "l": [{"k": 1}, {"k": 2, "x": 1}]}
    await things.update_each([])
    await things.update_each(
        [
            Change({"_id": 1}, {"$set": {"n": 7}}),
            Change({"_id": 8}, {"$set": {"n": 8}}),
            Change({"_id": 9}, {"$set": {"n": 9}}, upsert=True),
        ]
    )
    assert raw.things.find_one({"_id": 1}) == {"_id": 1, "n": 7}
    assert raw.things.find_one({"_id": 8}) is None
    assert raw.things.find_one({"_id": 9}) == {"_id": 9, "n": 9}
    assert await things.delete_one({"n": {"$gt": 0}}) == 1
    assert await things.delete_many({}) == 2
    assert await things.delete_one({}) == 0


async def test_changing_and_looking_in_one(driver: Driver) -> None:
    things = driver.collection("things")
    once: Raw = {"$inc": {"n": 1}}
    assert await things.find_one_and_update({"_id": 1}, once) is None
    assert await things.find_one_and_update({"_id": 1}, once, upsert=True) == {"_id": 1, "n": 1}
    assert await things.find_one_and_update({"_id": 1}, once, before=True) == {"_id": 1, "n": 1}
    assert await things.find_one_and_update({"_id": 1}, once, fields=()) == {"_id": 1}
    await things.insert_one({"_id": 2, "n": 0})
    lowest = await things.find_one_and_update({}, once, sort=(("n", 1),))
    assert lowest == {"_id": 2, "n": 1}


async def test_an_upsert_that_does_not_fit_what_is_there_is_a_duplicate(driver: Driver) -> None:
    things = driver.collection("things")
    await things.insert_one({"_id": 1, "version": 3})
    with pytest.raises(Duplicate):
        await things.update_one({"_id": 1, "version": 2}, {"$set": {"x": 1}}, upsert=True)
    with pytest.raises(Duplicate):
        await things.replace_one({"_id": 1, "version": 2}, {"version": 9}, upsert=True)
    assert await things.find({}) == [{"_id": 1, "version": 3}]


async def test_indexes(driver: Driver, raw: Database[Raw]) -> None:
    things = driver.collection("things")
    assert await things.indexes() == []
    wanted = [
        Index("one", (("a", 1), ("b", -1)), unique=True, where={"a": {"$exists": True}}),
        Index("ends", (("ends", 1),), expires=True),
    ]
    await things.create_indexes(wanted)
    await things.create_indexes(wanted)
    assert {one["name"] for one in await things.indexes()} == {"_id_", "one", "ends"}
    made = raw.things.index_information()
    assert made["one"]["key"] == [("a", 1), ("b", -1)]
    assert made["one"]["unique"] is True
    assert made["ends"]["expireAfterSeconds"] == 0


async def test_every_write_is_told_of_before_it_is_made(driver: Driver, raw: Database[Raw]) -> None:
    told: list[tuple[str, str, int]] = []
    driver.before_write = lambda collection, operation: told.append(
        (collection, operation, raw.things.count_documents({}))
    )
    things = driver.collection("things")
    await things.insert_one({"_id": 1})
    await things.find({})
    await things.find_one({})
    await things.count({})
    await things.aggregate([])
    await things.indexes()
    await things.insert_many([{"_id": 2}])
    await things.update_one({"_id": 1}, {"$set": {"n": 1}})
    await things.find_one_and_update({"_id": 1}, {"$set": {"n": 1}})
    await things.delete_many({})
    assert told == [
        ("things", "insert_one", 0),
        ("things", "insert_many", 1),
        ("things", "update_one", 2),
        ("things", "find_one_and_update", 2),
        ("things", "delete_many", 2),
    ]


async def test_what_stops_before_a_write_stops_the_write(
    driver: Driver, raw: Database[Raw]
) -> None:
    def refuse(collection: str, operation: str) -> None:
        raise RuntimeError(collection + operation)

    driver.before_write = refuse
    with pytest.raises(RuntimeError):
        await driver.collection("things").insert_one({"_id": 1})
    assert raw.things.count_documents({}) == 0


async def test_writes_wait_for_the_majority_and_its_journal(
    driver: Driver, raw: Database[Raw]
) -> None:
    raw.command("profile", 2)
    await driver.collection("things").insert_one({"_id": 1})
    await driver.collection("things").update_one({"_id": 1}, {"$set": {"n": 1}})
    raw.command("profile", 0)
    asked = [one["command"] for one in raw["system.profile"].find({"op": "insert"})]
    concerns = [one["writeConcern"] for one in asked if isinstance(one, dict)]
    assert concerns == [{"w": "majority", "j": True, "wtimeout": 5000}]


# --- errors ----------------------------------------------------------------------------------


@both_drivers
async def test_after_the_end_everything_is_closed(mongo_url: str, named: DriverName) -> None:
    driver = Driver.open(mongo_url, unique_name(), named)
    things = driver.collection("things")
    await driver.ping()
    await driver.close()
    await driver.close()
    with pytest.raises(StoreClosed):
        await driver.ping()
    with pytest.raises(StoreClosed):
        await things.find_one({})
    with pytest.raises(StoreClosed):
        await things.insert_one({"_id": 1})


@both_drivers
async def test_a_server_that_is_not_there_is_away_soon(named: DriverName) -> None:
    driver = Driver.open("mongodb://127.0.0.1:1/?directConnection=true", "x", named)
    with pytest.raises(StoreAway) as caught:
        async with asyncio.timeout(4):
            await driver.collection("things").insert_one({"_id": 1, "text": "secret"})
    assert str(caught.value) == (
        "things.insert_one: ServerSelectionTimeoutError: "
        "MongoDB does not answer, or may not write now"
    )
    assert caught.value.__cause__ is None
    await driver.close()


# The drivers' own watchers may drop a socket that they were connecting as the server died.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
)
@both_drivers
async def test_a_server_that_died_is_away_until_it_is_back(
    mongod: Mongod, named: DriverName
) -> None:
    driver = Driver.open(mongod.url, "x", named)
    things = driver.collection("things")
    assert await things.insert_one({"_id": 1})
    mongod.kill()
    with pytest.raises(StoreAway):
        await things.insert_one({"_id": 2})
    with pytest.raises(StoreAway):
        await things.find({})
    mongod.start()
    assert await things.insert_one({"_id": 2})
    assert await things.find({}) == [{"_id": 1}, {"_id": 2}]
    await driver.close()
    await asyncio.sleep(0.2)
    gc.collect()  # what they dropped is found here, not in another test


@pytest.mark.parametrize(
    "url", ["", "hush@x", "http://u:hush@x", "mongodb://u:hush@", "mongodb://u:hush@h:port"]
)
@both_drivers
def test_a_wrong_address_is_told_without_its_password(url: str, named: DriverName) -> None:
    with pytest.raises(StoreError) as caught:
        Driver.open(url, "x", named)
    assert "hush" not in str(caught.value)
    assert "mongodb://user:password@host:27017" in str(caught.value)
    assert caught.value.__cause__ is None


async def test_what_the_server_refuses_is_told_without_the_document(driver: Driver) -> None:
    things = driver.collection("things")
    await things.create_indexes([Index("mail", (("mail", 1),), unique=True)])
    await things.replace_one({"_id": 1}, {"mail": "anna@example.com"}, upsert=True)
    with pytest.raises(Duplicate) as caught:
        await things.replace_one({"_id": 2}, {"mail": "anna@example.com"}, upsert=True)
    assert str(caught.value) == "things.replace_one: DuplicateKeyError: there already"
    with pytest.raises(StoreError) as refused:
        await things.update_one({"_id": 1}, {"$inc": {"mail": 1}})
    assert str(refused.value) == "things.update_one: WriteError (code 14)"
    assert not isinstance(refused.value, StoreAway)


AWAY: list[PyMongoError] = [
    AutoReconnect("x"),
    NetworkTimeout("x"),
    NotPrimaryError("x"),
    ServerSelectionTimeoutError("x"),
    ExecutionTimeout("x"),
    WTimeoutError("x", 64, {}),
    WriteConcernError("x", 64, {"writeConcernError": {"code": 64}}),
    OperationFailure("x", 10107, {}),
    OperationFailure("x", 11600, {}),
    OperationFailure("x", 91, {}),
    BulkWriteError({"writeErrors": [], "writeConcernErrors": [{"code": 64}]}),
    BulkWriteError({"writeErrors": [{"code": 11000}], "writeConcernErrors": [{"code": 64}]}),
]


@pytest.mark.parametrize("error", AWAY, ids=lambda error: type(error).__name__)
def test_what_may_have_been_done_or_not_is_away(error: PyMongoError) -> None:
    assert isinstance(ours("things.insert_one", error), StoreAway)


NOT_AWAY: list[PyMongoError] = [
    OperationFailure("x", 18, {}),
    OperationFailure("x", 13, {}),
    DuplicateKeyError("x", 11000, {}),
    BulkWriteError({"writeErrors": [{"code": 121}], "writeConcernErrors": []}),
]


@pytest.mark.parametrize("error", NOT_AWAY, ids=lambda error: type(error).__name__)
def test_what_the_server_will_never_do_is_not(error: PyMongoError) -> None:
    assert type(ours("things.insert_one", error)) in {StoreError, Duplicate}


def test_repeats_among_many_are_told_by_their_place() -> None:
    twice = {"writeErrors": [{"code": 11000, "index": 4}, {"code": 11000, "index": 1}]}
    assert repeated(BulkWriteError(twice)) == [1, 4]
    with pytest.raises(BulkWriteError):
        repeated(BulkWriteError({"writeErrors": [{"code": 121, "index": 1}]}))
    with pytest.raises(BulkWriteError):
        repeated(BulkWriteError({**twice, "writeConcernErrors": [{"code": 64}]}))


# --- numbers ---------------------------------------------------------------------------------


async def test_numbers_are_in_a_row_and_never_given_twice(driver: Driver) -> None:
    counters = Collections.of(driver).counters
    numbers, others = Numbers(counters), Numbers(counters)
    asked = [(numbers if n % 2 else others).take("events", n % 4 + 1) for n in range(40)]
    firsts = await asyncio.gather(*asked)
    given = [number for n, first in enumerate(firsts) for number in range(first, first + n % 4 + 1)]
    assert sorted(given) == list(range(1, 101))
    assert await numbers.last("events") == 100
    assert await numbers.last("entries") == 0


async def test_all_who_ask_meanwhile_share_the_next_write(driver: Driver) -> None:
    writes: list[str] = []
    driver.before_write = lambda _, operation: writes.append(operation)
    numbers = Numbers(Collections.of(driver).counters)
    given = await asyncio.gather(*(numbers.take("events", 2) for _ in range(50)))
    assert given == list(range(1, 101, 2))
    assert writes == ["find_one_and_update"] * 2


async def test_one_who_gives_up_leaves_the_others_their_numbers(driver: Driver) -> None:
    numbers = Numbers(Collections.of(driver).counters)
    asked = [asyncio.create_task(numbers.take("events", 1)) for _ in range(5)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asked[0].cancel()
    given = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(given[0], asyncio.CancelledError)
    assert len({number for number in given[1:] if isinstance(number, int)}) == 4


async def test_numbers_that_cannot_be_had_fail_for_all_who_asked() -> None:
    driver = Driver.open("mongodb://127.0.0.1:1/?directConnection=true", "x", "pymongo")
    tries: list[str] = []
    driver.before_write = lambda _, operation: tries.append(operation)
    numbers = Numbers(Collections.of(driver).counters)
    asked = [numbers.take("events", 1) for _ in range(20)]
    ended = await asyncio.gather(*asked, return_exceptions=True)
    await driver.close()
    assert [type(one) for one in ended] == [StoreAway] * 20
    assert tries == ["find_one_and_update"]


# --- the schema ------------------------------------------------------------------------------


@both_drivers
async def test_opening_makes_every_index_and_again_changes_nothing(
    mongo_url: str, raw: Database[Raw], named: DriverName
) -> None:
    stores = await asyncio.gather(
        *(MongoStore.open(mongo_url, database=raw.name, driver=named) for _ in range(3))
    )
    for store in stores:
        await store.ready()
        await store.close()
    for name, wanted in INDEXES.items():
        made = raw[name].index_information()
        assert set(made) == {"_id_", *(index.name for index in wanted)}
    assert raw.meta.find_one({"_id": "schema"}) == {"_id": "schema", "version": VERSION}
    assert raw.meta.find_one({"_id": "pulse"}) == {"_id": "pulse", "beats": 3}


async def test_a_newer_schema_is_refused(mongo_url: str, raw: Database[Raw]) -> None:
    raw.meta.insert_one({"_id": "schema", "version": VERSION + 1})
    with pytest.raises(StoreError, match=rf"schema version {VERSION + 1}.*\[store\] database"):
        await MongoStore.open(mongo_url, database=raw.name, driver="pymongo")
    assert raw.list_collection_names() == ["meta"]


async def test_an_index_that_is_not_as_it_should_be_is_named_with_the_mend(
    mongo_url: str, raw: Database[Raw]
) -> None:
    raw.agents.create_index([("email_key", 1)], name="email")
    with pytest.raises(StoreError, match=r'email of agents .*db\.agents\.dropIndex\("email"\)'):
        await MongoStore.open(mongo_url, database=raw.name, driver="pymongo")
    raw.agents.drop_index("email")
    raw.agents.create_index([("email_key", 1)], name="by_hand", unique=True)  # as good
    raw.agents.create_index([("name", 1)], name="somebody_elses")
    store = await MongoStore.open(mongo_url, database=raw.name, driver="pymongo")
    await store.close()
    assert set(raw.agents.index_information()) == {"_id_", "by_hand", "somebody_elses"}


async def test_the_server_clears_away_only_a_day_after_both_clocks(
    mongo_url: str, raw: Database[Raw]
) -> None:
    store = await MongoStore.open(mongo_url, database=raw.name, driver="pymongo")
    long = datetime.now(UTC) + timedelta(days=30)
    for name, ends in (("past", at(0)), ("future", long)):
        await store.put_session(
            Session(token_hash=name, agent=AgentId.new(), csrf="$c", expires_at=ends)
        )
    await store.put_code(
        LinkCode(
            hash="$h", source=address().identity, channel="c", account="$a", expires_at=at(600)
        )
    )
    await store.count_attempt("$key", now=at(0), window=timedelta(minutes=5))
    await store.close()
    soon = datetime.now(UTC) + timedelta(days=1, minutes=1)
    expiring = (raw.sessions.find_one("past"), raw.codes.find_one(), raw.attempts.find_one())
    for found in expiring:
        assert found is not None
        assert isinstance(ends_at := found["expires"], datetime)
        assert timedelta() < soon - ends_at.replace(tzinfo=UTC) < timedelta(minutes=2)
    kept = raw.sessions.find_one("future")
    assert kept is not None
    assert isinstance(kept["expires"], datetime)
    assert kept["expires"].replace(tzinfo=UTC) > long + timedelta(hours=23)
    # What looks like a field's name was taken as it was.
    assert (kept["csrf"], expiring[1] and expiring[1]["hash"]) == ("$c", "$h")
