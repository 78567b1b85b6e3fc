"""Loading and reading threads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from bot.errors import StaleVersion
from bot.model.decision import Gap
from bot.model.event import ThreadEvent
from bot.model.ids import EntryId, IdentityId, SendId, ThreadId
from bot.model.listing import ALL_THREADS, HolderCount, ThreadFilter, ThreadOrder, ThreadPlace
from bot.model.moments import moment
from bot.model.numbers import RECEIPT_STATUSES, SEND_STATUSES
from bot.model.people import ChannelIdentity, Link, LinkMark
from bot.model.record import GapCount, LinkMade, Span, ThreadChange, ThreadRow, Turn
from bot.model.sending import FailureKind
from bot.model.thread import Entry, PartState, SendState, ThreadState
from bot.stores.mongo.attempts import Attempts
from bot.stores.mongo.changes import Changes, Where, as_it_was
from bot.stores.mongo.collection import Document
from bot.stores.mongo.copying import Copying
from bot.stores.mongo.documents import (
    TO_PROCESS,
    documents,
    event_of,
    identity_of,
    integer,
    maybe,
    text,
)
from bot.stores.mongo.driver import Duplicate
from bot.stores.mongo.heads import HEAD, TURN, Head
from bot.stores.mongo.listing import (
    count_held,
    list_on_channels,
    listing_query,
    members_of,
    queue_of,
    snapshot,
)
from bot.stores.mongo.moving import move
from bot.stores.mongo.numbers import Numbers
from bot.stores.mongo.remembered import both
from bot.stores.mongo.schema import Collections

# So many events at most are handed to one turn: the rest wait for the next.
_TURN: Final = 100


class MongoThreads:
    """The `Threads` section of the store."""

    def __init__(self, collections: Collections, numbers: Numbers) -> None:
        self._collections = collections
        self._copying = Copying(collections)
        self._attempts = Attempts(collections, self._copying)
        self._changes = Changes(
            collections, numbers, copying=self._copying, attempts=self._attempts
        )

    async def turn(self, thread: ThreadId) -> Turn:
        """See the port; the cost does not depend on the thread's length."""
        while True:
            # In this order: what is done by the time that the events are read is in the snapshot,
            # or the snapshot is old, and then a commit that builds on it fails.
            head, passed = await self._lead(thread)
            if head.absorbing is not None:
                await self._attempts.decide(head.id, head.absorbing)
                continue
            identities, behind = await both(
                self._members(head.id, passed), self._copying.catch_up(head)
            )
            if not behind:
                break
        return Turn(
            state=head.state(), identities=identities, events=await self._waiting(identities)
        )

    async def commit(self, change: ThreadChange) -> tuple[Entry, ...]:
        """See the port; usually four round trips, one of them the numbers' and the event's."""
        return await self._changes.commit(change)

    async def entries(
        self,
        spans: Sequence[Span],
        *,
        after: int = 0,
        before: int | None = None,
        limit: int = 100,
        newest: bool = False,
    ) -> list[Entry]:
        """See the port."""
        if not spans or limit <= 0:
            return []
        found = await self._collections.entries.find(
            _within(spans, after=after, before=before),
            fields=["value"],
            sort=[("seq", -1 if newest else 1)],
            limit=limit,
        )
        entries = [Entry.model_validate_json(text(one, "value")) for one in found]
        return entries[::-1] if newest else entries

    async def entry(self, entry: EntryId) -> Entry | None:
        """See the port."""
        found = await self._collections.entries.find_one({"_id": entry}, fields=["value"])
        return None if found is None else Entry.model_validate_json(text(found, "value"))

    async def sends(self, sends: Sequence[SendId]) -> list[SendState]:
        """See the port."""
        if not sends:
            return []
        fields = ["status", "tries", "failure", "detail", "warnings", "parts"]
        found = await self._collections.sends.find({"_id": {"$in": list(sends)}}, fields=fields)
        states = {text(one, "_id"): _send_state(one) for one in found}
        return [states[send] for send in sends if send in states]

    async def threads(
        self,
        wanted: ThreadFilter = ALL_THREADS,
        *,
        order: ThreadOrder = ThreadOrder.NEWEST,
        after: ThreadPlace | None = None,
        limit: int = 50,
    ) -> list[ThreadRow]:
        """See the port; threads that were absorbed are not listed."""
        asked = listing_query(wanted, order=order, after=after)
        if asked is None or limit <= 0:
            return []
        query, sort = asked
        found = await self._collections.threads.find(
            query, fields=["value"], sort=sort, limit=limit
        )
        states = [ThreadState.model_validate_json(text(one, "value")) for one in found]
        members = await members_of(self._collections, [state.thread for state in states])
        return [ThreadRow(state=state, identities=tuple(members[state.thread])) for state in states]

    async def counts(self) -> list[HolderCount]:
        """See the port."""
        return await count_held(self._collections)

    async def queue(self, name: str, *, most: int) -> list[ThreadId]:
        """See the port."""
        return await queue_of(self._collections, name, most=most)

    async def count(self, wanted: ThreadFilter, *, most: int) -> int:
        """See the port."""
        asked = listing_query(wanted, order=ThreadOrder.NEWEST, after=None)
        if asked is None or most <= 0:
            return 0
        query, sort = asked
        return len(
            await self._collections.threads.find(query, fields=["_id"], sort=sort, limit=most)
        )

    async def thread_ids(self) -> list[ThreadId]:
        """See the port: every thread that has an identity, with or without a snapshot."""
        found = await self._collections.identities.aggregate(
            [{"$group": {"_id": "$thread"}}, {"$sort": {"_id": 1}}]
        )
        return [ThreadId(text(one, "_id")) for one in found]

    async def put_state(self, thread: ThreadRow) -> None:
        """See the port."""
        while not await self._put(thread.state):
            found = await self._collections.threads.find_one(
                {"_id": thread.state.thread}, fields=HEAD
            )
            head = None if found is None else Head.model_validate(found)
            if head is None or head.absorbing is None:
                raise StaleVersion(
                    f"thread {thread.state.thread} is no longer at version {thread.state.version}"
                )
            await self._attempts.decide(head.id, head.absorbing)

    async def identity(self, identity: IdentityId) -> ChannelIdentity | None:
        """See the port."""
        found = await self._collections.identities.find_one({"_id": identity})
        return None if found is None else identity_of(found)

    async def links(self, identities: Sequence[IdentityId]) -> list[LinkMade]:
        """See the port."""
        among = {"$in": list(identities)}
        found = await self._collections.links.find(
            {"one": among, "other": among}, sort=[("seq", 1), ("_id", 1)]
        )
        return [
            LinkMade(
                link=Link.model_validate_json(text(one, "value")),
                seq=integer(one, "seq"),
                marks=tuple(
                    LinkMark.model_validate_json(text(mark, "value"))
                    for mark in documents(one, "marks")
                ),
            )
            for one in found
        ]

    async def gaps(self, *, limit: int = 100) -> list[GapCount]:
        """See the port."""
        if limit <= 0:
            return []
        hits = {"_id": "$gap", "count": {"$sum": 1}, "last_at": {"$max": "$at"}}
        found = await self._collections.gap_hits.aggregate(
            [
                {"$group": hits},
                {"$sort": {"count": -1, "last_at": -1, "_id": 1}},
                {"$limit": limit},
            ]
        )
        return [
            GapCount(
                gap=Gap.model_validate_json(text(one, "_id")),
                count=integer(one, "count"),
                last_at=moment(integer(one, "last_at")),
            )
            for one in found
        ]

    # --- the parts of a turn ---

    async def _lead(self, thread: ThreadId) -> tuple[Head, list[Head]]:
        """The head of the thread that this one leads to, and those passed on the way."""
        passed: list[Head] = []
        while True:
            found = await self._collections.threads.find_one({"_id": thread}, fields=TURN)
            head = Head.model_validate({"_id": thread} if found is None else found)
            if head.absorbed_by is None:
                return head, passed
            passed.append(head)
            thread = head.absorbed_by

    async def _members(self, thread: ThreadId, passed: list[Head]) -> tuple[ChannelIdentity, ...]:
        members = await members_of(self._collections, [thread, *(head.id for head in passed)])
        found = members.pop(thread, [])
        if members:
            # Met for the first time while the thread it was joined to went up in another.
            for head in passed:
                await move(
                    self._collections,
                    {"thread": head.id},
                    to=thread,
                    number=passed[-1].absorbed_at,
                    since=head.absorbed_at,
                )
            await list_on_channels(self._collections, thread)
            found = (await members_of(self._collections, [thread]))[thread]
        for one in found:
            self._changes.addresses.put(one.id, Where(one.address.channel, one.address.account))
        return tuple(found)

    async def _waiting(self, identities: Sequence[ChannelIdentity]) -> tuple[ThreadEvent, ...]:
        if not identities:
            return ()
        found = await self._collections.events.find(
            {"identity": {"$in": [one.id for one in identities]}, **TO_PROCESS},
            fields=["value"],
            sort=[("seq", 1)],
            limit=_TURN,
        )
        return tuple(event_of(one) for one in found)

    async def _put(self, state: ThreadState) -> bool:
        try:
            return bool(
                await self._collections.threads.update_one(
                    as_it_was(state.thread, state.version),
                    {"$set": snapshot(state)},
                    upsert=state.version == 0,
                )
            )
        except Duplicate:
            return False


