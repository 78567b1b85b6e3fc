"""Letting go of words that have been kept for long enough, document by document."""

from __future__ import annotations

import asyncio

from bot.model.forgetting import FirstWords, WordsGone, without_text
from bot.model.ids import IdentityId
from bot.model.numbers import SEND_NUMBERS
from bot.model.record import SendItem
from bot.model.search import entry_words
from bot.model.thread import Entry, MessageOut, SendStatus
from bot.stores.mongo.collection import Change, Document
from bot.stores.mongo.copying import Copying
from bot.stores.mongo.documents import maybe, text
from bot.stores.mongo.heads import HEAD, Head
from bot.stores.mongo.schema import Collections


class Forgetting:
    """Finds the first words of identities, and puts what is left in place of what there was."""

    def __init__(self, collections: Collections) -> None:
        self._collections = collections
        self._copying = Copying(collections)

    async def first_words(self, after: IdentityId | None, limit: int) -> list[FirstWords]:
        """See `Privacy.first_words`."""
        if limit <= 0:
            return []
        found = await self._collections.identities.find(
            {"_id": {"$gt": after or ""}}, fields=["words_gone"], sort=[("_id", 1)], limit=limit
        )
        return list(await asyncio.gather(*(self._first(one) for one in found)))

    async def forget(self, gone: WordsGone) -> None:
        """See `Privacy.forget_words`; what was broken off is found again, as the number is last."""
        there = self._collections
        identity = await there.identities.find_one({"_id": gone.identity})
        if identity is None:
            return
        await self._empty_last_change(text(identity, "thread"), gone)
        channel = text(identity, "channel")
        await there.entries.update_each([_change(entry, channel) for entry in gone.entries])
        await self._empty_sends(gone)
        if gone.blobs:
            await there.blobs.delete_many({"_id": {"$in": list(gone.blobs)}})
        await there.identities.update_one(
            {"_id": gone.identity}, {"$max": {"words_gone": gone.up_to}}
        )

    async def _first(self, identity: Document) -> FirstWords:
        passed = maybe(identity, "words_gone", int) or 0
        found = await self._collections.entries.find_one(
            {"identity": identity["_id"], "seq": {"$gt": passed}},
            fields=["value"],
            sort=[("seq", 1)],
        )
        at = None if found is None else Entry.model_validate_json(text(found, "value")).at
        return FirstWords(identity=IdentityId(text(identity, "_id")), seq=passed + 1, at=at)

    async def _empty_last_change(self, thread: str, gone: WordsGone) -> None:
        """Nothing is left of a change in its thread's document; it has been copied out first."""
        found = await self._collections.threads.find_one({"_id": thread}, fields=HEAD)
        head = None if found is None else Head.model_validate(found)
        if head is None or head.pending is None:
            return
        await self._copying.make_sure(head)
        await self._collections.threads.update_one(
            {
                "_id": thread,
                "pending.attempt": head.pending.attempt,
                "pending.entries._id": {"$in": [entry.id for entry in gone.entries]},
            },
            {"$set": {"pending.entries": [], "pending.sends": []}},
        )

    async def _empty_sends(self, gone: WordsGone) -> None:
        sends = [entry.body.send for entry in gone.entries if isinstance(entry.body, MessageOut)]
        final = {"status": {"$gt": SEND_NUMBERS[SendStatus.SENDING]}}
        found = await self._collections.sends.find(
            {"_id": {"$in": sends}, **final}, fields=["value"]
        )
        await self._collections.sends.update_each(
            [Change({"_id": one["_id"], **final}, {"$set": {"value": _bare(one)}}) for one in found]
        )


def _change(entry: Entry, channel: str) -> Change:
    words = sorted(set(entry_words(entry, channel)))
    update: dict[str, object] = {"$set": {"value": entry.model_dump_json()}}
    if words:
        update["$set"] = {"value": entry.model_dump_json(), "words": words}
    else:
        update["$unset"] = {"words": ""}
    return Change({"_id": entry.id}, update)


def _bare(send: Document) -> str:
    return without_text(SendItem.model_validate_json(text(send, "value"))).model_dump_json()
