"""The collections and their indexes, made and checked when the store is opened.

Each collection says by what it is meant to be sharded; nothing but `agents` needs a unique index
besides `_id`, so that all the others may be.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, fields
from typing import Final, Self

from bot.errors import StoreError
from bot.stores.mongo.collection import Collection, Document, Index
from bot.stores.mongo.documents import integer
from bot.stores.mongo.driver import Driver

VERSION: Final = 5

_WAITS: Final[Document] = {"state": 0}
# Threads that somebody holds, and those that wait for somebody: nearly all are the bot's.
HELD: Final[Document] = {"holder": {"$gt": ""}}
OFFERED: Final[Document] = {"since": {"$gt": 0}}


@dataclass(frozen=True)
class Collections:
    """Every collection, by its name."""

    # --- people ---
    identities: Collection  # _id hashed
    aliases: Collection  # _id hashed
    links: Collection  # _id hashed
    # --- what came in ---
    events: Collection  # identity hashed
    timers: Collection  # _id hashed
    dead_letters: Collection  # not sharded: few
    consents: Collection  # identity hashed
    # --- conversations ---
    threads: Collection  # _id hashed
    entries: Collection  # identity hashed
    gap_hits: Collection  # _id hashed
    # --- on the way out ---
    sends: Collection  # identity hashed
    early_receipts: Collection  # _id hashed
    watermarks: Collection  # _id hashed
    # --- what is known beside ---
    facts: Collection  # _id hashed
    held_facts: Collection  # not sharded: few
    holds: Collection  # not sharded: few
    # --- counted beside the line ---
    chores: Collection  # not sharded: few
    persona_counts: Collection  # not sharded: few
    persona_cards: Collection  # not sharded: few
    # --- what another system is told ---
    pushes: Collection  # _id hashed
    pulls: Collection  # not sharded: few
    # --- channels' accounts ---
    signs: Collection  # not sharded: few
    accounts: Collection  # not sharded: few
    # --- files ---
    blobs: Collection  # _id hashed
    # --- who logs in ---
    agents: Collection  # not sharded: e-mails are unique
    sessions: Collection  # _id hashed
    tokens: Collection  # not sharded: few
    codes: Collection  # _id hashed
    attempts: Collection  # _id hashed
    # --- of the store's own ---
    counters: Collection  # not sharded: few
    meta: Collection  # not sharded: few

    @classmethod
    def of(cls, driver: Driver) -> Self:
        """The collections of a database."""
        return cls(**{field.name: driver.collection(field.name) for field in fields(cls)})


_NEWEST: Final = (("last_at", -1), ("_id", 1))
_CELL: Final = (("owner", 1), ("phase", 1), ("language", 1))

# From one version to the next.
Upgrade = Callable[[Collections], Awaitable[None]]

INDEXES: Final[Mapping[str, tuple[Index, ...]]] = {
    "identities": (
        Index("thread", (("thread", 1),)),
        # What is not known is left out of the document.
        Index(
            "phone",
            (("phone", 1), ("created_at", 1), ("_id", 1)),
            where={"phone": {"$exists": True}},
        ),
        Index("words", (("words", 1), ("since", -1))),
    ),
    "links": (Index("one", (("one", 1),)),),
    "events": (
        # A thread's turn, and the sweeper: those that wait are few.
        Index("waiting", (("identity", 1), ("seq", 1)), where=_WAITS),
        Index("unprocessed", (("seq", 1), ("at", 1)), where=_WAITS),
        # To forget requests, and to see which events still need them.
        Index("requests", (("request_at", 1), ("_id", 1)), where={"request_at": {"$exists": True}}),
        Index("request_of", (("request_of", 1),), where={"request_of": {"$exists": True}}),
    ),
    "timers": (Index("due", (("due", 1), ("_id", 1))),),
    "dead_letters": (
        Index("oldest", (("at", 1), ("number", 1))),
        Index("request_of", (("request_of", 1),), where={"request_of": {"$exists": True}}),
        Index("discarded", (("discarded", 1),), where={"discarded": {"$exists": True}}),
    ),
    "consents": (Index("newest", (("identity", 1), ("at", -1), ("number", -1))),),
    "threads": (
        Index("last", _NEWEST),
        Index("cell", (*_CELL, *_NEWEST)),
        Index("channel", (("channels", 1), *_CELL, *_NEWEST)),
        Index("holder", (("holder", 1), ("owner", 1), *_NEWEST), where=HELD),
        Index("waiting", (("since", 1), ("_id", 1)), where=OFFERED),
        Index("queue", (("holder", 1), ("since", 1), ("_id", 1)), where=OFFERED),
    ),
    "gap_hits": (Index("gap", (("gap", 1), ("at", 1))),),
    "entries": (
        Index("identity", (("identity", 1), ("seq", 1))),
        Index("words", (("words", 1), ("seq", -1)), where={"words": {"$exists": True}}),
        Index(
            "landmark",
            (("identity", 1), ("landmark", 1), ("seq", -1)),
            where={"landmark": {"$exists": True}},
        ),
    ),
    "sends": (
        Index("active", (("identity", 1), ("place", 1)), where={"status": {"$lt": 2}}),
        # Those that nothing is known to hold up; those that an older one does; those being made.
        Index("due", (("due", 1), ("place", 1)), where={"status": 0, "held": False}),
        Index("held", (("place", 1),), where={"status": 0, "held": True}),
        Index("lapsing", (("until", 1),), where={"status": 1}),
        Index("parts", (("parts.key", 1),)),
        # Parts that a watermark may still move.
        Index("unread", (("identity", 1), ("parts.status", 1))),
    ),
    "early_receipts": (Index("key", (("key", 1), ("number", 1))), Index("at", (("at", 1),))),
    "watermarks": (Index("identity", (("identity", 1),)),),
    "facts": (
        Index("identity", (("identity", 1), ("kind", 1), ("at", -1), ("_id", -1))),
        Index("old", (("kind", 1), ("at", 1))),
        Index(
            "claim",
            (("claim", 1), ("at", 1), ("identity", 1)),
            where={"claim": {"$exists": True}},
        ),
    ),
    "persona_counts": (Index("latest", (("at", -1),)),),
    "persona_cards": (Index("latest", (("persona", 1), ("at", -1))),),
    "pushes": (
        Index("identity", (("identity", 1), ("_id", 1))),
        Index("status", (("status", 1), ("number", 1), ("_id", 1))),
    ),
    "held_facts": (Index("oldest", (("at", 1), ("_id", 1))),),
    "blobs": (Index("unkept", (("created_at", 1),), where={"kept": False}),),
    "agents": (Index("email", (("email_key", 1),), unique=True),),
    "sessions": (Index("expires", (("expires", 1),), expires=True),),
    "codes": (
        Index("hash", (("hash", 1),)),
        Index("expires", (("expires", 1),), expires=True),
    ),
    "attempts": (Index("expires", (("expires", 1),), expires=True),),
}


async def ensure(collections: Collections, upgrades: Mapping[int, Upgrade]) -> None:
    """Make what is missing; raises StoreError for what is there and wrong.

    Documents of older versions are upgraded, one version at a time. Several processes may do it at
    once. Indexes that are not ours are left alone.
    """
    meta = collections.meta
    version = await _version(meta)
    while version < VERSION and version in upgrades:
        await upgrades[version](collections)
        at_next: Document = {"$set": {"version": version + 1}}
        await meta.update_one({"_id": "schema", "version": version}, at_next)
        version = await _version(meta)
    if version != VERSION:
        raise StoreError(
            f"the MongoDB database has schema version {version}, this program knows {VERSION}. "
            "Start the program that goes with it, or name another database in [store] database"
        )
    for name in INDEXES:
        await _ensure_indexes(getattr(collections, name), INDEXES[name])


async def _version(meta: Collection) -> int:
    """The version that the documents are at; a database without any is of ours."""
    found = await meta.find_one({"_id": "schema"})
    if found is None:
        await meta.insert_one({"_id": "schema", "version": VERSION})
        found = await meta.find_one({"_id": "schema"})
    return 0 if found is None else integer(found, "version")


async def _ensure_indexes(collection: Collection, wanted: tuple[Index, ...]) -> None:
    there = {str(one["name"]): one for one in await collection.indexes()}
    missing = [index for index in wanted if not _is_there(collection.name, index, there)]
    await collection.create_indexes(missing)


def _is_there(collection: str, index: Index, there: Mapping[str, Document]) -> bool:
    """Whether an index is there as it should be; raises StoreError for another in its place."""
    keys = dict(index.keys)
    for name, found in there.items():
        same_keys = _keys(found) == keys
        if name != index.name and not same_keys:
            continue
        if not (same_keys and _is_equal(index, found)):
            raise StoreError(
                f"MongoDB index {name} of {collection} is not as it should be: wanted {index.keys}"
                f"{', unique' if index.unique else ''}{', partial' if index.where else ''}"
                f"{', expiring' if index.expires else ''}. Drop it (db.{collection}."
                f'dropIndex("{name}")) and start again: it is made anew'
            )
        return True
    return False


def _keys(found: Document) -> dict[str, object]:
    key = found.get("key")
    return dict(key) if isinstance(key, Mapping) else {}


def _is_equal(index: Index, found: Document) -> bool:
    return (
        bool(found.get("unique", False)) == index.unique
        and found.get("partialFilterExpression") == index.where
        and found.get("expireAfterSeconds") == (0 if index.expires else None)
    )
