"""Lists of threads, each read from an index in its own order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from bot.model.ids import ThreadId
from bot.model.listing import (
    ALL_THREADS,
    HolderCount,
    Listing,
    ThreadFilter,
    ThreadOrder,
    ThreadPlace,
)
from bot.model.moments import micros
from bot.model.people import ChannelIdentity
from bot.model.thread import ThreadState
from bot.stores.mongo.collection import Document, Sort
from bot.stores.mongo.documents import identity_of, text
from bot.stores.mongo.schema import HELD, OFFERED, Collections

_NEWEST: Final[Sort] = (("last_at", -1), ("_id", 1))
_WAITING: Final[Sort] = (("since", 1), ("_id", 1))


def listed(state: ThreadState) -> dict[str, object]:
    """The fields that a thread in this state is listed by, but for its channels."""
    return dict(Listing.of(state)._asdict())


def snapshot(state: ThreadState) -> dict[str, object]:
    """What a thread's document says of its state, but for the version."""
    return {
        "epoch": state.epoch,
        **listed(state),
        "value": state.model_dump_json(),
    }


# One that was absorbed has no last moment, and nobody holds it or waits in it.
UNLISTED: Final[Document] = {"holder": "", "since": 0}


def listing_query(
    wanted: ThreadFilter, *, order: ThreadOrder, after: ThreadPlace | None
) -> tuple[Document, Sort] | None:
    """The query for a page and its order, None for what cannot be."""
    waiting = order is ThreadOrder.WAITING
    if not wanted.owners or (waiting and "offered" not in wanted.owners):
        return None
    query: dict[str, object] = {**_from(waiting=waiting, after=after)}
    if wanted != ALL_THREADS:
        # Named with all that they may be, MongoDB merges the index's ranges instead of sorting.
        query["owner"] = {"$in": list(wanted.owners)}
        query["phase"] = {"$in": list(wanted.phases)}
        query["language"] = {"$in": list(wanted.languages)}
    if wanted.holder is not None:
        query["holder"] = wanted.holder
    if wanted.channel is not None:
        query["channels"] = wanted.channel
    return query, _WAITING if waiting else _NEWEST


def _from(*, waiting: bool, after: ThreadPlace | None) -> Document:
    if after is None:
        return OFFERED if waiting else {"last_at": {"$gte": 0}}
    at = micros(after.at)
    if waiting:
        return {
            "since": {"$gt": 0, "$gte": at},
            "$or": [{"since": {"$gt": at}}, {"_id": {"$gt": after.thread}}],
        }
    return {
        "last_at": {"$gte": 0, "$lte": at},
        "$or": [{"last_at": {"$lt": at}}, {"_id": {"$gt": after.thread}}],
    }


async def count_held(collections: Collections) -> list[HolderCount]:
    """See the port; the bot's threads are not looked at."""
    found = await collections.threads.aggregate(
        [
            {"$match": HELD},
            {"$group": {"_id": {"owner": "$owner", "holder": "$holder"}, "count": {"$sum": 1}}},
            {"$project": {"_id": 0, "owner": "$_id.owner", "holder": "$_id.holder", "count": 1}},
        ]
    )
    return [HolderCount.model_validate(one) for one in found]


async def queue_of(collections: Collections, name: str, *, most: int) -> list[ThreadId]:
    """See the port: read from the index alone."""
    if most <= 0:
        return []
    found = await collections.threads.find(
        {"holder": name, **OFFERED}, fields=["_id"], sort=_WAITING, limit=most
    )
    return [ThreadId(text(one, "_id")) for one in found]


async def members_of(
    collections: Collections, threads: Sequence[ThreadId]
) -> defaultdict[ThreadId, list[ChannelIdentity]]:
    """The identities that belong to threads now, the oldest first."""
    members: defaultdict[ThreadId, list[ChannelIdentity]] = defaultdict(list)
    for found in await collections.identities.find({"thread": {"$in": list(threads)}}):
        one = identity_of(found)
        members[one.thread].append(one)
    for group in members.values():
        group.sort(key=lambda one: (one.created_at, one.id))
    return members


async def channels_of(collections: Collections, thread: ThreadId) -> set[str]:
    """The channels that the identities of a thread are on now."""
    members = await collections.identities.find({"thread": thread}, fields=["channel"])
    return {text(one, "channel") for one in members}


async def list_on_channels(collections: Collections, thread: ThreadId) -> None:
    """List a thread that is there under the channels that its identities are on now.

    Those are looked up anew if it was split meanwhile: somebody may have left with their channel.
    """
    while found := await collections.threads.find_one({"_id": thread}, fields=["parted"]):
        channels = sorted(await channels_of(collections, thread))
        if await collections.threads.update_one(
            {"_id": thread, "parted": found.get("parted")},
            {"$addToSet": {"channels": {"$each": channels}}},
        ):
            return
