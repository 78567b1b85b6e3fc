"""Searching by folded words, an array of each document; what MongoDB finds is looked at again.

Documents keep which words there are and not their order, and sometimes more than there still are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from bot.model.ids import IdentityId
from bot.model.people import ChannelIdentity
from bot.model.record import ThreadRow
from bot.model.search import Found, SearchQuery, Term, entry_words, identity_words, matches
from bot.model.thread import Entry, ThreadState
from bot.model.words import one_edit_from
from bot.stores.mongo.collection import Collection, Document
from bot.stores.mongo.documents import identity_of, integer, text
from bot.stores.mongo.heads import TURN, Head
from bot.stores.mongo.listing import members_of
from bot.stores.mongo.schema import Collections

_BATCH = 100
_LAST = "\U0010ffff"

_Hit = tuple[int, ChannelIdentity, Entry | None]


class MongoSearch:
    """The `Search` section of the store."""

    def __init__(self, collections: Collections) -> None:
        self._collections = collections

    async def find_customers(
        self, query: SearchQuery, *, before: int | None = None, limit: int = 20
    ) -> list[Found]:
        """See the port."""

        async def hits(documents: Sequence[Document]) -> list[_Hit]:
            members = [(integer(one, "since"), identity_of(one)) for one in documents]
            return [
                (number, one, None)
                for number, one in members
                if matches(query, identity_words(one))
            ]

        pages = _Pages(self._collections.identities, query, by="since")
        return await self._found(await pages.hits(hits, before=before, limit=limit))

    async def find_entries(
        self, query: SearchQuery, *, before: int | None = None, limit: int = 20
    ) -> list[Found]:
        """See the port."""

        async def hits(documents: Sequence[Document]) -> list[_Hit]:
            entries = [
                Entry.model_validate_json(text(one, "value")).model_copy(
                    update={"seq": integer(one, "seq")}
                )
                for one in documents
            ]
            known = await self._speakers(entries)
            return [
                (entry.seq, known[entry.identity], entry)
                for entry in entries
                if matches(query, entry_words(entry, known[entry.identity].address.channel))
            ]

        pages = _Pages(self._collections.entries, query, by="seq")
        return await self._found(await pages.hits(hits, before=before, limit=limit))

    async def _speakers(self, entries: Sequence[Entry]) -> dict[IdentityId, ChannelIdentity]:
        wanted = sorted({entry.identity for entry in entries})
        found = await self._collections.identities.find({"_id": {"$in": wanted}})
        return {one.id: one for one in map(identity_of, found)}

    async def _found(self, hits: Sequence[_Hit]) -> list[Found]:
        """The hits with the threads that they are in now; one without a snapshot is empty."""
        threads = sorted({one.thread for _, one, _ in hits})
        if not threads:
            return []
        heads = await self._collections.threads.find({"_id": {"$in": threads}}, fields=TURN)
        states = {head.id: head.state() for head in map(Head.model_validate, heads)}
        members = await members_of(self._collections, threads)
        rows = {
            thread: ThreadRow(
                state=states.get(thread) or ThreadState(thread=thread),
                identities=tuple(members[thread]),
            )
            for thread in threads
        }
        return [
            Found(number=number, row=rows[one.thread], identity=one.id, entry=entry)
            for number, one, entry in hits
        ]


class _Pages:
    """What MongoDB finds in a collection, in falling order of a number, as far as is needed."""

    def __init__(self, collection: Collection, query: SearchQuery, *, by: str) -> None:
        self._collection = collection
        self._query = query
        self._by = by

    async def hits(
        self,
        chosen: Callable[[Sequence[Document]], Awaitable[list[_Hit]]],
        *,
        before: int | None,
        limit: int,
    ) -> list[_Hit]:
        """The first hits that stand up to a second look."""
        hits: list[_Hit] = []
        while self._query.terms and len(hits) < limit:
            found = await self._collection.find(
                words_query(self._query, by=self._by, before=before),
                sort=[(self._by, -1)],
                limit=max(limit, _BATCH),
            )
            hits += await chosen(found)
            if len(found) < max(limit, _BATCH):
                break
            before = integer(found[-1], self._by)
        return hits[: max(limit, 0)]


def words_query(query: SearchQuery, *, by: str, before: int | None) -> Document:
    """What MongoDB is asked for: all that can have what is searched for, and perhaps more."""
    wanted = [each for term in query.terms for each in _words_of(term)]
    bound = {} if before is None else {by: {"$lt": before}}
    return {"$and": [{"words": each} for each in wanted], **bound}


def _words_of(term: Term) -> list[object]:
    """What the field must have for a term, as far as the order of words does not count."""
    if term.near:
        return [{"$in": sorted(one_edit_from(term.words[0]))}]
    *first, last = term.words
    begins = {"$elemMatch": {"$gte": last, "$lt": last + _LAST}}
    return [*first, begins if term.prefix else last]
