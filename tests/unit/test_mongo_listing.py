"""MongoDB, lists of threads: what a page costs does not grow with the number of threads."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pymongo
import pytest

from bot.model.ids import AgentId, ThreadId
from bot.model.listing import LANGUAGES, PHASES, ThreadFilter, ThreadOrder, ThreadPlace
from bot.model.thread import Phase
from bot.stores.mongo import MongoStore
from bot.stores.mongo.listing import listing_query
from bot.stores.mongo.schema import OFFERED
from tests.builders import START
from tests.servers import unique_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pymongo.database import Database

    Raw = dict[str, object]

EVA = AgentId.of("eva")
LIMIT = 20
MANY = 4_000


@pytest.fixture
async def raw(mongo_url: str) -> AsyncIterator[Database[Raw]]:
    """A database with many threads, nearly all of them the bot's."""
    name = unique_name()
    await (await MongoStore.open(mongo_url, database=name, driver="pymongo")).close()
    chance = random.Random(4)
    with pymongo.MongoClient[dict[str, object]](mongo_url) as client:
        database = client[name]
        database.threads.insert_many(document(n, chance) for n in range(MANY))
        yield database
        client.drop_database(name)


def document(number: int, chance: random.Random) -> Raw:
    owner, holder, since = "bot", "", 0
    if number % 40 == 0:
        owner, holder, since = "offered", chance.choice(["support", "returns"]), 1_000 + number
    elif number % 40 == 1:
        owner, holder = "agent", chance.choice([EVA, AgentId.of("ida")])
    return {
        "_id": ThreadId.of(str(number)),
        "version": 1,
        "owner": owner,
        "holder": holder,
        "since": since,
        # Nobody speaks English on the web, and very few are open.
        "phase": "open" if number % 100 == 0 else chance.choice(["", "resolved"]),
        "language": "sv",
        "channels": ["web"] if number % 2 else ["twilio_sms", "telegram"],
        "last_at": 1_700_000_000_000_000 + chance.randrange(MANY),
        "value": "{}",
    }


CASES = [
    (ThreadOrder.NEWEST, ThreadFilter()),
    (ThreadOrder.NEWEST, ThreadFilter(owner="bot")),
    (ThreadOrder.NEWEST, ThreadFilter(owner="agent")),
    (ThreadOrder.NEWEST, ThreadFilter(phase=Phase.OPEN)),
    (ThreadOrder.NEWEST, ThreadFilter(language="en")),
    (ThreadOrder.NEWEST, ThreadFilter(channel="web")),
    (ThreadOrder.NEWEST, ThreadFilter(channel="messenger")),
    (ThreadOrder.NEWEST, ThreadFilter(owner="bot", language="en", channel="web")),
    (ThreadOrder.NEWEST, ThreadFilter(agent=EVA)),
    (ThreadOrder.NEWEST, ThreadFilter(queue="support", language="sv")),
    (ThreadOrder.WAITING, ThreadFilter()),
    (ThreadOrder.WAITING, ThreadFilter(queue="support", channel="telegram")),
]


@pytest.mark.parametrize("further", [False, True])
def test_a_page_looks_at_few_threads_and_sorts_none(raw: Database[Raw], *, further: bool) -> None:
    cells = 4 * len(PHASES) * len(LANGUAGES)
    for order, wanted in CASES:
        at = START.replace(year=1970) if order is ThreadOrder.WAITING else START
        after = ThreadPlace(at=at, thread=ThreadId.of("x")) if further else None
        asked = listing_query(wanted, order=order, after=after)
        assert asked is not None
        query, sort = asked
        told: Any = raw.threads.find(query).sort(list(sort)).limit(LIMIT).explain()
        stats = told["executionStats"]
        assert "COLLSCAN" not in str(told["queryPlanner"]["winningPlan"]), wanted
        # A page of each cell at the most, or what all agents and queues have in hand.
        assert stats["totalKeysExamined"] <= 2 * cells + 2 * MANY // 40 + 2 * LIMIT, (wanted, stats)
        assert stats["totalDocsExamined"] <= 2 * MANY // 40 + LIMIT, wanted


def test_a_queue_is_read_from_its_index_alone(raw: Database[Raw]) -> None:
    query = {"holder": "support", **OFFERED}
    sort = [("since", 1), ("_id", 1)]
    told: Any = raw.threads.find(query, {"_id": 1}).sort(sort).limit(LIMIT).explain()
    stats = told["executionStats"]
    assert (stats["totalDocsExamined"], stats["nReturned"]) == (0, LIMIT)
    assert stats["totalKeysExamined"] == LIMIT
