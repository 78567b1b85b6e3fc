"""Receipts and consents: facts that come in any order, and more than once.

Receipts and parts come from two sides, perhaps at once. Each writes first and then looks for what
the other wrote, so that one of them sees both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from bot.errors import StoreError
from bot.model.channel import ReceiptStatus
from bot.model.consents import ConsentFact
from bot.model.ids import IdentityId, SendId
from bot.model.moments import micros
from bot.model.numbers import RECEIPT_NUMBERS
from bot.model.record import ReceiptFact
from bot.stores.mongo.documents import framed, integer, maybe, part_key, text
from bot.stores.mongo.driver import Document, Duplicate
from bot.stores.mongo.numbers import Numbers
from bot.stores.mongo.remembered import both
from bot.stores.mongo.schema import Collections

_SENT: Final = RECEIPT_NUMBERS[ReceiptStatus.SENT]
_DELIVERED: Final = RECEIPT_NUMBERS[ReceiptStatus.DELIVERED]
_READ: Final = RECEIPT_NUMBERS[ReceiptStatus.READ]
_FAILED: Final = RECEIPT_NUMBERS[ReceiptStatus.FAILED]


class Progress(NamedTuple):
    """How far a part has come, by its number in `RECEIPT_NUMBERS`."""

    status: int
    error_code: str | None = None


def fold(now: Progress, told: Progress) -> Progress:
    """How far a part has come when it stood at `now` and the provider tells `told`.

    Forward only; a failure ends it, unless the part was delivered before.
    """
    return told if now.status < _below(told.status) else now


def check_receipts(facts: Iterable[ReceiptFact]) -> None:
    """Raise StoreError for a receipt that names neither a part nor a moment."""
    for fact in facts:
        if fact.external_id is None and (fact.user is None or fact.watermark is None):
            raise StoreError(
                f"a receipt of {fact.channel}/{fact.account} names neither a message nor a moment"
            )


async def accept_receipts(
    collections: Collections, numbers: Numbers, facts: Iterable[ReceiptFact]
) -> None:
    """Move the parts that receipts speak of; keep those whose part has not left yet."""
    for fact in facts:
        if fact.external_id is not None:
            await _one_part(collections, numbers, fact, external_id=fact.external_id)
        elif fact.user is not None and fact.watermark is not None:
            identity = IdentityId.of(fact.channel, fact.account, fact.user)
            up_to = micros(fact.watermark)
            await _up_to(collections, identity, status=RECEIPT_NUMBERS[fact.status], up_to=up_to)


async def _one_part(
    collections: Collections, numbers: Numbers, fact: ReceiptFact, *, external_id: str
) -> None:
    told = Progress(RECEIPT_NUMBERS[fact.status], fact.error_code)
    key = part_key(fact.channel, fact.account, external_id)
    if await _move(collections, {"parts.key": key}, {"key": key}, told):
        return
    number = await numbers.take("facts", 1)
    early = framed(key, str(told.status))
    await collections.early_receipts.insert_one(
        {
            "_id": early,
            "key": key,
            "status": told.status,
            "error_code": told.error_code,
            "at": micros(fact.at),
            "number": number,
        }
    )
    if await _move(collections, {"parts.key": key}, {"key": key}, told):
        await collections.early_receipts.delete_one({"_id": early})


async def _up_to(
    collections: Collections, identity: IdentityId, *, status: int, up_to: int
) -> None:
    key = framed(identity, str(status))
    update: Document = {
        "$max": {"up_to": up_to},
        "$setOnInsert": {"identity": identity, "status": status},
    }
    try:
        await collections.watermarks.update_one({"_id": key}, update, upsert=True)
    except Duplicate:  # two made the first one at the same time
        await collections.watermarks.update_one({"_id": key}, update)
    # `status < 3` lets the index of unread parts serve: what was read long ago costs nothing.
    unread = {"at": {"$lte": up_to}, "status": {"$lt": min(_below(status), _READ)}}
    await _move(
        collections,
        {"identity": identity, "parts": {"$elemMatch": unread}},
        {"at": {"$lte": up_to}},
        Progress(status),
        keep_error=True,
    )


async def _move(
    collections: Collections,
    sends: Document,
    parts: Document,
    told: Progress,
    *,
    keep_error: bool = False,
) -> bool:
    """Move the parts of these sends that stand below; whether there are such sends at all."""
    change: dict[str, object] = {"parts.$[part].status": told.status}
    if not keep_error:
        change["parts.$[part].error_code"] = told.error_code
    wanted = {f"part.{name}": value for name, value in parts.items()}
    wanted["part.status"] = {"$lt": _below(told.status)}
    matched = await collections.sends.update_many(sends, {"$set": change}, array_filters=[wanted])
    return matched > 0


def _below(status: int) -> int:
    """The parts that a receipt of this status moves stand at a number below this."""
    return _DELIVERED if status == _FAILED else status


class Part(NamedTuple):
    """A part that has left and was recorded: of which send, at which place in it, when."""

    send: SendId
    identity: IdentityId
    key: str
    number: int
    at: int


async def take_progress(collections: Collections, part: Part) -> None:
    """Let receipts that were faster than we count for a part; call it when the part is written."""
    early, passed = await both(
        collections.early_receipts.find({"key": part.key}, sort=(("number", 1),)),
        collections.watermarks.find(
            {"identity": part.identity, "up_to": {"$gte": part.at}}, sort=(("status", 1),)
        ),
    )
    now = start = Progress(_SENT)
    for found in early:
        now = fold(now, Progress(integer(found, "status"), maybe(found, "error_code", str)))
    for found in passed:
        now = fold(now, Progress(integer(found, "status")))
    if now != start:
        own: Document = {"number": part.number, "key": part.key}
        await _move(collections, {"_id": part.send, "identity": part.identity}, own, now)
    if early:
        await collections.early_receipts.delete_many(
            {"_id": {"$in": [text(found, "_id") for found in early]}}
        )


async def accept_consents(
    collections: Collections, numbers: Numbers, facts: Sequence[ConsentFact]
) -> None:
    """Record consents; the same one told again is one."""
    if not facts:
        return
    first = await numbers.take("facts", len(facts))
    await collections.consents.insert_many(
        [
            {
                "_id": framed(
                    fact.identity,
                    str(micros(fact.at)),
                    str(fact.opted_out),
                    fact.source,
                    *([fact.facet] if fact.facet else []),
                ),
                "identity": fact.identity,
                "at": micros(fact.at),
                "opted_out": fact.opted_out,
                "source": fact.source,
                "facet": fact.facet,
                "number": number,
            }
            for number, fact in enumerate(facts, start=first)
        ]
    )
