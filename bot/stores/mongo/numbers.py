"""Numbers that rise over the whole store, one document a counter."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Literal

from bot.errors import StoreError
from bot.stores.mongo.collection import Collection
from bot.stores.mongo.documents import integer

Counter = Literal["entries", "events", "facts", "letters"]


class _Batch:
    """Those who asked while an earlier batch was on its way."""

    def __init__(self) -> None:
        self.total = 0
        self.first: int | None = None
        self.failed: StoreError | None = None


class Numbers:
    """Hands out numbers; who asks later, in whichever process, gets higher ones.

    Numbers that are taken and not used leave a gap. All who ask while one increment is on its way
    share the next.
    """

    def __init__(self, counters: Collection) -> None:
        self._counters = counters
        self._open: dict[Counter, _Batch] = {}
        self._turns: defaultdict[Counter, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def take(self, counter: Counter, count: int) -> int:
        """The first of so many numbers in a row, never given before; raises StoreAway."""
        batch = self._open.setdefault(counter, _Batch())
        before = batch.total
        batch.total += count
        async with self._turns[counter]:
            if batch.failed is not None:
                raise type(batch.failed)(*batch.failed.args)
            if batch.first is None:
                batch.first = await self._fetch(counter, batch)
            return batch.first + before

    async def last(self, counter: Counter) -> int:
        """The highest number given so far, 0 before the first."""
        found = await self._counters.find_one({"_id": counter})
        return 0 if found is None else integer(found, "last")

    async def _fetch(self, counter: Counter, batch: _Batch) -> int:
        # From here on nobody joins; if this one is cancelled, the next of the batch fetches.
        if self._open.get(counter) is batch:
            del self._open[counter]
        try:
            found = await self._counters.find_one_and_update(
                {"_id": counter}, {"$inc": {"last": batch.total}}, upsert=True
            )
        except StoreError as error:
            batch.failed = error
            # Nor need those wait who have asked meanwhile.
            if (behind := self._open.pop(counter, None)) is not None:
                behind.failed = error
            raise
        if found is None:
            raise StoreError(f"the counter {counter} cannot be made")
        return integer(found, "last") - batch.total + 1
