"""Files, in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.model.blob import owner
from tests.fakes.memory import Section

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bot.model.blob import Blob, BlobFacts, Uploader
    from bot.model.ids import BlobId


class FakeBlobs(Section):
    """The `Blobs` section."""

    async def put_blob(self, blob: Blob) -> None:
        memory = await self._begin()
        memory.blobs.setdefault(blob.facts.id, blob)

    async def blob(self, blob: BlobId) -> Blob | None:
        memory = await self._begin()
        return memory.blobs.get(blob)

    async def keep_blobs(self, blobs: Sequence[BlobId], *, by: Uploader) -> list[BlobFacts]:
        memory = await self._begin()
        found = [memory.blobs[blob].facts for blob in dict.fromkeys(blobs) if blob in memory.blobs]
        theirs = [facts for facts in found if owner(facts.by) == owner(by)]
        memory.kept_blobs.update(facts.id for facts in theirs)
        return theirs

    async def prune_blobs(self, *, before: datetime) -> int:
        memory = await self._begin()
        old = [
            blob
            for blob, kept in memory.blobs.items()
            if blob not in memory.kept_blobs and kept.facts.created_at < before
        ]
        for blob in old:
            del memory.blobs[blob]
        return len(old)
