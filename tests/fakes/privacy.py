"""Forgetting people, in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.errors import Denied, StoreError
from bot.model.event import Done
from bot.model.forgetting import FirstWords, without_text
from bot.model.listing import ThreadPlace
from bot.model.thread import SendStatus
from tests.fakes.memory import Memory, Section

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from bot.model.fact import FactKind
    from bot.model.forgetting import WordsGone
    from bot.model.ids import BlobId, IdentityId
    from bot.model.privacy import LegalHold


class FakePrivacy(Section):
    """The `Privacy` section."""

    async def erase(
        self, identities: Sequence[IdentityId], *, blobs: Sequence[BlobId] = ()
    ) -> None:
        memory = await self._begin()
        gone = set(identities)
        _check(memory, gone)
        theirs = [memory.identities[one] for one in gone if one in memory.identities]
        homes = {one.address.home_thread for one in theirs} & memory.leads_to.keys()
        for thread in homes | {one.thread for one in theirs}:
            memory.states.pop(thread, None)
            memory.leads_to.pop(thread, None)
        _erase_words(memory, gone)
        for blob, kept in list(memory.blobs.items()):
            by = kept.facts.by
            if blob in blobs or (by.kind == "customer" and by.identity in gone):
                del memory.blobs[blob]
        for one in gone:
            memory.identities.pop(one, None)

    async def put_holds(self, holds: Sequence[LegalHold]) -> None:
        memory = await self._begin()
        memory.holds.update({hold.identity: hold for hold in holds})

    async def holds(self, identities: Sequence[IdentityId]) -> list[LegalHold]:
        memory = await self._begin()
        return [memory.holds[one] for one in sorted(set(identities)) if one in memory.holds]

    async def end_holds(self, identities: Sequence[IdentityId]) -> None:
        memory = await self._begin()
        for one in identities:
            memory.holds.pop(one, None)

    async def prune_facts(self, kinds: Collection[FactKind], *, before: datetime) -> int:
        memory = await self._begin()
        old = [
            fact.id
            for fact in memory.facts.values()
            if fact.body.kind in kinds and fact.at < before and fact.identity not in memory.holds
        ]
        for fact in old:
            del memory.facts[fact]
        return len(old)

    async def silent(
        self, *, before: datetime, after: ThreadPlace | None = None, limit: int = 100
    ) -> list[ThreadPlace]:
        memory = await self._begin()
        silent = [
            ThreadPlace(at=state.last_at, thread=thread)
            for thread, state in memory.states.items()
            if state.last_at is not None and state.last_at < before
        ]
        silent.sort(key=lambda place: place.thread, reverse=True)
        silent.sort(key=lambda place: place.at)
        first = 0 if after is None else silent.index(after) + 1
        return silent[first : first + max(limit, 0)]

    async def first_words(
        self, *, after: IdentityId | None = None, limit: int = 100
    ) -> list[FirstWords]:
        memory = await self._begin()
        wanted = sorted(one for one in memory.identities if after is None or one > after)
        return [_first_words(memory, one) for one in wanted[: max(limit, 0)]]

    async def forget_words(self, gone: Sequence[WordsGone]) -> None:
        memory = await self._begin()
        _check_held(memory, {one.identity for one in gone})
        for one in gone:
            if one.identity in memory.identities:
                _forget_words(memory, one)


def _forget_words(memory: Memory, gone: WordsGone) -> None:
    bare = {entry.id: entry for entry in gone.entries}
    memory.entries = [bare.get(entry.id, entry) for entry in memory.entries]
    for entry in gone.entries:
        send = memory.sends.get(entry.body.send) if entry.body.kind == "message_out" else None
        if send is not None and send.final:
            send.item = without_text(send.item)
    for blob in gone.blobs:
        memory.blobs.pop(blob, None)
    passed = memory.words_gone.get(gone.identity, 0)
    memory.words_gone[gone.identity] = max(passed, gone.up_to)


def _first_words(memory: Memory, identity: IdentityId) -> FirstWords:
    passed = memory.words_gone.get(identity, 0)
    left = [one.at for one in memory.entries if one.identity == identity and one.seq > passed]
    return FirstWords(identity=identity, seq=passed + 1, at=left[0] if left else None)


def _check_held(memory: Memory, gone: set[IdentityId]) -> None:
    held = sorted(gone & memory.holds.keys())
    if held:
        raise Denied(f"{held[0]} is under a legal hold: {memory.holds[held[0]].reason}")


def _check(memory: Memory, gone: set[IdentityId]) -> None:
    _check_held(memory, gone)
    threads = {one.thread for one in memory.identities.values() if one.id in gone}
    if any(one.thread in threads and one.id not in gone for one in memory.identities.values()):
        raise StoreError("not all identities of a thread are named")
    sending = (send for send in memory.sends.values() if send.item.identity in gone)
    if any(send.state.status is SendStatus.SENDING for send in sending):
        raise StoreError("a message to them is being sent")


def _erase_words(memory: Memory, gone: set[IdentityId]) -> None:
    """All that was said and done."""
    events = {event.id for event in memory.events.values() if event.identity in gone}
    memory.requests = [one for one in memory.requests if events.isdisjoint(one.events)]
    memory.outcomes.update(dict.fromkeys(events, Done()))
    for event in events:
        memory.letters.pop(event, None)
        bare = memory.events[event]
        memory.events[event] = bare.model_copy(update={"body": None})
    for entry in [one for one in memory.entries if one.identity in gone]:
        memory.entries.remove(entry)
        del memory.entry_seqs[entry.id]
    sends = {key for key, send in memory.sends.items() if send.item.identity in gone}
    users = {memory.address(memory.sends[key]).user for key in sends}
    parts = {key for key, send in memory.part_of.items() if send in sends}
    names = {external_id for _, _, external_id in parts}
    memory.receipts = [
        one
        for one in memory.receipts
        if one.external_id not in names and (one.user is None or one.user not in users)
    ]
    for part in parts:
        del memory.part_of[part]
    for key in sends:
        del memory.sends[key]
    memory.timers = {k: one for k, one in memory.timers.items() if one.identity not in gone}
    memory.facts = {k: one for k, one in memory.facts.items() if one.identity not in gone}
    memory.pushes = {k: one for k, one in memory.pushes.items() if k[0] not in gone}
    memory.codes = {k: one for k, one in memory.codes.items() if not {one.source, one.only} & gone}
    memory.links = {
        key: made
        for key, made in memory.links.items()
        if gone.isdisjoint((made.link.one, made.link.other))
    }
    memory.aliases = {
        alias: one for alias, one in memory.aliases.items() if gone.isdisjoint((alias, one))
    }
