"""Copying a change out of its thread's document to where it is read."""

from __future__ import annotations

from bot.model.ids import ThreadId
from bot.stores.mongo.collection import Collection
from bot.stores.mongo.documents import DONE, WAITING
from bot.stores.mongo.heads import Head, Pending
from bot.stores.mongo.listing import UNLISTED, list_on_channels
from bot.stores.mongo.moving import move
from bot.stores.mongo.pushes import put
from bot.stores.mongo.remembered import Remembered, together
from bot.stores.mongo.schema import Collections
from bot.stores.mongo.splitting import Splitting


class Copying:
    """Every copy is an insert by a fixed id, or a set to a fixed value under a fixed condition.

    So it may be made twice, by two at once, and by one who wakes up late: it is one copy.
    """

    def __init__(self, collections: Collections) -> None:
        self._collections = collections
        self._splitting = Splitting(collections)
        # Only what this process copied itself: what it merely read may not have been acknowledged
        # by a majority, and be gone with a primary. The change that comes next goes with it, what
        # is remembered does not.
        self._copied: Remembered[ThreadId, int] = Remembered()

    def is_behind(self, head: Head) -> bool:
        """Whether the last change may not have been copied out yet."""
        return head.pending is not None and not self.has_copied(head.id, head.version)

    def has_copied(self, thread: ThreadId, version: int) -> bool:
        """Whether this process copied the change that made this version."""
        return self._copied.get(thread) == version

    async def catch_up(self, head: Head) -> bool:
        """Copy the last change of a thread if its event is not done; True when it was not."""
        if head.pending is None or not self.is_behind(head):
            return False
        event = await self._collections.events.find_one(
            {"_id": head.pending.event}, fields=["state"]
        )
        if event is None or event["state"] == DONE:
            return False
        await self.copy_again(head.id, head.pending.attempt)
        return True

    async def make_sure(self, head: Head) -> bool:
        """The same for whoever goes on to replace the change: what it finds done stays done.

        A read may tell what is gone with the primary a moment later. A write, also one that changes
        nothing, is acknowledged together with all that was written before it.
        """
        if head.pending is None or not self.is_behind(head):
            return False
        done = {"_id": head.pending.event, "state": DONE}
        if await self._collections.events.update_one(done, {"$set": {"state": DONE}}):
            self._copied.put(head.id, head.version)
            return False
        await self.copy_again(head.id, head.pending.attempt)
        return True

    async def copy_again(self, thread: ThreadId, attempt: str) -> None:
        """Copy what an attempt committed, unless another change came after it."""
        found = await self._collections.threads.find_one(
            {"_id": thread, "pending.attempt": attempt}, fields=["version", "pending"]
        )
        if found is not None:
            head = Head.model_validate(found)
            await self.copy(thread, head.version, Pending.model_validate(found["pending"]))

    async def copy(self, thread: ThreadId, version: int, pending: Pending) -> None:
        """Copy a change out; its event is done last, so that it is found until then."""
        there = self._collections
        await together(
            _add(there.entries, pending.entries),
            _add(there.sends, pending.sends),
            _add(there.timers, pending.timers),
            _add(there.gap_hits, pending.gap_hits),
            _add(there.facts, pending.facts),
            self._let_wait(pending),
            self._connect(pending),
            self._take_in(thread, pending),
            self._use_up(pending),
        )
        if pending.parts:
            await self._splitting.copy(thread, pending)
        await self._end(pending)
        if pending.parts:
            # What left is not kept here, where nobody may speak again for long.
            await there.threads.update_one(
                {"_id": thread, "pending.attempt": pending.attempt},
                {"$set": {"pending.parts": [], "pending.entries": []}},
            )
        self._copied.put(thread, version)

    async def _connect(self, pending: Pending) -> None:
        """Add links, and then what became of these or others: of each kind of mark the first."""
        await _add(self._collections.links, pending.links)
        for mark in pending.marks:
            await self._collections.links.update_one(
                {"_id": mark["link"], "marks.kind": {"$ne": mark["kind"]}},
                {"$push": {"marks": {"kind": mark["kind"], "value": mark["value"]}}},
            )

    async def _let_wait(self, pending: Pending) -> None:
        for push in pending.pushes:
            await put(self._collections.pushes, push)

    async def _take_in(self, thread: ThreadId, pending: Pending) -> None:
        """Let the absorbed thread lead here, and then move its identities.

        In this order: whoever writes an identity into it looks afterwards where it leads.
        """
        if pending.absorb is None:
            return
        await self._collections.threads.update_one(
            {"_id": pending.absorb, "absorbing.attempt": pending.attempt},
            {
                "$set": {
                    "absorbed_by": thread,
                    "absorbed_at": pending.number,
                    "absorbing": None,
                    **UNLISTED,
                },
                # It is not listed any more, nor read: nothing of it is kept twice.
                "$unset": {"last_at": "", "pending": "", "value": ""},
            },
        )
        who = {"thread": pending.absorb}
        await move(self._collections, who, to=thread, number=pending.number)
        await list_on_channels(self._collections, thread)

    async def _use_up(self, pending: Pending) -> None:
        if pending.code is not None:
            await self._collections.codes.delete_one(
                {"hash": pending.code, "used_by.attempt": pending.attempt}
            )

    async def _end(self, pending: Pending) -> None:
        # Its words are in the entries now, and there alone.
        done = {"$set": {"state": DONE, "outcome": pending.outcome}, "$unset": {"value": ""}}
        if await self._collections.events.update_one(
            {"_id": pending.event, "state": WAITING}, done
        ):
            return
        # Somebody else copied it, or it was set aside meanwhile: what was committed counts.
        await self._collections.dead_letters.delete_one({"_id": pending.event})
        await self._collections.events.update_one(
            {"_id": pending.event, "state": {"$ne": DONE}}, done
        )


async def _add(collection: Collection, documents: list[dict[str, object]]) -> None:
    """Add the documents that are not there yet."""
    if len(documents) == 1:
        await collection.insert_one(documents[0])
    elif documents:
        await collection.insert_many(documents)
