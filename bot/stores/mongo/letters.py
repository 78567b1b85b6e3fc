"""Dead letters: events set aside, and requests that could not be read.

An event is set aside by its own state; its letter only says why. So a letter whose event is in
another state counts as not there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final

from bot.errors import NotFound
from bot.model.event import ThreadEvent
from bot.model.ids import EventId, ThreadId
from bot.model.moments import micros, moment
from bot.model.record import DeadLetter, RawRequest
from bot.stores.mongo.documents import (
    DEAD,
    DONE,
    WAITING,
    document_in,
    event_of,
    integer,
    maybe,
    request_document,
    request_of,
    text,
)
from bot.stores.mongo.driver import Document, Duplicate
from bot.stores.mongo.numbers import Numbers
from bot.stores.mongo.schema import Collections

_PAGE: Final = 500


class Letters:
    """What was set aside."""

    def __init__(self, collections: Collections, numbers: Numbers) -> None:
        self._collections = collections
        self._numbers = numbers

    async def set_aside(
        self, reason: str, request: RawRequest | None, *, kept_with: EventId | None
    ) -> None:
        """Keep an unreadable request, once, with the event that has it already, if one does."""
        named: tuple[str, ...] = ("unreadable", reason)
        at = 0
        if request is not None:
            at = micros(request.at)
            named = (
                "unreadable",
                *(request.channel, request.account, request.method, request.url),
                request.body.hex(),
            )
        letter: dict[str, object] = {
            "_id": EventId.of(*named),
            "reason": reason,
            "tries": 0,
            "at": at,
            "number": await self._numbers.take("letters", 1),
        }
        if kept_with is not None:
            letter["request_of"] = kept_with
        elif request is not None:
            letter["request"] = request_document(request)
        letters = self._collections.dead_letters
        if not await letters.insert_one(letter):
            await letters.replace_one({"_id": letter["_id"], "discarded": True}, letter)

    async def bury(self, event: EventId, *, reason: str, tries: int, at: datetime) -> None:
        """Set an event aside that waits: first the letter, then, deciding it, its state."""
        found = await self._collections.events.find_one(
            {"_id": event, "state": WAITING}, fields=("thread", "identity")
        )
        if found is None:
            return
        letter = {
            "thread": text(found, "thread"),
            "reason": reason,
            "tries": tries,
            "at": micros(at),
            "number": await self._numbers.take("letters", 1),
        }
        letters, events = self._collections.dead_letters, self._collections.events
        with suppress(Duplicate):  # two bury it at the same time: either letter does
            await letters.replace_one({"_id": event}, letter, upsert=True)
        waiting = {"_id": event, "identity": found["identity"], "state": WAITING}
        if not await events.update_one(
            waiting, {"$set": {"state": DEAD}}
        ) and await events.find_one({"_id": event, "state": DONE}, fields=()):
            await letters.delete_one({"_id": event})

    async def oldest(self, limit: int) -> list[DeadLetter]:
        """The letters that count, oldest first."""
        counted: list[tuple[Document, Document | None]] = []
        after: dict[str, object] = {"discarded": {"$exists": False}}
        while len(counted) < limit:
            page = await self._collections.dead_letters.find(
                after, sort=(("at", 1), ("number", 1)), limit=_PAGE
            )
            counted += await self._counted(page)
            if len(page) < _PAGE:
                break
            last = page[-1]
            after["$or"] = [
                {"at": {"$gt": last["at"]}},
                {"at": last["at"], "number": {"$gt": last["number"]}},
            ]
        counted = counted[:limit]
        requests = await self._requests(counted)
        return [_letter(letter, requests) for letter, _ in counted]

    async def revive(self, event: EventId) -> ThreadEvent:
        """Let an event wait again; what is left of its letter does not count."""
        found = await self._collections.events.find_one_and_update(
            {"_id": event, "state": DEAD}, {"$set": {"state": WAITING}}
        )
        if found is None:
            raise NotFound(
                f"no dead letter {event} with an event to process. "
                "One without a thread could not be read: read its request anew"
            )
        await self._collections.dead_letters.delete_one({"_id": event})
        return event_of(found)

    async def discard(self, event: EventId) -> None:
        """Forget the letter of a request that could not be read; the request is pruned later."""
        gone = await self._collections.dead_letters.update_one(
            {"_id": event, "thread": {"$exists": False}, "discarded": {"$exists": False}},
            {"$set": {"discarded": True}},
        )
        if not gone:
            raise NotFound(f"no dead letter {event} of a request that could not be read")

    async def _counted(self, letters: Sequence[Document]) -> list[tuple[Document, Document | None]]:
        """Those whose event is set aside, with it; and those that have no event."""
        wanted = [letter["_id"] for letter in letters if "thread" in letter]
        dead: Mapping[object, Document] = {}
        if wanted:
            found = await self._collections.events.find(
                {"_id": {"$in": wanted}, "state": DEAD}, fields=("request", "request_of")
            )
            dead = {one["_id"]: one for one in found}
        return [
            (letter, dead.get(letter["_id"]))
            for letter in letters
            if "thread" not in letter or letter["_id"] in dead
        ]

    async def _requests(
        self, letters: Sequence[tuple[Document, Document | None]]
    ) -> dict[object, RawRequest]:
        """The request of each letter that has one, by the letter's id."""
        keepers = {letter["_id"]: event or letter for letter, event in letters}
        elsewhere = {
            kept_with
            for keeper in keepers.values()
            if (kept_with := maybe(keeper, "request_of", str)) is not None
        }
        there: dict[object, Document] = {}
        if elsewhere:
            found = await self._collections.events.find(
                {"_id": {"$in": sorted(elsewhere)}}, fields=("request",)
            )
            there = {one["_id"]: one for one in found}
        requests: dict[object, RawRequest] = {}
        for letter, keeper in keepers.items():
            kept = document_in(there.get(keeper.get("request_of"), keeper), "request")
            if kept is not None:
                requests[letter] = request_of(kept)
        return requests


def _letter(letter: Document, requests: Mapping[object, RawRequest]) -> DeadLetter:
    thread = maybe(letter, "thread", str)
    return DeadLetter(
        event=EventId(text(letter, "_id")),
        thread=None if thread is None else ThreadId(thread),
        reason=text(letter, "reason"),
        tries=integer(letter, "tries"),
        at=moment(integer(letter, "at")),
        request=requests.get(letter["_id"]),
    )
