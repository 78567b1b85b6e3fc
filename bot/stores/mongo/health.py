"""How accounts fare, and accounts that the API made."""

from __future__ import annotations

from collections.abc import Collection as Some
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from bot.model.accounts import StoredAccount
from bot.model.health import SendsWaiting, Sign, SignCount
from bot.model.moments import micros, moment
from bot.stores.mongo.claims import QUEUED
from bot.stores.mongo.collection import Document
from bot.stores.mongo.documents import field_of, framed, integer, maybe, text
from bot.stores.mongo.schema import Collections

_ORDER: Final = (("channel", 1), ("account", 1), ("sign", 1), ("slot", 1))


class MongoHealth:
    """The `Health` and `Accounts` sections of the store."""

    def __init__(self, collections: Collections) -> None:
        self._collections = collections

    async def note_signs(self, signs: Sequence[SignCount]) -> None:
        """See the port."""
        for sign in signs:
            key = framed(sign.channel, sign.account, sign.sign.value, str(micros(sign.slot)))
            where: Document = {
                "channel": sign.channel,
                "account": sign.account,
                "sign": sign.sign.value,
                "slot": micros(sign.slot),
            }
            counted: Document = {"$inc": {"count": sign.count}, "$setOnInsert": where}
            await self._collections.signs.update_one({"_id": key}, counted, upsert=True)
            latest: Document = {
                "last_at": micros(sign.last_at),
                "detail": sign.detail,
                "seen": sign.seen,
                "until": None if sign.until is None else micros(sign.until),
            }
            older = {"_id": key, "last_at": {"$not": {"$gt": micros(sign.last_at)}}}
            await self._collections.signs.update_one(older, {"$set": latest})

    async def signs(self) -> list[SignCount]:
        """See the port."""
        found = await self._collections.signs.find({"last_at": {"$gt": 0}}, sort=_ORDER)
        return [_sign(one) for one in found]

    async def prune_signs(self, signs: Some[Sign], *, before: datetime) -> None:
        """See the port."""
        names = [sign.value for sign in signs]
        kept = await self._collections.signs.find(
            {"sign": {"$in": names}}, fields=("channel", "account", "sign", "slot"), sort=_ORDER
        )
        latest = {_key(one): text(one, "_id") for one in kept}
        old = [
            text(one, "_id")
            for one in kept
            if integer(one, "slot") < micros(before) and latest[_key(one)] != one["_id"]
        ]
        if old:
            await self._collections.signs.delete_many({"_id": {"$in": old}})

    async def waiting_sends(self, *, most: int) -> list[SendsWaiting]:
        """See the port."""
        if most <= 0:
            return []
        found = await self._collections.sends.find(
            {"status": QUEUED, "held": False},
            fields=("channel", "account", "due"),
            sort=(("due", 1), ("place", 1)),
            limit=most,
        )
        waiting: dict[tuple[str, str], list[int]] = {}
        for one in found:
            where = (text(one, "channel"), text(one, "account"))
            waiting.setdefault(where, []).append(integer(one, "due"))
        return [
            SendsWaiting(channel=channel, account=account, count=len(due), due=moment(min(due)))
            for (channel, account), due in sorted(waiting.items())
        ]

    async def put_account(self, account: StoredAccount) -> bool:
        """See the port."""
        key = framed(account.channel, account.account)
        kept: Document = {
            "channel": account.channel,
            "account": account.account,
            "version": account.version,
            "sealed": account.sealed,
            "by": account.by,
            "at": micros(account.at),
        }
        accounts = self._collections.accounts
        if account.version == 1:
            return await accounts.insert_one({"_id": key, **kept})
        before: Document = {"_id": key, "version": account.version - 1}
        return bool(await accounts.update_one(before, {"$set": kept}))

    async def accounts(self) -> list[StoredAccount]:
        """See the port."""
        found = await self._collections.accounts.find({}, sort=(("channel", 1), ("account", 1)))
        return [_account(one) for one in found]

    async def drop_account(self, channel: str, account: str, *, version: int) -> bool:
        """See the port."""
        wanted: Document = {"_id": framed(channel, account), "version": version}
        return bool(await self._collections.accounts.delete_one(wanted))


def _key(document: Document) -> tuple[str, str, str]:
    return text(document, "channel"), text(document, "account"), text(document, "sign")


def _sign(document: Document) -> SignCount:
    until = maybe(document, "until", int)
    return SignCount(
        channel=text(document, "channel"),
        account=text(document, "account"),
        sign=Sign(text(document, "sign")),
        slot=moment(integer(document, "slot")),
        count=integer(document, "count"),
        last_at=moment(integer(document, "last_at")),
        detail=text(document, "detail"),
        seen=text(document, "seen"),
        until=None if until is None else moment(until),
    )


def _account(document: Document) -> StoredAccount:
    return StoredAccount(
        channel=text(document, "channel"),
        account=text(document, "account"),
        version=integer(document, "version"),
        sealed=bytes(field_of(document, "sealed", bytes)),
        by=text(document, "by"),
        at=moment(integer(document, "at")),
    )
