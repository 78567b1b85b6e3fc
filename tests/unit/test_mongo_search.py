"""MongoDB, search: from an index, and what version 1 has is found after the upgrade."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pymongo
import pytest

from bot.errors import StoreError
from bot.model.ids import AgentId, EpisodeId
from bot.model.listing import ThreadFilter
from bot.model.record import IdentitySeed
from bot.model.search import loosened, parsed
from bot.model.thread import EpisodeChanged, OwnedByAgent, Phase
from bot.stores.mongo import MongoStore
from bot.stores.mongo.schema import VERSION
from bot.stores.mongo.search import words_query
from tests.builders import acceptance, address, arrival, at, change, entry
from tests.servers import unique_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pymongo.database import Database

    from bot.model.search import SearchQuery

    Raw = dict[str, object]

ANNA, WEB = address("anna"), address("web-1", channel="web")
EVA = AgentId.of("eva")
CASE = EpisodeChanged(episode=EpisodeId.of("e"), phase=Phase.OPEN, opened_at=at(), reason="opened")


@pytest.fixture
def raw(mongo_url: str) -> Iterator[Database[Raw]]:
    name = unique_name()
    with pymongo.MongoClient[dict[str, object]](mongo_url) as client:
        yield client[name]
        client.drop_database(name)


async def test_a_search_reads_an_index(mongo_url: str, raw: Database[Raw]) -> None:
    await (await MongoStore.open(mongo_url, database=raw.name, driver="pymongo")).close()
    raw.entries.insert_many(
        {"_id": str(n), "seq": n, "words": ["jacka", f"ord{n}", ":from:bot"]} for n in range(2_000)
    )
    raw.identities.insert_many(
        {"_id": str(n), "since": n, "words": [f"ord{n}", "x"]} for n in range(2_000)
    )
    loose = loosened(parsed("jakca"))
    assert loose is not None
    cases: list[tuple[SearchQuery, int]] = [
        (parsed("ord1999"), 10),
        (parsed("jacka ord1999"), 10),
        (parsed("jacka from:bot"), 210),
        (parsed('"ord77 jacka"'), 10),
        (loose, 2_200),
    ]
    for query, most in cases:
        for before in (None, 1_990):
            asked = words_query(query, by="seq", before=before)
            told: Any = raw.entries.find(asked).sort("seq", -1).limit(100).explain()
            assert "COLLSCAN" not in str(told["queryPlanner"]["winningPlan"]), query
            assert told["executionStats"]["totalDocsExamined"] <= most, query
    told = (
        raw.identities.find(words_query(parsed("ord1999"), by="since", before=None))
        .sort("since", -1)
        .explain()
    )
    assert told["executionStats"]["totalDocsExamined"] == 1


async def test_what_version_1_has_is_listed_and_found_after_the_upgrade(
    mongo_url: str, raw: Database[Raw]
) -> None:
    store = await MongoStore.open(mongo_url, database=raw.name, driver="pymongo")
    for where in (ANNA, WEB):
        seed = IdentitySeed(address=where, name="Anna Åkesson")
        (event,) = (
            await store.accept(acceptance(arrival(where, text="min leverans", seed=seed)))
        ).events
        done = change(
            await store.turn(event.thread), event, entry(event), entry(event, 1, body=CASE)
        )
        owner = OwnedByAgent(agent=EVA, name="Eva", since=at(0))
        state = done.state.model_copy(update={"owner": owner, "language": "sv"})
        await store.commit(done.model_copy(update={"state": state}))
    await store.accept(acceptance(arrival(address("unheard"))))

    async def everything(store: MongoStore) -> list[object]:
        return [
            await store.threads(ThreadFilter(agent=EVA, channel="web", language="sv")),
            await store.threads(ThreadFilter(language="sv")),
            await store.counts(),
            await store.find_entries(parsed("leverans channel:web")),
            await store.find_customers(parsed("åkesson")),
            await store.find_customers(parsed("unheard")),
            await store.landmarks([ANNA.identity, WEB.identity]),
        ]

    before = await everything(store)
    assert all(before)
    await store.close()
    gone = dict.fromkeys(["words", "holder", "since", "phase", "language", "channels"], "")
    raw.threads.update_many({}, {"$unset": gone})
    raw.entries.update_many({}, {"$unset": {"words": "", "landmark": ""}})
    raw.identities.update_many({}, {"$unset": {"words": ""}})
    raw.meta.update_one({"_id": "schema"}, {"$set": {"version": 1}})
    opened = await asyncio.gather(
        *(MongoStore.open(mongo_url, database=raw.name, driver="pymongo") for _ in range(2))
    )
    for store in opened:
        assert await everything(store) == before
        await store.close()
    assert raw.meta.find_one({"_id": "schema"}) == {"_id": "schema", "version": VERSION}


async def test_a_schema_from_before_the_first_is_refused(
    mongo_url: str, raw: Database[Raw]
) -> None:
    raw.meta.insert_one({"_id": "schema", "version": 0})
    with pytest.raises(StoreError, match=r"schema version 0.*\[store\] database"):
        await MongoStore.open(mongo_url, database=raw.name, driver="pymongo")
