"""Attempts to commit that need more than their own thread: another one, or a link code.

What an attempt needs is marked by it first. Whether the mark stands is decided in the document of
the attempt's own thread: it was committed there, or is refused there and never will be.
"""

from __future__ import annotations

from bot.errors import StaleVersion
from bot.model.ids import ThreadId
from bot.model.record import Absorb
from bot.stores.mongo.collection import Document
from bot.stores.mongo.copying import Copying
from bot.stores.mongo.driver import Duplicate
from bot.stores.mongo.heads import HEAD, Head, Mark
from bot.stores.mongo.schema import Collections


class Attempts:
    """Marks threads and codes, and finds out what became of the attempts that did."""

    def __init__(self, collections: Collections, copying: Copying) -> None:
        self._collections = collections
        self._copying = copying

    async def mark_thread(self, absorb: Absorb, mark: Mark) -> None:
        """Let nothing commit in a thread that is to go up in another; raises StaleVersion."""
        query = {
            "_id": absorb.thread,
            "version": absorb.version,
            "absorbed_by": None,
            "absorbing": None,
        }
        wanted = {"$set": {"absorbing": mark.document()}}
        while True:
            try:
                found = await self._collections.threads.find_one_and_update(
                    query, wanted, upsert=absorb.version == 0, fields=HEAD
                )
            except Duplicate:
                found = None
            if found is not None:
                break
            await self._make_way(absorb)
        # What it did last must be where it is read before its identities move.
        await self._copying.make_sure(Head.model_validate(found))

    async def _make_way(self, absorb: Absorb) -> None:
        """Decide the attempt that marked a thread before us; raises StaleVersion if none did."""
        found = await self._collections.threads.find_one({"_id": absorb.thread}, fields=HEAD)
        head = None if found is None else Head.model_validate(found)
        if head is None or head.absorbing is None or head.version != absorb.version:
            raise StaleVersion(f"thread {absorb.thread} is no longer at version {absorb.version}")
        await self.decide(head.id, head.absorbing)

    async def unmark_thread(self, thread: ThreadId, mark: Mark) -> None:
        """Let a thread go on as before; one that has gone up in another stays there."""
        await self._collections.threads.update_one(
            {"_id": thread, "absorbing.attempt": mark.attempt}, {"$set": {"absorbing": None}}
        )

    async def mark_code(self, code: str, mark: Mark) -> None:
        """Let no other attempt use a link code; raises StaleVersion when it is used up or gone."""
        codes, wanted = self._collections.codes, {"$set": {"used_by": mark.document()}}
        holder: Mark | None = None
        while not await codes.update_one(_held(code, holder), wanted):
            found = await codes.find_one({"hash": code}, fields=["used_by"])
            if found is None:
                raise StaleVersion("the link code is used up or gone")
            known = found.get("used_by")
            holder = None if known is None else Mark.model_validate(known)
            if holder is not None and await self.stands(holder):
                await self._copying.copy_again(holder.into, holder.attempt)
                raise StaleVersion("the link code is used up")

    async def unmark_code(self, code: str, mark: Mark) -> None:
        """Let others use a code again."""
        await self._collections.codes.update_one(_held(code, mark), {"$set": {"used_by": None}})

    async def decide(self, thread: ThreadId, mark: Mark) -> None:
        """Let a marked thread go up in the other one, or go on; it is marked no more."""
        if await self.stands(mark):
            await self._copying.copy_again(mark.into, mark.attempt)
        else:
            await self.unmark_thread(thread, mark)

    async def stands(self, mark: Mark) -> bool:
        """Whether an attempt was committed; one that was not never will be.

        Of one whose change was followed by another, the answer is no, but then its marks are gone:
        they went with the copying.
        """
        threads = self._collections.threads
        committed = {"_id": mark.into, "pending.attempt": mark.attempt}
        refuse = {"$addToSet": {"refused": mark.attempt}, "$setOnInsert": {"version": 0}}
        while await threads.find_one(committed, fields=[]) is None:
            undecided = {"_id": mark.into, "pending.attempt": {"$ne": mark.attempt}}
            try:
                await threads.update_one(undecided, refuse, upsert=True)
            except Duplicate:
                continue  # it was committed meanwhile, or somebody else made the document
            return False
        return True


def _held(code: str, holder: Mark | None) -> Document:
    if holder is None:
        return {"hash": code, "used_by": None}
    return {"hash": code, "used_by.attempt": holder.attempt}
