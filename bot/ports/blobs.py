"""The part of the `Store` port that keeps files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bot.model.blob import Blob, BlobFacts, Uploader
from bot.model.ids import BlobId


class Blobs(Protocol):
    """Files that customers and agents uploaded, whole."""

    async def put_blob(self, blob: Blob) -> None:
        """Keep a file for now; one with this id that is there already stays as it is."""

    async def blob(self, blob: BlobId) -> Blob | None:
        """The file, or None."""

    async def keep_blobs(self, blobs: Sequence[BlobId], *, by: Uploader) -> list[BlobFacts]:
        """Keep these files for good; returns them in the order asked for.

        Unknown ones, and those of others, are left out.
        """

    async def prune_blobs(self, *, before: datetime) -> int:
        """Forget files that came before a time and are not kept for good; how many went.

        Many go in several calls, until 0.
        """
