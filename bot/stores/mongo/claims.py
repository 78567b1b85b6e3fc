"""Which sends may go: for each recipient the oldest that is not final, and no other.

A send that has an older one before it is marked `held` when somebody comes across it, so that it is
not looked at again and again. Whoever marks looks once more afterwards, and whoever makes a send
final releases the next afterwards: one of the two sees what the other did.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from bot.model.ids import SendId
from bot.model.numbers import SEND_NUMBERS
from bot.model.thread import SendStatus
from bot.stores.mongo.collection import Change, Collection, Document
from bot.stores.mongo.documents import integer, text

QUEUED: Final = SEND_NUMBERS[SendStatus.QUEUED]
SENDING: Final = SEND_NUMBERS[SendStatus.SENDING]
# What is below is not final.
FINAL: Final = SEND_NUMBERS[SendStatus.SENT]

# What a claim needs beside what the claiming itself tells.
_SEND: Final = ("identity", "thread", "due", "entry_seq", "value")
# So many that are held are looked at in one round, for the sake of those that nobody released.
_ROUND: Final = 500


class Queued(NamedTuple):
    """A send that waits."""

    id: SendId
    identity: str
    thread: str
    due: int
    entry_seq: int
    value: str


class Queues:
    """The sends that wait, a queue for each recipient."""

    def __init__(self, sends: Collection) -> None:
        self._sends = sends
        self._looked_up_to = 0

    async def waiting(self, *, limit: int, now: int | None = None) -> list[Queued]:
        """The earliest that nothing is known to hold up, those due by `now` where it is given."""
        query: dict[str, object] = {"status": QUEUED, "held": False}
        if now is not None:
            query["due"] = {"$lte": now}
        found = await self._sends.find(
            query, fields=_SEND, sort=[("due", 1), ("place", 1)], limit=limit
        )
        return [_queued(one) for one in found]

    async def heads(self, identities: Iterable[str]) -> frozenset[str]:
        """The ids of the oldest sends to these recipients that are not final."""
        found = await self._sends.aggregate(
            [
                {
                    "$match": {
                        "identity": {"$in": sorted(set(identities))},
                        "status": {"$lt": FINAL},
                    }
                },
                {"$sort": {"identity": 1, "place": 1}},
                {"$group": {"_id": "$identity", "head": {"$first": "$_id"}}},
            ]
        )
        return frozenset(text(one, "head") for one in found)

    async def hold_back(self, behind: Sequence[Queued]) -> None:
        """Mark sends that are held up, and release those that have come to the front meanwhile."""
        await self._sends.update_each(
            [
                Change({"_id": one.id, "identity": one.identity, "status": QUEUED}, _HELD)
                for one in behind
            ]
        )
        heads = await self.heads(one.identity for one in behind)
        await self._release([one for one in behind if one.id in heads])

    async def release_next(self, identity: str) -> None:
        """Let the oldest to a recipient go, now that the one before it is final."""
        await self._sends.find_one_and_update(
            {"identity": identity, "status": {"$lt": FINAL}},
            _FREE,
            sort=[("place", 1)],
            fields=[],
        )

    async def release_forgotten(self) -> None:
        """Release those whose predecessor was made final by somebody who then died.

        Looks at a few hundred that are held, and goes on from there the next time.
        """
        found = await self._sends.find(
            {"status": QUEUED, "held": True, "place": {"$gt": self._looked_up_to}},
            fields=(*_SEND, "place"),
            sort=[("place", 1)],
            limit=_ROUND,
        )
        self._looked_up_to = integer(found[-1], "place") if len(found) == _ROUND else 0
        if found:
            held = [_queued(one) for one in found]
            heads = await self.heads(one.identity for one in held)
            await self._release([one for one in held if one.id in heads])

    async def _release(self, sends: Iterable[Queued]) -> None:
        await self._sends.update_each(
            [Change({"_id": one.id, "identity": one.identity}, _FREE) for one in sends]
        )


_HELD: Final[Document] = {"$set": {"held": True}}
_FREE: Final[Document] = {"$set": {"held": False}}


def _queued(found: Document) -> Queued:
    return Queued(
        id=SendId(text(found, "_id")),
        identity=text(found, "identity"),
        thread=text(found, "thread"),
        due=integer(found, "due"),
        entry_seq=integer(found, "entry_seq"),
        value=text(found, "value"),
    )
