"""Committing a change: one write to the thread's document decides, the rest is copying."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import NamedTuple

from bot.errors import StaleVersion, StoreError
from bot.model.crm import Push
from bot.model.fact import Fact
from bot.model.ids import IdentityId, ThreadId
from bot.model.landmarks import landmark_of
from bot.model.moments import micros
from bot.model.numbers import SEND_NUMBERS
from bot.model.record import SendItem, ThreadChange
from bot.model.search import entry_words
from bot.model.thread import Entry, SendStatus
from bot.stores.mongo.attempts import Attempts
from bot.stores.mongo.copying import Copying
from bot.stores.mongo.documents import TO_PROCESS, integer, text
from bot.stores.mongo.driver import Duplicate
from bot.stores.mongo.facts import fact_document
from bot.stores.mongo.heads import HEAD, Head, Mark, Pending
from bot.stores.mongo.listing import channels_of, snapshot
from bot.stores.mongo.meeting import link_document
from bot.stores.mongo.numbers import Numbers
from bot.stores.mongo.pushes import push_document
from bot.stores.mongo.remembered import Remembered, both
from bot.stores.mongo.schema import Collections
from bot.stores.mongo.splitting import Splitting


class Where(NamedTuple):
    """What a part of a message is known by beside the provider's id for it."""

    channel: str
    account: str


class _Waiting(NamedTuple):
    """An event that waits: when it was accepted, and whose it is."""

    at: int
    identity: IdentityId


