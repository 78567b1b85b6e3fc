"""The one door to MongoDB: motor or pymongo behind it, one surface before it.

Every write is acknowledged by a majority and journaled; every read goes to the primary.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Literal, Protocol, cast

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient, ReadPreference
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from bot.errors import StoreError
from bot.stores.mongo.collection import (
    BeforeWrite,
    Calls,
    Change,
    Collection,
    Document,
    Index,
    Raw,
    Sort,
    Update,
)
from bot.stores.mongo.faults import Duplicate

__all__ = [
    "BeforeWrite",
    "Change",
    "Collection",
    "Document",
    "Driver",
    "DriverName",
    "Duplicate",
    "Index",
    "Sort",
    "Update",
]

DriverName = Literal["motor", "pymongo"]

# In milliseconds. The selection time is what a webhook waits before it goes to the spool.
_LIMITS: Final = {
    "serverSelectionTimeoutMS": 2_000,
    "connectTimeoutMS": 2_000,
    "socketTimeoutMS": 10_000,
    "waitQueueTimeoutMS": 10_000,
}
_MAJORITY_WITHIN: Final = 5_000


class _Database(Protocol):
    get_collection: Callable[..., Raw]
    command: Callable[..., Awaitable[Document]]


class _Client(Protocol):
    """A client of either driver, as far as we use it."""

    get_database: Callable[..., _Database]
    # Nothing to wait for with motor.
    close: Callable[[], Awaitable[None] | None]


class Driver:
    """One database; all is StoreClosed after `close`."""

    def __init__(self, client: _Client, database: str) -> None:
        self._client = client
        self._database = client.get_database(
            database,
            read_preference=ReadPreference.PRIMARY,
            read_concern=ReadConcern("local"),
            write_concern=WriteConcern(w="majority", j=True, wtimeout=_MAJORITY_WITHIN),
        )
        self._calls = Calls()

    @classmethod
    def open(cls, url: str, database: str, driver: DriverName = "motor") -> Driver:
        """Make a client; it connects when first asked. Raises StoreError for a wrong URL."""
        chosen = AsyncIOMotorClient if driver == "motor" else AsyncMongoClient
        make = cast("Callable[..., _Client]", chosen)
        if not url.startswith(("mongodb://", "mongodb+srv://")):
            raise _refusal("another scheme")
        try:
            client = make(url, appname="samtal", retryWrites=True, retryReads=True, **_LIMITS)
            return cls(client, database)
        except (PyMongoError, ValueError, TypeError) as error:
            raise _refusal(type(error).__name__) from None

    @property
    def before_write(self) -> BeforeWrite | None:
        """Told the collection and the operation ahead of each write; for tests."""
        return self._calls.before_write

    @before_write.setter
    def before_write(self, tell: BeforeWrite | None) -> None:
        self._calls.before_write = tell

    def collection(self, name: str) -> Collection:
        """The collection of this name, whether it is there or not."""
        return Collection(self._calls, name, self._database.get_collection(name))

    async def ping(self) -> None:
        """Return when the primary answers."""
        await self._calls.ask("ping", lambda: self._database.command("ping"))

    async def close(self) -> None:
        """Release the connections; again is harmless."""
        if self._calls.closed:
            return
        self._calls.closed = True
        closing = self._client.close()
        if closing is not None:
            await closing


def _refusal(reason: str) -> StoreError:
    # The driver's own words may hold the URL, and that the password.
    return StoreError(
        f"[store] url or database: not what MongoDB's driver takes ({reason}). "
        "Write mongodb://user:password@host:27017/?replicaSet=name"
    )
