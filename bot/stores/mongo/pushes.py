"""What another system is to be told, a document for each field; and whose turn it is to ask it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from bot.errors import NotFound
from bot.model.crm import Pull, Push, PushCounts, PushEnd, PushRow, PushStatus
from bot.model.ids import IdentityId
from bot.model.moments import micros, moment
from bot.model.numbers import PUSH_NUMBERS, PUSH_STATUSES
from bot.stores.mongo.collection import Collection, Document
from bot.stores.mongo.documents import integer, maybe, text
from bot.stores.mongo.faults import Duplicate
from bot.stores.mongo.schema import Collections

_WAITING: Final = PUSH_NUMBERS[PushStatus.WAITING]
_FAILED: Final = PUSH_NUMBERS[PushStatus.FAILED]
_ORDER: Final = (("number", 1), ("_id", 1))


class MongoPushes:
    """The `Pushes` section of the store."""

    def __init__(self, collections: Collections) -> None:
        self._collections = collections

    async def put_push(self, push: Push) -> bool:
        """See the port."""
        if await self._collections.identities.find_one({"_id": push.identity}, fields=()) is None:
            raise NotFound(f"no identity {push.identity} to tell another system of")
        return await put(self._collections.pushes, push_document(push))

    async def pushes(self, identities: Sequence[IdentityId]) -> list[PushRow]:
        """See the port."""
        found = await self._collections.pushes.find(
            {"identity": {"$in": list(identities)}}, sort=(("_id", 1),)
        )
        return [_row(one) for one in found]

    async def claim_pushes(self, *, now: datetime, until: datetime, limit: int) -> list[PushRow]:
        """See the port; one after another, each claimed once, however many try."""
        claimed: list[PushRow] = []
        free: Document = {
            "status": _WAITING,
            "due": {"$lte": micros(now)},
            "held_until": {"$lte": micros(now)},
        }
        taken: Document = {"$set": {"held_until": micros(until)}, "$inc": {"tries": 1}}
        while len(claimed) < limit:
            found = await self._collections.pushes.find_one_and_update(free, taken, sort=_ORDER)
            if found is None:
                break
            claimed.append(_row(found))
        return claimed

    async def end_push(self, end: PushEnd) -> bool:
        """See the port."""
        pushes, which = self._collections.pushes, push_id(end.push)
        if end.held_until is not None:
            held: Document = {"_id": which, "held_until": micros(end.held_until)}
            await pushes.update_one(held, {"$set": {"held_until": 0}})
        same: Document = {
            "_id": which,
            "number": end.push.number,
            "again": end.push.again,
            "status": {"$in": [_WAITING, _FAILED]},
        }
        ended = {"status": PUSH_NUMBERS[end.status], "due": micros(end.due), "reason": end.reason}
        return await pushes.update_one(same, {"$set": ended}) > 0

    async def next_push(self) -> datetime | None:
        """See the port."""
        found = await self._collections.pushes.aggregate(
            [
                {"$match": {"status": _WAITING}},
                {"$group": {"_id": None, "due": {"$min": {"$max": ["$due", "$held_until"]}}}},
            ]
        )
        return moment(integer(found[0], "due")) if found else None

    async def find_pushes(self, status: PushStatus, *, limit: int) -> list[PushRow]:
        """See the port."""
        if limit <= 0:
            return []
        found = await self._collections.pushes.find(
            {"status": PUSH_NUMBERS[status]}, sort=_ORDER, limit=limit
        )
        return [_row(one) for one in found]

    async def count_pushes(self) -> PushCounts:
        """See the port."""
        pushes = self._collections.pushes
        waiting = await pushes.count({"status": _WAITING})
        return PushCounts(waiting=waiting, failed=await pushes.count({"status": _FAILED}))

    async def begin_pull(self, name: str, *, now: datetime, until: datetime) -> Pull | None:
        """See the port."""
        free: Document = {
            "_id": name,
            "due": {"$lte": micros(now)},
            "held_until": {"$lte": micros(now)},
        }
        taken: Document = {"$set": {"held_until": micros(until)}, "$setOnInsert": {"due": 0}}
        try:
            found = await self._collections.pulls.find_one_and_update(free, taken, upsert=True)
        except Duplicate:  # it is there, and not free
            return None
        cursor = None if found is None else maybe(found, "cursor", str)
        return Pull(name=name, held_until=until, cursor=cursor)

    async def end_pull(self, pull: Pull, *, cursor: str | None, due: datetime) -> bool:
        """See the port."""
        mine: Document = {"_id": pull.name, "held_until": micros(pull.held_until)}
        done = {"held_until": 0, "cursor": cursor, "due": micros(due)}
        return await self._collections.pulls.update_one(mine, {"$set": done}) > 0


def push_id(push: Push) -> str:
    """The key of its document: one for each field of an identity."""
    return f"{push.identity}.{push.field}"


def push_document(push: Push) -> dict[str, object]:
    """A push as it begins to wait."""
    return {
        "_id": push_id(push),
        "identity": push.identity,
        "number": push.number,
        "again": push.again,
        "status": _WAITING,
        "due": micros(push.at),
        "tries": 0,
        "reason": "",
        "value": push.model_dump_json(),
    }


async def put(pushes: Collection, document: Document) -> bool:
    """Let one wait in place of an earlier one; whoever holds that goes on holding it."""
    number, again = integer(document, "number"), integer(document, "again")
    earlier: Document = {
        "_id": document["_id"],
        "$or": [{"number": {"$lt": number}}, {"number": number, "again": {"$lt": again}}],
    }
    waits: Document = {
        "$set": {key: value for key, value in document.items() if key != "_id"},
        "$setOnInsert": {"held_until": 0},
    }
    try:
        return await pushes.update_one(earlier, waits, upsert=True) > 0
    except Duplicate:  # the same, or a later one, is there
        return False


def _row(document: Document) -> PushRow:
    held_until = integer(document, "held_until")
    return PushRow(
        push=Push.model_validate_json(text(document, "value")),
        status=PUSH_STATUSES[integer(document, "status")],
        due=moment(integer(document, "due")),
        tries=integer(document, "tries"),
        held_until=moment(held_until) if held_until else None,
        reason=text(document, "reason"),
    )
