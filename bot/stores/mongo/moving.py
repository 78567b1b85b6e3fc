"""Moving identities from thread to thread: whoever does it late moves nobody back.

A move has the number of its change, which is higher than that of any before it; an identity keeps
the number of its last one (`moved`). One that joins a thread starts with its holder's.
"""

from __future__ import annotations

from typing import Final

from bot.model.ids import ThreadId
from bot.stores.mongo.collection import Document
from bot.stores.mongo.schema import Collections

# The number of whoever has not been moved yet, and of moves from before there were numbers.
NEVER: Final = -1
UNNUMBERED: Final = 0
_FIRST: Final = 1


def before(number: int) -> Document:
    """The condition on a number that it is lower than this one, or not there."""
    return {"$not": {"$gte": max(number, _FIRST)}}


def is_before(moved: int, number: int) -> bool:
    """Whether a move fulfils that condition."""
    return moved < max(number, _FIRST)


async def move(
    collections: Collections,
    who: Document,
    *,
    to: ThreadId,
    number: int,
    since: int | None = None,
) -> None:
    """Move identities that were not moved since a number, which is the move's own unless given."""
    await collections.identities.update_many(
        {**who, "moved": before(number if since is None else since)},
        {"$set": {"thread": to, "moved": number}},
    )
