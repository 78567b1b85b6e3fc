"""Letting parts of a thread go: what is to be copied, and copying it.

The thread of a part stays absorbed until all else is where it is read. So whoever loads it
meanwhile comes to the thread that was split, and finishes the copying.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from bot.errors import StaleVersion, StoreError
from bot.model.ids import IdentityId, ThreadId
from bot.model.people import ChannelIdentity
from bot.model.record import Split, ThreadChange
from bot.model.splitting import leads, refusal
from bot.stores.mongo.documents import WAITING, integer, text
from bot.stores.mongo.driver import Duplicate
from bot.stores.mongo.heads import HEAD, Head, Lead, Part, Pending
from bot.stores.mongo.listing import channels_of, list_on_channels, members_of, snapshot
from bot.stores.mongo.moving import before, move
from bot.stores.mongo.schema import Collections


class Splitting:
    """Splits threads."""

    def __init__(self, collections: Collections) -> None:
        self._collections = collections

    async def plan(self, change: ThreadChange) -> tuple[list[Part], list[Lead]]:
        """What a change is to split off, and where other threads lead then.

        All that it rests on is fenced by the thread's version. Raises StoreError for what cannot
        be split, StaleVersion when the thread has moved on.
        """
        if not change.splits:
            return [], []
        thread = change.state.thread
        members = (await members_of(self._collections, [thread]))[thread]
        threads = [split.state.thread for split in change.splits]
        found = await self._collections.threads.find(
            {"_id": {"$in": threads}}, fields=["version", "absorbed_by"]
        )
        # Whoever is still in one that has gone up elsewhere just came: they are its own people.
        gone = {text(one, "_id") for one in found if one.get("absorbed_by") is not None}
        taken = await members_of(self._collections, threads)
        refused = refusal(change, members, taken=taken.keys() - gone)
        if refused is not None:
            await self._check_version(change)
            raise StoreError(refused)
        versions = {text(one, "_id"): integer(one, "version") for one in found}
        parts = [_part(split, members, versions) for split in change.splits]
        return parts, [Lead(thread=gone, to=lead) for gone, lead in leads(change, members)]

    async def _check_version(self, change: ThreadChange) -> None:
        found = await self._collections.threads.find_one({"_id": change.state.thread}, fields=HEAD)
        head = Head.model_validate({"_id": change.state.thread} if found is None else found)
        if head.version != change.expected or head.absorbed_by is not None:
            raise StaleVersion(
                f"thread {change.state.thread} is no longer at version {change.expected}"
            )

    async def copy(self, thread: ThreadId, pending: Pending) -> None:
        """Copy out what a change split off; all else has been copied, but that its event is done.

        In this order: as long as somebody may still load one of the threads by way of the one
        that was split, they come by here; afterwards the event is not for anybody to process.
        """
        number = pending.number
        for part in pending.parts:
            await self._hold(part, thread)
            who = {"_id": {"$in": part.identities}}
            await move(self._collections, who, to=part.thread, number=number)
        await self._collections.events.update_one(
            {"_id": pending.event, "state": WAITING}, {"$set": {"ending": True}}
        )
        for lead in pending.leads:
            await self._collections.threads.update_one(
                {
                    "_id": lead.thread,
                    "absorbed_by": {"$ne": None},
                    "absorbed_at": before(number),
                },
                {"$set": {"absorbed_by": lead.to, "absorbed_at": number}},
            )
        for part in pending.parts:
            await self._let_go(part, number)
        await self._leave_channels(thread, pending)

    async def _hold(self, part: Part, thread: ThreadId) -> None:
        """Let a thread lead here that has never been there, until it is."""
        if part.version > 1:
            return
        with suppress(Duplicate):  # it leads here already, or is there since
            await self._collections.threads.update_one(
                {"_id": part.thread, "version": 0, "absorbed_by": None},
                {"$set": {"absorbed_by": thread}},
                upsert=True,
            )

    async def _let_go(self, part: Part, number: int) -> None:
        there = {
            **part.snapshot,
            "version": part.version,
            "absorbed_by": None,
            "channels": part.channels,
            "parted": number,
            "refused": [],
        }
        await self._collections.threads.update_one(
            {"_id": part.thread, "version": {"$lt": part.version}}, {"$set": there}
        )
        # Somebody may have joined it already.
        await list_on_channels(self._collections, part.thread)

    async def _leave_channels(self, thread: ThreadId, pending: Pending) -> None:
        """List a thread no longer where only those were who are gone."""
        staying = await channels_of(self._collections, thread)
        left = {channel for part in pending.parts for channel in part.channels} - staying
        await self._collections.threads.update_one(
            {"_id": thread, "parted": before(pending.number)},
            {"$pullAll": {"channels": sorted(left)}, "$set": {"parted": pending.number}},
        )
        await list_on_channels(self._collections, thread)


def _part(split: Split, members: Sequence[ChannelIdentity], versions: Mapping[str, int]) -> Part:
    identities: list[IdentityId] = list(split.identities)
    # Nothing commits there until it is back: its version stays what it is.
    version = versions.get(split.state.thread, 0) + 1
    state = split.state.model_copy(update={"version": version})
    return Part(
        thread=state.thread,
        version=version,
        identities=identities,
        channels=sorted({one.address.channel for one in members if one.id in identities}),
        snapshot=snapshot(state),
    )
