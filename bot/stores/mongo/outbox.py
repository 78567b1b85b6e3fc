"""Sends: claimed, made, settled; in order for each recipient."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from bot.errors import NotFound, StoreError
from bot.model.channel import ReceiptStatus
from bot.model.ids import IdentityId, SendId
from bot.model.moments import micros, moment
from bot.model.numbers import RECEIPT_NUMBERS, SEND_NUMBERS
from bot.model.record import Claim, SendItem, Settlement
from bot.model.sending import FailureKind, PartSent
from bot.model.thread import SendStatus
from bot.stores.mongo.claims import FINAL, QUEUED, SENDING, Queued, Queues
from bot.stores.mongo.collection import Change, Document
from bot.stores.mongo.documents import documents, integer, maybe, part_key, text
from bot.stores.mongo.people import People
from bot.stores.mongo.receipts import Part, take_progress
from bot.stores.mongo.remembered import Remembered, both
from bot.stores.mongo.schema import Collections

_LOST: Final[Document] = {
    "$set": {
        "status": SEND_NUMBERS[SendStatus.UNKNOWN],
        "failure": FailureKind.UNCERTAIN.value,
        "detail": "whoever was sending this has not been heard of since",
        "held": False,
    },
    "$unset": {"claim": "", "until": ""},
}
_KNOWN: Final = ("identity", "channel", "account", "parts", "claim", "tries")
# When the next is due is nearly always said by the first of them.
_LOOK: Final = 20


class _Known(NamedTuple):
    """A send as this process left it: who gets it, how many parts left, our claim on it.

    What was asked of the store when it went away may have been done, and is asked again: by this it
    is told apart from something new.
    """

    identity: IdentityId
    channel: str
    account: str
    parts: int
    claim: str | None = None


class _Claiming(NamedTuple):
    """One claim on many sends: its token, when it was asked for, and how long it holds."""

    token: str
    now: int
    until: int


class MongoOutbox:
    """The `Outbox` section of the store."""

    def __init__(self, collections: Collections) -> None:
        self._collections = collections
        self._queues = Queues(collections.sends)
        self._people = People(collections)
        self._known: Remembered[SendId, _Known] = Remembered()
        # Claims of ours that were never handed over, by their token.
        self._stranded: dict[str, list[Queued]] = {}

    async def claim_sends(self, *, now: datetime, limit: int, until: datetime) -> list[Claim]:
        """See the port; the epoch is that of the thread the recipient belongs to now.

        What the store went away from in the middle of a claim is given back by the next one.
        """
        await self._give_back()
        mine = _Claiming(secrets.token_hex(8), micros(now), micros(until))
        tried: list[Queued] = []
        claims: list[Claim] | None = None
        try:
            claims = await self._claim(mine, limit, tried)
        finally:
            if claims is None:
                self._stranded[mine.token] = tried
        return claims

    async def hold_sends(self, sends: Sequence[SendId], *, until: datetime) -> list[SendId]:
        """See the port."""
        if not sends:
            return []
        query = {"_id": {"$in": list(sends)}, "status": SENDING}
        await self._collections.sends.update_many(query, {"$max": {"until": micros(until)}})
        found = {text(one, "_id") for one in await self._collections.sends.find(query, fields=[])}
        return [send for send in sends if send in found]

    async def part_sent(self, send: SendId, part: PartSent, *, at: datetime) -> None:
        """See the port; asked again after StoreAway, it is one part. Raises NotFound."""
        known = self._known.get(send) or await self._look(send)
        # Already now: if the store goes away, the place of this part must still be known.
        self._known.put(send, known)
        written = await self._append(send, known, part, at=micros(at))
        await take_progress(self._collections, written)
        self._known.put(send, known._replace(parts=written.number))

    async def settle(self, settlement: Settlement) -> None:
        """See the port; what is final stays as it is. Raises NotFound for an unknown send."""
        if settlement.status is SendStatus.SENDING:
            raise StoreError(f"send {settlement.send}: being made is no way for an attempt to end")
        sends, send = self._collections.sends, settlement.send
        query: dict[str, object] = {"_id": send, "status": {"$lt": FINAL}}
        known = self._known.get(send)
        if known is not None and known.claim is not None:
            query |= {"status": SENDING, "claim": known.claim}
        found = await sends.find_one_and_update(query, _settled(settlement), fields=["identity"])
        if found is None:
            # Perhaps by us, and then the store went away before the next was released.
            found = await sends.find_one({"_id": send}, fields=["identity"])
        if found is None:
            raise NotFound(f"no send {send} to settle")
        if known is not None:
            self._known.put(send, known._replace(claim=None))
        if settlement.status is not SendStatus.QUEUED:
            await self._queues.release_next(text(found, "identity"))

    async def recover_sends(self, *, now: datetime) -> list[SendItem]:
        """See the port; only a lapsed claim tells that whoever made it is gone."""
        await self._give_back()
        sends = self._collections.sends
        lapsed = {"status": SENDING, "until": {"$lte": micros(now)}}
        lost: list[SendItem] = []
        fields = ["identity", "parts", "value"]
        for one in await sends.find(lapsed, fields=fields, sort=[("place", 1)]):
            send, identity = SendId(text(one, "_id")), IdentityId(text(one, "identity"))
            # Whoever wrote a part down may have died before it looked for receipts.
            for part in documents(one, "parts"):
                await take_progress(self._collections, _part(send, identity, part))
            if await sends.update_one({"_id": send, "identity": identity, **lapsed}, _LOST):
                lost.append(SendItem.model_validate_json(text(one, "value")))
                await self._queues.release_next(identity)
        await self._queues.release_forgotten()
        return lost

    async def next_due(self) -> datetime | None:
        """See the port; a send behind another one of its recipient does not count."""
        await self._give_back()
        while found := await self._queues.waiting(limit=_LOOK):
            heads = await self._queues.heads(one.identity for one in found)
            for one in found:
                if one.id in heads:
                    return moment(one.due)
            await self._queues.hold_back(found)
        return None

    async def sent_part(self, *, channel: str, account: str, external_id: str) -> SendId | None:
        """See the port; of several parts with the same id the newest counts."""
        key = part_key(channel, account, external_id)
        found = await self._collections.sends.find({"parts.key": key}, fields=["parts"])
        if not found:
            return None
        newest = max(found, key=lambda one: _newest_part(one, key))
        return SendId(text(newest, "_id"))

    # --- parts ---

    async def _look(self, send: SendId) -> _Known:
        found = await self._collections.sends.find_one({"_id": send}, fields=_KNOWN)
        if found is None:
            raise NotFound(f"no send {send} for a part to belong to")
        return _known(found)

    async def _append(self, send: SendId, known: _Known, part: PartSent, *, at: int) -> Part:
        """Write a part at its place, if it is not there already."""
        key = part_key(known.channel, known.account, part.external_id)
        while True:
            place = known.parts
            new: dict[str, object] = {
                "number": place + 1,
                "key": key,
                "external_id": part.external_id,
                "status": RECEIPT_NUMBERS[ReceiptStatus.SENT],
                "at": at,
            }
            query = {"_id": send, "identity": known.identity, "parts": {"$size": place}}
            if await self._collections.sends.update_one(query, {"$push": {"parts": new}}):
                return _part(send, known.identity, new)
            found = await self._collections.sends.find_one({"_id": send}, fields=_KNOWN)
            if found is None:
                raise NotFound(f"no send {send} for a part to belong to")
            there = documents(found, "parts")[place : place + 1]
            if there and there[0]["key"] == key:
                return _part(send, known.identity, there[0])
            known = _known(found)

    # --- the parts of a claim ---

    async def _claim(self, mine: _Claiming, limit: int, tried: list[Queued]) -> list[Claim]:
        """Claim what may go; all that is tried is added to `tried` beforehand."""
        claims: list[Claim] = []
        while (room := limit - len(claims)) > 0:
            found = await self._queues.waiting(limit=room, now=mine.now)
            if not found:
                break
            heads = await self._queues.heads(one.identity for one in found)
            if behind := [one for one in found if one.id not in heads]:
                await self._queues.hold_back(behind)
            if first := [one for one in found if one.id in heads]:
                tried += first
                claims += await self._take(mine, first)
            if len(found) < room:
                break
        return claims

    async def _take(self, mine: _Claiming, sends: Sequence[Queued]) -> list[Claim]:
        """Claim sends that may go; each is claimed once, however many try at the same time."""
        taken = {
            "$set": {"status": SENDING, "until": mine.until, "claim": mine.token},
            "$inc": {"tries": 1},
        }
        await self._collections.sends.update_each(
            [Change({**_still(one, QUEUED), "due": {"$lte": mine.now}}, taken) for one in sends]
        )
        ours = {"_id": {"$in": [one.id for one in sends]}, "claim": mine.token}
        won, people = await both(
            self._collections.sends.find(ours, fields=_KNOWN), self._people.of(sends)
        )
        for found in won:
            self._known.put(SendId(text(found, "_id")), _known(found))
        claimed = {text(one, "_id"): one for one in won}
        return [
            people[one.identity].claim(one, claimed[one.id]) for one in sends if one.id in claimed
        ]

    async def _give_back(self) -> None:
        """Queue what was claimed and never handed over, as if it had not been."""
        for token, sends in list(self._stranded.items()):
            back = {
                "$set": {"status": QUEUED},
                "$unset": {"claim": "", "until": ""},
                "$inc": {"tries": -1},
            }
            await self._collections.sends.update_each(
                [Change({**_still(one, SENDING), "claim": token}, back) for one in sends]
            )
            self._stranded.pop(token, None)


def _known(send: Document) -> _Known:
    return _Known(
        identity=IdentityId(text(send, "identity")),
        channel=text(send, "channel"),
        account=text(send, "account"),
        parts=len(documents(send, "parts")),
        claim=maybe(send, "claim", str),
    )


def _part(send: SendId, identity: IdentityId, part: Document) -> Part:
    return Part(send, identity, text(part, "key"), integer(part, "number"), integer(part, "at"))


def _still(send: Queued, status: int) -> dict[str, object]:
    return {"_id": send.id, "identity": send.identity, "status": status}


def _settled(settlement: Settlement) -> Document:
    update: dict[str, dict[str, object]] = {
        "$set": {
            "status": SEND_NUMBERS[settlement.status],
            "due": micros(settlement.due or settlement.at),
            "detail": settlement.detail,
            "warnings": list(settlement.warnings),
            "held": False,
        },
        "$unset": {"until": "", "claim": ""},
    }
    if settlement.failure is None:
        update["$unset"]["failure"] = ""
    else:
        update["$set"]["failure"] = settlement.failure.value
    if not settlement.counted:
        update["$inc"] = {"tries": -1}
    return update


def _newest_part(send: Document, key: str) -> int:
    return max(integer(part, "at") for part in documents(send, "parts") if part["key"] == key)