class Changes:
    """Writes changes; knows the addresses that this process has met."""

    def __init__(
        self, collections: Collections, numbers: Numbers, *, copying: Copying, attempts: Attempts
    ) -> None:
        self._collections = collections
        self._numbers = numbers
        self._copying = copying
        self._attempts = attempts
        self._splitting = Splitting(collections)
        # An address never changes, and nothing waits for an identity that was erased.
        self.addresses: Remembered[IdentityId, Where] = Remembered()

    async def commit(self, change: ThreadChange) -> tuple[Entry, ...]:
        """See the port."""
        _check(change)
        # The numbers come after the thread was loaded and before it is compared: they rise in it.
        waiting, first = await both(self._waiting(change), self._first_number(change))
        if change.expected and not self._copying.has_copied(change.state.thread, change.expected):
            await self._catch_up(change)
        places = await self._places(change, waiting.identity)
        await self._check_marks(change)
        parts, leads = await self._splitting.plan(change)
        entries = _numbered(change.entries, first + _moves_in(change))
        mark = Mark(attempt=secrets.token_hex(8), into=change.state.thread)
        pending = Pending(
            attempt=mark.attempt,
            event=change.event,
            outcome=change.outcome.model_dump_json(),
            absorb=None if change.absorb is None else change.absorb.thread,
            code=change.code,
            entries=[_entry(entry, places[entry.identity].channel) for entry in entries],
            sends=_sends(change.sends, entries, places),
            timers=_timers(change),
            gap_hits=_gap_hits(change, at=micros(entries[-1].at) if entries else waiting.at),
            links=_links(change, seq=first),
            facts=[fact_document(fact) for fact in change.facts],
            pushes=[push_document(push) for push in change.pushes],
            marks=_marks(change),
            number=first,
            parts=parts,
            leads=leads,
        )
        channels = await self._channels(change, places, waiting.identity)
        await self._decide(change, mark, pending, channels)
        await self._copying.copy(change.state.thread, change.state.version, pending)
        return entries

    async def _waiting(self, change: ThreadChange) -> _Waiting:
        """The event that waits; raises StaleVersion when it does not."""
        found = await self._collections.events.find_one(
            {"_id": change.event, **TO_PROCESS}, fields=["at", "identity"]
        )
        if found is None:
            raise StaleVersion(f"event {change.event} does not wait any more")
        return _Waiting(integer(found, "at"), IdentityId(text(found, "identity")))

    async def _first_number(self, change: ThreadChange) -> int:
        """The first of one to tell a link's or a move's moment by, one for each entry and send."""
        count = _moves_in(change) + len(change.entries) + len(change.sends)
        return await self._numbers.take("entries", count) if count else 0

    async def _catch_up(self, change: ThreadChange) -> None:
        """What the change before left to be copied goes first."""
        found = await self._collections.threads.find_one(
            {"_id": change.state.thread, "version": change.expected}, fields=HEAD
        )
        if found is None:
            raise _stale(change)
        if await self._copying.make_sure(Head.model_validate(found)):
            await self._waiting(change)  # it may have been this very event's

    async def _check_marks(self, change: ThreadChange) -> None:
        """Raise StoreError for a mark of an unknown link."""
        marked = {mark.link for mark in change.marks}
        if change.link is not None:
            marked.discard(change.link.id)
        if not marked:
            return
        found = await self._collections.links.find({"_id": {"$in": sorted(marked)}}, fields=[])
        if len(found) < len(marked):
            raise StoreError(f"event {change.event}: its change marks a link that is unknown")

    async def _places(self, change: ThreadChange, whose: IdentityId) -> dict[IdentityId, Where]:
        """The addresses of all that a change is about; raises StoreError for unknown ones."""
        abouts: list[Entry | SendItem | Fact | Push] = [
            *change.entries,
            *change.sends,
            *change.facts,
            *change.pushes,
        ]
        named = {whose, *(about.identity for about in abouts)}
        known = {identity: self.addresses.get(identity) for identity in named}
        missing = [identity for identity, where in known.items() if where is None]
        if missing:
            query = {"_id": {"$in": missing}}
            for found in await self._collections.identities.find(
                query, fields=["channel", "account"]
            ):
                where = Where(text(found, "channel"), text(found, "account"))
                self.addresses.put(IdentityId(text(found, "_id")), where)
                known[IdentityId(text(found, "_id"))] = where
        for about in abouts:
            if known[about.identity] is None:
                what = about.key if isinstance(about, Push) else about.id
                raise StoreError(f"{what} is about an unknown identity {about.identity}")
        return {identity: where for identity, where in known.items() if where is not None}

    async def _channels(
        self, change: ThreadChange, places: dict[IdentityId, Where], whose: IdentityId
    ) -> list[str]:
        """The channels that the thread is on, as far as it may not be listed there yet."""
        abouts: list[Entry | SendItem] = [*change.entries, *change.sends]
        spoken = {whose, *(about.identity for about in abouts)}
        channels = {places[identity].channel for identity in spoken if identity in places}
        if change.expected == 0:
            # Whoever joined before there was a thread's document could not be listed in it.
            channels |= await channels_of(self._collections, change.state.thread)
        return sorted(channels)

    async def _decide(
        self, change: ThreadChange, mark: Mark, pending: Pending, channels: list[str]
    ) -> None:
        """The one write that counts; raises StaleVersion, and then nothing is left of it."""
        try:
            if change.code is not None:
                await self._attempts.mark_code(change.code, mark)
            if change.absorb is not None:
                await self._attempts.mark_thread(change.absorb, mark)
            await self._compare_and_set(change, pending, channels)
        except StaleVersion:
            if change.absorb is not None:
                await self._attempts.unmark_thread(change.absorb.thread, mark)
            if change.code is not None:
                await self._attempts.unmark_code(change.code, mark)
            raise

    async def _compare_and_set(
        self, change: ThreadChange, pending: Pending, channels: list[str]
    ) -> None:
        query = {
            **as_it_was(change.state.thread, change.expected),
            "refused": {"$ne": pending.attempt},
        }
        update = {
            "$set": {
                "version": change.state.version,
                **snapshot(change.state),
                "pending": pending.model_dump(),
                # Whoever was refused here compares with an older version now.
                "refused": [],
            },
            "$addToSet": {"channels": {"$each": channels}},
        }
        try:
            won = await self._collections.threads.update_one(
                query, update, upsert=change.expected == 0
            )
        except Duplicate:
            won = 0
        if not won:
            raise _stale(change)