def _within(spans: Sequence[Span], *, after: int, before: int | None) -> Document:
    """The query for entries of these spans; an identity named twice counts from its earliest."""
    firsts: dict[IdentityId, int] = {}
    for span in spans:
        first = max(after + 1, span.from_seq)
        firsts[span.identity] = min(first, firsts.get(span.identity, first))
    groups: defaultdict[int, list[IdentityId]] = defaultdict(list)
    for identity, first in firsts.items():
        groups[first].append(identity)
    end = {} if before is None else {"$lt": before}
    queries = [
        {"identity": {"$in": members}, "seq": {"$gte": first, **end}}
        for first, members in groups.items()
    ]
    return queries[0] if len(queries) == 1 else {"$or": queries}


def _send_state(found: Document) -> SendState:
    failure = maybe(found, "failure", str)
    warnings: list[object] = maybe(found, "warnings", list) or []
    return SendState(
        send=SendId(text(found, "_id")),
        status=SEND_STATUSES[integer(found, "status")],
        parts=tuple(
            PartState(
                external_id=text(part, "external_id"),
                status=RECEIPT_STATUSES[integer(part, "status")],
                error_code=maybe(part, "error_code", str),
            )
            for part in documents(found, "parts")
        ),
        failure=None if failure is None else FailureKind(failure),
        detail=text(found, "detail"),
        warnings=tuple(str(warning) for warning in warnings),
        tries=integer(found, "tries"),
    )
