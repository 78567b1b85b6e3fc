"""Forgetting people, document by document: broken off, it is ended by being asked for again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from bot.errors import Denied, StoreError
from bot.model.event import Done
from bot.model.fact import FactKind
from bot.model.forgetting import FirstWords, WordsGone
from bot.model.ids import BlobId, IdentityId, ThreadId
from bot.model.listing import ThreadPlace
from bot.model.moments import micros, moment
from bot.model.numbers import SEND_NUMBERS
from bot.model.privacy import LegalHold
from bot.model.thread import SendStatus
from bot.stores.mongo.collection import Document, Sort
from bot.stores.mongo.documents import DONE, address_of, integer, maybe, text
from bot.stores.mongo.forgetting import Forgetting
from bot.stores.mongo.schema import Collections

# The index of lists, from its other end.
_SILENT: Final[Sort] = (("last_at", 1), ("_id", -1))
_AT_A_CALL: Final = 500
_REQUEST: Final = {"request": "", "request_at": "", "request_key": "", "request_of": ""}


class MongoPrivacy:
    """The `Privacy` section of the store."""

    def __init__(self, collections: Collections) -> None:
        self._collections = collections
        self._forgetting = Forgetting(collections)

    async def erase(
        self, identities: Sequence[IdentityId], *, blobs: Sequence[BlobId] = ()
    ) -> None:
        """See the port; the identities go last, so that what was broken off is found again."""
        there, who = self._collections, {"$in": list(identities)}
        await self._refuse(who)
        await self._empty_events(who)
        # From here on nobody begins to send to them, and whoever had just begun is seen.
        queued = {"identity": who, "status": SEND_NUMBERS[SendStatus.QUEUED]}
        dropped = {"$set": {"status": SEND_NUMBERS[SendStatus.DROPPED]}}
        await there.sends.update_many(queued, dropped)
        await self._refuse(who)
        await self._erase_threads(who)
        theirs: Document = {"identity": who}
        for collection in (there.entries, there.sends, there.timers, there.watermarks):
            await collection.delete_many(theirs)
        for collection in (there.facts, there.pushes):
            await collection.delete_many(theirs)
        await there.codes.delete_many({"$or": [{"source": who}, {"only": who}]})
        await there.aliases.delete_many({"$or": [{"_id": who}, theirs]})
        await there.links.delete_many({"$or": [{"one": who}, {"other": who}]})
        await there.blobs.delete_many({"$or": [{"owner": who}, {"_id": {"$in": list(blobs)}}]})
        await there.identities.delete_many({"_id": who})

    async def put_holds(self, holds: Sequence[LegalHold]) -> None:
        """See the port."""
        for hold in holds:
            await self._collections.holds.replace_one(
                {"_id": hold.identity}, {"value": hold.model_dump_json()}, upsert=True
            )

    async def holds(self, identities: Sequence[IdentityId]) -> list[LegalHold]:
        """See the port."""
        found = await self._collections.holds.find(
            {"_id": {"$in": list(identities)}}, sort=(("_id", 1),)
        )
        return [LegalHold.model_validate_json(text(one, "value")) for one in found]

    async def end_holds(self, identities: Sequence[IdentityId]) -> None:
        """See the port."""
        await self._collections.holds.delete_many({"_id": {"$in": list(identities)}})

    async def silent(
        self, *, before: datetime, after: ThreadPlace | None = None, limit: int = 100
    ) -> list[ThreadPlace]:
        """See the port."""
        if limit <= 0:
            return []
        at = 1 if after is None else micros(after.at)
        query: dict[str, object] = {"last_at": {"$gte": at, "$lt": micros(before)}}
        if after is not None:
            query["$or"] = [{"last_at": {"$gt": at}}, {"_id": {"$lt": after.thread}}]
        found = await self._collections.threads.find(
            query, fields=["last_at"], sort=_SILENT, limit=limit
        )
        return [
            ThreadPlace(at=moment(integer(one, "last_at")), thread=ThreadId(text(one, "_id")))
            for one in found
        ]

    async def prune_facts(self, kinds: Collection[FactKind], *, before: datetime) -> int:
        """See the port; at most 500 go at a call."""
        held = await self._collections.holds.find({}, fields=())
        old = await self._collections.facts.find(
            {
                "kind": {"$in": list(kinds)},
                "at": {"$lt": micros(before)},
                "identity": {"$nin": [one["_id"] for one in held]},
            },
            fields=(),
            limit=_AT_A_CALL,
        )
        if not old:
            return 0
        return await self._collections.facts.delete_many({"_id": {"$in": [o["_id"] for o in old]}})

    async def first_words(
        self, *, after: IdentityId | None = None, limit: int = 100
    ) -> list[FirstWords]:
        """See the port."""
        return await self._forgetting.first_words(after, limit)

    async def forget_words(self, gone: Sequence[WordsGone]) -> None:
        """See the port."""
        await self._refuse_held({"$in": [one.identity for one in gone]})
        for one in gone:
            await self._forgetting.forget(one)

    async def _refuse_held(self, who: Document) -> None:
        held = await self._collections.holds.find_one({"_id": who}, sort=(("_id", 1),))
        if held is not None:
            hold = LegalHold.model_validate_json(text(held, "value"))
            raise Denied(f"{hold.identity} is under a legal hold: {hold.reason}")

    async def _refuse(self, who: Document) -> None:
        await self._refuse_held(who)
        there = self._collections
        threads = {"$in": await self._threads(who)}
        named = await there.identities.find({"thread": threads}, fields=())
        strangers = {one["_id"] for one in named} - set(_listed(who))
        if strangers:
            raise StoreError(f"identity {min(map(str, strangers))} is in the same thread")
        sending = {"identity": who, "status": SEND_NUMBERS[SendStatus.SENDING]}
        if await there.sends.find_one(sending, fields=()) is not None:
            raise StoreError("a message to them is being sent: try again in a moment")

    async def _threads(self, who: Document) -> list[str]:
        found = await self._collections.identities.find({"_id": who}, fields=("thread",))
        return sorted({text(one, "thread") for one in found})

    async def _empty_events(self, who: Document) -> None:
        """Leave of events their ids; requests go, also those that are kept with others' events."""
        there = self._collections
        found = await there.events.find({"identity": who}, fields=("request_of",))
        ids = [one["_id"] for one in found]
        holders = {of for one in found if (of := maybe(one, "request_of", str)) is not None}
        await there.dead_letters.delete_many({"_id": {"$in": ids}})
        await there.events.update_many(
            {"_id": {"$in": sorted(holders)}}, {"$unset": {"request": "", "request_at": ""}}
        )
        await there.events.update_many(
            {"identity": who},
            {
                "$set": {"state": DONE, "outcome": Done().model_dump_json()},
                "$unset": {"value": "", **_REQUEST},
            },
        )

    async def _erase_threads(self, who: Document) -> None:
        """Their thread, and those that went up in it."""
        there = self._collections
        found = await there.identities.find(
            {"_id": who}, fields=("thread", "channel", "account", "user")
        )
        homes = [address_of(one).home_thread for one in found]
        await there.threads.delete_many(
            {
                "$or": [
                    {"_id": {"$in": sorted({text(one, "thread") for one in found})}},
                    {"_id": {"$in": homes}, "absorbed_by": {"$gt": ""}},
                ]
            }
        )


def _listed(who: Document) -> list[object]:
    found = who["$in"]
    return found if isinstance(found, list) else []
