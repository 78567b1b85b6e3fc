"""The store in MongoDB: one replica set or a sharded cluster, many processes."""

from __future__ import annotations

from bot.stores.mongo.blobs import MongoBlobs
from bot.stores.mongo.cards import MongoCards
from bot.stores.mongo.counting import MongoCounting
from bot.stores.mongo.directory import MongoDirectory
from bot.stores.mongo.driver import Driver, DriverName
from bot.stores.mongo.facts import MongoFacts
from bot.stores.mongo.health import MongoHealth
from bot.stores.mongo.inbox import MongoInbox
from bot.stores.mongo.numbers import Numbers
from bot.stores.mongo.outbox import MongoOutbox
from bot.stores.mongo.privacy import MongoPrivacy
from bot.stores.mongo.pushes import MongoPushes
from bot.stores.mongo.schema import Collections, ensure
from bot.stores.mongo.search import MongoSearch
from bot.stores.mongo.threads import MongoThreads
from bot.stores.mongo.upgrade import UPGRADES

__all__ = ["MongoStore"]


class MongoStore(
    MongoInbox,
    MongoThreads,
    MongoOutbox,
    MongoDirectory,
    MongoSearch,
    MongoBlobs,
    MongoFacts,
    MongoCards,
    MongoCounting,
    MongoPrivacy,
    MongoPushes,
    MongoHealth,
):
    """The `Store` port over one database."""

    def __init__(self, driver: Driver) -> None:
        collections = Collections.of(driver)
        numbers = Numbers(collections.counters)
        MongoInbox.__init__(self, collections, numbers)
        MongoThreads.__init__(self, collections, numbers)
        MongoOutbox.__init__(self, collections)
        MongoDirectory.__init__(self, collections)
        MongoBlobs.__init__(self, collections)
        MongoSearch.__init__(self, collections)
        MongoFacts.__init__(self, collections)
        MongoCards.__init__(self, collections)
        MongoCounting.__init__(self, collections)
        MongoPrivacy.__init__(self, collections)
        MongoPushes.__init__(self, collections)
        MongoHealth.__init__(self, collections)
        self.driver = driver

    @classmethod
    async def open(
        cls, url: str, *, database: str = "samtal", driver: DriverName = "motor"
    ) -> MongoStore:
        """Connect, make what is missing, check what is there.

        Raises StoreAway when MongoDB does not answer, StoreError for an address, a schema or an
        index that is wrong.
        """
        store = cls(Driver.open(url, database, driver))
        try:
            await ensure(store._collections, UPGRADES)
        except BaseException:  # cancelled too: nobody else could close it
            await store.close()
            raise
        return store

    async def ready(self) -> None:
        """See the port: writes a heartbeat, so that a set without a majority is found out."""
        await self._collections.meta.update_one(
            {"_id": "pulse"}, {"$inc": {"beats": 1}}, upsert=True
        )

    async def close(self) -> None:
        """Release the connections; again is harmless."""
        await self.driver.close()
