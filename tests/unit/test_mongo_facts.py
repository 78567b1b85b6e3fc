"""MongoDB, facts: a page costs the same however many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pymongo
import pytest

from bot.model.fact import FACT_KINDS, FactPlace
from bot.model.ids import FactId
from bot.model.moments import micros
from bot.stores.mongo import MongoStore
from bot.stores.mongo.facts import BY_IDENTITY, NEWEST, facts_query
from tests.builders import address, at
from tests.servers import unique_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pymongo.database import Database

    Raw = dict[str, object]

ANNA, WEB = address("anna").identity, address("web-1").identity
LIMIT = 20
MANY = 3_000


@pytest.fixture
async def raw(mongo_url: str) -> AsyncIterator[Database[Raw]]:
    """A database with many facts about two identities, nearly all of them visits."""
    name = unique_name()
    await (await MongoStore.open(mongo_url, database=name, driver="pymongo")).close()
    with pymongo.MongoClient[dict[str, object]](mongo_url) as client:
        database = client[name]
        database.facts.insert_many(
            {
                "_id": FactId.of(str(number)),
                "identity": (ANNA, WEB)[number % 2],
                "kind": "purchased" if number % 100 == 0 else "visited",
                "at": micros(at(number // 3)),
            }
            for number in range(MANY)
        )
        yield database
        client.drop_database(name)


@pytest.mark.parametrize("further", [False, True])
@pytest.mark.parametrize("kinds", [FACT_KINDS, ("purchased",), ("ticket_opened", "visited")])
def test_a_page_looks_at_few_facts_and_sorts_none(
    raw: Database[Raw], kinds: tuple[Any, ...], *, further: bool
) -> None:
    before = FactPlace(at=at(500), id=FactId.of("x")) if further else None
    query = facts_query([ANNA, WEB], kinds, before=before)
    told: Any = raw.facts.find(query, sort=NEWEST, limit=LIMIT, hint=BY_IDENTITY).explain()
    plan = str(told["queryPlanner"]["winningPlan"])
    assert "COLLSCAN" not in plan
    assert "'SORT'" not in plan
    assert told["executionStats"]["totalDocsExamined"] <= 2 * LIMIT
    assert told["executionStats"]["totalKeysExamined"] <= 2 * LIMIT + 4 * len(kinds)