def as_it_was(thread: ThreadId, version: int) -> dict[str, object]:
    """The query for a thread that is still at a version, and that nothing is about to absorb."""
    return {"_id": thread, "version": version, "absorbed_by": None, "absorbing": None}


def _check(change: ThreadChange) -> None:
    thread = change.state.thread
    if change.state.version != change.expected + 1:
        raise StoreError(
            f"thread {thread}: a change of version {change.expected} must make "
            f"version {change.expected + 1}, not {change.state.version}"
        )
    if change.absorb is not None and change.absorb.thread == thread:
        raise StoreError(f"thread {thread} cannot absorb itself")
    entries = {entry.id for entry in change.entries}
    if len(entries) < len(change.entries):
        raise StoreError(f"event {change.event}: two entries of its change have the same id")
    for item in change.sends:
        if item.entry not in entries:
            raise StoreError(f"send {item.id}: its entry {item.entry} is not in the same change")


def _stale(change: ThreadChange) -> StaleVersion:
    return StaleVersion(f"thread {change.state.thread} is no longer at version {change.expected}")


# --- the documents ---------------------------------------------------------------------------


def _numbered(entries: Sequence[Entry], first: int) -> tuple[Entry, ...]:
    return tuple(
        entry.model_copy(update={"seq": seq}) for seq, entry in enumerate(entries, start=first)
    )


def _entry(entry: Entry, channel: str) -> dict[str, object]:
    document: dict[str, object] = {
        "_id": entry.id,
        "seq": entry.seq,
        "identity": entry.identity,
        "value": entry.model_dump_json(),
    }
    if words := entry_words(entry, channel):
        document["words"] = sorted(set(words))
    if (landmark := landmark_of(entry.body.kind)) is not None:
        document["landmark"] = landmark.value
    return document


def _sends(
    sends: Sequence[SendItem], entries: Sequence[Entry], places: dict[IdentityId, Where]
) -> list[dict[str, object]]:
    """Their places in the order for each recipient are numbers after those of the entries."""
    seqs = {entry.id: entry.seq for entry in entries}
    after = 1 + max(seqs.values(), default=0)
    return [
        {
            "_id": item.id,
            "identity": item.identity,
            "thread": item.thread,
            "channel": places[item.identity].channel,
            "account": places[item.identity].account,
            "status": SEND_NUMBERS[SendStatus.QUEUED],
            "due": micros(item.at),
            "place": place,
            "held": False,
            "tries": 0,
            "entry_seq": seqs[item.entry],
            "value": item.model_dump_json(),
            "detail": "",
            "warnings": [],
            "parts": [],
        }
        for place, item in enumerate(sends, start=after)
    ]


def _timers(change: ThreadChange) -> list[dict[str, object]]:
    return [
        {
            "_id": timer.id,
            "identity": timer.identity,
            "due": micros(timer.due),
            "value": timer.body.model_dump_json(),
        }
        for timer in change.timers
    ]


def _gap_hits(change: ThreadChange, *, at: int) -> list[dict[str, object]]:
    return [
        {"_id": f"{change.event}.{place}", "gap": gap.model_dump_json(), "at": at}
        for place, gap in enumerate(change.gaps)
    ]


def _moves_in(change: ThreadChange) -> int:
    """1 when identities are linked, or move from thread to thread."""
    return int(bool(change.link or change.absorb or change.splits))


def _marks(change: ThreadChange) -> list[dict[str, object]]:
    return [
        {"link": mark.link, "kind": mark.mark.value, "value": mark.model_dump_json()}
        for mark in change.marks
    ]


def _links(change: ThreadChange, *, seq: int) -> list[dict[str, object]]:
    return [] if change.link is None else [link_document(change.link, seq=seq)]
