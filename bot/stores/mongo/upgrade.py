"""Bringing the documents of older schema versions up to date, one version at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

from bot.model.ids import ThreadId
from bot.model.landmarks import landmark_of
from bot.model.search import entry_words, identity_words
from bot.model.thread import Entry, ThreadState
from bot.stores.mongo.collection import Change, Collection, Document
from bot.stores.mongo.documents import identity_of, maybe, text
from bot.stores.mongo.listing import channels_of, listed
from bot.stores.mongo.schema import Collections, Upgrade

_BATCH: Final = 500


async def _list_and_index(collections: Collections) -> None:
    """Give every document what lists of threads and search need."""
    async for batch in _batches(collections.identities):
        await collections.identities.update_each([_with_words(one) for one in batch])
    async for batch in _batches(collections.entries):
        await _index_entries(collections, batch)
    async for batch in _batches(collections.threads):
        for one in batch:
            await _list_thread(collections, one)


async def _set_landmarks(collections: Collections) -> None:
    """Say of every entry what it is a landmark of.

    All else that is new is not there yet. The number also keeps programs away that would copy a
    change out without its splits and marks.
    """
    async for batch in _batches(collections.entries):
        await collections.entries.update_each(_landmarks(batch))


async def _keep_away(collections: Collections) -> None:
    """Nothing is other than before: the number keeps programs away that would not copy pushes."""


async def _begin(collections: Collections) -> None:
    """All that is new is not there yet."""


# By the version that the documents are at. Each may be made again, or by several at once. No
# process of an older version may run meanwhile.
UPGRADES: Final[Mapping[int, Upgrade]] = {
    1: _list_and_index,
    2: _set_landmarks,
    3: _keep_away,
    4: _begin,
}


async def _batches(collection: Collection) -> AsyncIterator[list[Document]]:
    after = ""
    while batch := await collection.find({"_id": {"$gt": after}}, sort=[("_id", 1)], limit=_BATCH):
        yield batch
        after = text(batch[-1], "_id")


def _with_words(document: Document) -> Change:
    words = sorted(set(identity_words(identity_of(document))))
    return Change({"_id": text(document, "_id")}, {"$set": {"words": words}})


async def _index_entries(collections: Collections, batch: Sequence[Document]) -> None:
    entries = [Entry.model_validate_json(text(one, "value")) for one in batch]
    found = await collections.identities.find(
        {"_id": {"$in": sorted({entry.identity for entry in entries})}}, fields=["channel"]
    )
    channels = {text(one, "_id"): text(one, "channel") for one in found}
    changes = [
        Change({"_id": entry.id}, {"$set": {"words": sorted(set(words))}})
        for entry in entries
        if (words := entry_words(entry, channels[entry.identity]))
    ]
    await collections.entries.update_each(changes)


def _landmarks(batch: Sequence[Document]) -> list[Change]:
    entries = [Entry.model_validate_json(text(one, "value")) for one in batch]
    return [
        Change({"_id": entry.id}, {"$set": {"landmark": landmark.value}})
        for entry in entries
        if (landmark := landmark_of(entry.body.kind)) is not None
    ]


async def _list_thread(collections: Collections, document: Document) -> None:
    value = maybe(document, "value", str)
    if value is None or maybe(document, "last_at", int) is None:
        return  # without a snapshot, or absorbed: it is not listed
    thread = ThreadId(text(document, "_id"))
    state = ThreadState.model_validate_json(value)
    channels = sorted(await channels_of(collections, thread))
    await collections.threads.update_one(
        {"_id": thread, "value": value}, {"$set": {**listed(state), "channels": channels}}
    )
