"""Files that were uploaded: a document each, with the bytes in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from bot.model.blob import Blob, BlobFacts, Uploader, owner
from bot.model.ids import BlobId
from bot.model.moments import micros
from bot.stores.mongo.documents import field_of, text
from bot.stores.mongo.driver import Document
from bot.stores.mongo.schema import Collections

_AT_A_CALL: Final = 20


class MongoBlobs:
    """The `Blobs` section of the store."""

    def __init__(self, collections: Collections) -> None:
        self._collections = collections

    async def put_blob(self, blob: Blob) -> None:
        """See the port."""
        facts = blob.facts
        await self._collections.blobs.insert_one(
            {
                "_id": facts.id,
                "owner": owner(facts.by),
                "created_at": micros(facts.created_at),
                "kept": False,
                "value": facts.model_dump_json(),
                "body": blob.body,
            }
        )

    async def blob(self, blob: BlobId) -> Blob | None:
        """See the port."""
        found = await self._collections.blobs.find_one({"_id": blob})
        if found is None:
            return None
        return Blob(facts=_facts(found), body=field_of(found, "body", bytes))

    async def keep_blobs(self, blobs: Sequence[BlobId], *, by: Uploader) -> list[BlobFacts]:
        """See the port."""
        theirs: Document = {"_id": {"$in": list(blobs)}, "owner": owner(by)}
        await self._collections.blobs.update_many(theirs, {"$set": {"kept": True}})
        # Only what is kept now: one that was being forgotten meanwhile is gone.
        kept = await self._collections.blobs.find({**theirs, "kept": True}, fields=("value",))
        facts = {one.id: one for one in map(_facts, kept)}
        return [facts[blob] for blob in dict.fromkeys(blobs) if blob in facts]

    async def prune_blobs(self, *, before: datetime) -> int:
        """See the port; at most 20 go at a call."""
        old = await self._collections.blobs.find(
            {"kept": False, "created_at": {"$lt": micros(before)}},
            fields=(),
            sort=(("created_at", 1),),
            limit=_AT_A_CALL,
        )
        if not old:
            return 0
        return await self._collections.blobs.delete_many(
            {"_id": {"$in": [one["_id"] for one in old]}, "kept": False}
        )


def _facts(document: Document) -> BlobFacts:
    return BlobFacts.model_validate_json(text(document, "value"))
