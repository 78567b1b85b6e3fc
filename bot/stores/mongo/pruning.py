"""Forgetting what nobody will ask for again."""

from __future__ import annotations

from typing import Final

from bot.stores.mongo.documents import DEAD, DONE, WAITING
from bot.stores.mongo.driver import Document
from bot.stores.mongo.schema import Collections

_AT_A_CALL: Final = 500


async def prune_receipts(collections: Collections, *, before: int) -> None:
    """Forget receipts from before a moment (microseconds) whose part never left."""
    old = await collections.early_receipts.find(
        {"at": {"$lt": before}}, fields=(), sort=(("at", 1),), limit=_AT_A_CALL
    )
    if old:
        await collections.early_receipts.delete_many({"_id": {"$in": [one["_id"] for one in old]}})


async def prune_requests(collections: Collections, *, before: int) -> int:
    """Forget raw requests from before a moment that nothing needs any more; how many went."""
    discarded = await collections.dead_letters.find(
        {"discarded": True, "at": {"$lt": before}}, fields=(), limit=_AT_A_CALL
    )
    gone = 0
    if discarded:
        gone = await collections.dead_letters.delete_many(
            {"_id": {"$in": [one["_id"] for one in discarded]}, "discarded": True}
        )
    return gone or await _prune_kept(collections, before=before)


async def _prune_kept(collections: Collections, *, before: int) -> int:
    """Forget the requests kept with events, page by page until one has some to forget."""
    query: dict[str, object] = {"request_at": {"$lt": before}}
    while True:
        page = await collections.events.find(
            query,
            fields=("state", "request_at"),
            sort=(("request_at", 1), ("_id", 1)),
            limit=_AT_A_CALL,
        )
        done = [one["_id"] for one in page if one["state"] == DONE]
        needed = await _needed(collections, done) if done else set()
        if free := [one for one in done if one not in needed]:
            return await collections.events.update_many(
                {"_id": {"$in": free}, "state": DONE},
                {"$unset": {"request": "", "request_at": ""}},
            )
        if len(page) < _AT_A_CALL:
            return 0
        query = {"$and": [{"request_at": {"$lt": before}}, _beyond(page[-1])]}


def _beyond(last: Document) -> Document:
    return {
        "$or": [
            {"request_at": {"$gt": last["request_at"]}},
            {"request_at": last["request_at"], "_id": {"$gt": last["_id"]}},
        ]
    }


async def _needed(collections: Collections, keepers: list[object]) -> set[object]:
    """Which of these events keep the request of others, or of a letter, not dealt with yet."""
    kept_for: Document = {"request_of": {"$in": keepers}}
    events = await collections.events.find(
        {**kept_for, "state": {"$in": [WAITING, DEAD]}}, fields=("request_of",)
    )
    letters = await collections.dead_letters.find(
        {**kept_for, "discarded": {"$exists": False}}, fields=("request_of",)
    )
    return {one.get("request_of") for one in (*events, *letters)}
