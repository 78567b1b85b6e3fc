"""Forgetting people, and what must not be forgotten."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from bot.model.fact import FactKind
from bot.model.forgetting import FirstWords, WordsGone
from bot.model.ids import BlobId, IdentityId
from bot.model.listing import ThreadPlace
from bot.model.privacy import LegalHold


class Privacy(Protocol):
    """Erasing a customer, legal holds, and what has been kept for long enough."""

    async def erase(
        self, identities: Sequence[IdentityId], *, blobs: Sequence[BlobId] = ()
    ) -> None:
        """Forget a customer: all identities of their threads, with everything that is of them.

        Gone are threads, entries and their words, sends and their receipts, raw requests, dead
        letters, timers, facts, links, aliases, codes, files they uploaded, and `blobs`. What stays
        are opt-outs and the bare ids of events, so that a request that comes again changes
        nothing. Raises Denied when one is under a legal hold, StoreError when not all identities
        of a thread are named, or while a message to one is being sent; then nothing is erased.
        Unknown identities are passed over; again is harmless, and ends what was broken off.
        """

    async def put_holds(self, holds: Sequence[LegalHold]) -> None:
        """Hold identities; one that is held stays so, for the reason given now."""

    async def holds(self, identities: Sequence[IdentityId]) -> list[LegalHold]:
        """The holds on these identities, by identity."""

    async def end_holds(self, identities: Sequence[IdentityId]) -> None:
        """Hold these no longer."""

    async def prune_facts(self, kinds: Collection[FactKind], *, before: datetime) -> int:
        """Forget facts of these kinds from before a time (exclusive), but for those under a hold.

        Returns how many went: many are taken in several calls, until 0.
        """

    async def silent(
        self, *, before: datetime, after: ThreadPlace | None = None, limit: int = 100
    ) -> list[ThreadPlace]:
        """Threads in which nothing was said since a time (exclusive), the longest silent first.

        Those of the same moment come by falling ids. `after` is exclusive: the place of the last
        one of the page before.
        """

    async def first_words(
        self, *, after: IdentityId | None = None, limit: int = 100
    ) -> list[FirstWords]:
        """Identities by id, each with its earliest entry that `forget_words` has not passed yet.

        `after` is exclusive.
        """

    async def forget_words(self, gone: Sequence[WordsGone]) -> None:
        """Put entries in place of those of the same ids, let go of words, sends' texts and files.

        Found by their words they are no more; of sends only those that are final are emptied. The
        next `first_words` of an identity is after `up_to`. Raises Denied when one is under a legal
        hold; then nothing is forgotten. Unknown ones are passed over; again is harmless, and ends
        what was broken off.
        """
