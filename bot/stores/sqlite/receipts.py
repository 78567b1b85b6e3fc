"""Receipts and consents: facts that come in any order, and more than once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import apsw

from bot.errors import StoreError
from bot.model.channel import ReceiptStatus
from bot.model.consents import ConsentFact
from bot.model.ids import IdentityId
from bot.model.moments import micros
from bot.model.numbers import RECEIPT_NUMBERS
from bot.model.record import ReceiptFact

_FAILED = RECEIPT_NUMBERS[ReceiptStatus.FAILED]
_DELIVERED = RECEIPT_NUMBERS[ReceiptStatus.DELIVERED]

_MOVE = """
UPDATE parts SET status = ?, error_code = ?
WHERE external_id = ? AND channel = ? AND account = ? AND status < ?
"""
_KNOWN = """
SELECT 1 FROM parts WHERE external_id = ? AND channel = ? AND account = ? LIMIT 1
"""
_KEEP = """
INSERT OR IGNORE INTO early_receipts (external_id, channel, account, status, error_code, at)
VALUES (?, ?, ?, ?, ?, ?)
"""
_EARLY = """
SELECT status, error_code FROM early_receipts
WHERE external_id = ? AND channel = ? AND account = ? ORDER BY rowid
"""
_FORGET = """
DELETE FROM early_receipts WHERE external_id = ? AND channel = ? AND account = ?
"""


class PartKey(NamedTuple):
    """What a provider calls a part."""

    external_id: str
    channel: str
    account: str


class Progress(NamedTuple):
    """How far a part has come, by its number in `RECEIPT_NUMBERS`."""

    status: int
    error_code: str | None = None


def fold(now: Progress, told: Progress) -> Progress:
    """How far a part has come when it stood at `now` and the provider tells `told`.

    Forward only; a failure ends it, unless the part was delivered before.
    """
    if told.status == _FAILED:
        return told if now.status < _DELIVERED else now
    return told if now.status < told.status else now


def accept_receipts(connection: apsw.Connection, facts: Iterable[ReceiptFact]) -> None:
    """Move the parts that receipts speak of; keep those whose part has not left yet."""
    for fact in facts:
        if fact.external_id is not None:
            _one_part(connection, fact, external_id=fact.external_id)
        elif fact.user is not None and fact.watermark is not None:
            _up_to(connection, fact, user=fact.user, watermark=micros(fact.watermark))
        else:
            raise StoreError(
                f"a receipt of {fact.channel}/{fact.account} names neither a message nor a moment"
            )


def _one_part(connection: apsw.Connection, fact: ReceiptFact, *, external_id: str) -> None:
    status = RECEIPT_NUMBERS[fact.status]
    key = PartKey(external_id, fact.channel, fact.account)
    connection.execute(_MOVE, (status, fact.error_code, *key, _below(status)))
    if connection.changes() == 0 and connection.execute(_KNOWN, key).get is None:
        connection.execute(_KEEP, (*key, status, fact.error_code, micros(fact.at)))


def _up_to(connection: apsw.Connection, fact: ReceiptFact, *, user: str, watermark: int) -> None:
    identity = IdentityId.of(fact.channel, fact.account, user)
    status = RECEIPT_NUMBERS[fact.status]
    connection.execute(
        "INSERT INTO watermarks (identity, status, up_to) VALUES (?, ?, ?) "
        "ON CONFLICT DO UPDATE SET up_to = max(up_to, excluded.up_to)",
        (identity, status, watermark),
    )
    # `status < 3` lets the index of unread parts serve: what was read long ago costs nothing.
    connection.execute(
        "UPDATE parts SET status = ? WHERE identity = ? AND status < ? AND status < 3 AND at <= ?",
        (status, identity, _below(status), watermark),
    )


def _below(status: int) -> int:
    """The parts that a receipt of this status moves stand at a number below this."""
    return _DELIVERED if status == _FAILED else status


def take_progress(
    connection: apsw.Connection, key: PartKey, *, identity: IdentityId, at: int
) -> Progress:
    """How far a part has come that leaves now, by receipts that were faster than we."""
    now = Progress(RECEIPT_NUMBERS[ReceiptStatus.SENT])
    told: list[tuple[int, str | None]] = list(connection.execute(_EARLY, key))
    if told:
        connection.execute(_FORGET, key)
    for row in told:
        now = fold(now, Progress(*row))
    passed: Iterable[tuple[int]] = connection.execute(
        "SELECT status FROM watermarks WHERE identity = ? AND up_to >= ? ORDER BY status",
        (identity, at),
    )
    for (status,) in passed:
        now = fold(now, Progress(status))
    return now


def accept_consents(connection: apsw.Connection, facts: Iterable[ConsentFact]) -> None:
    """Record consents; the same one told again is one."""
    for fact in facts:
        connection.execute(
            "INSERT OR IGNORE INTO consents (identity, at, opted_out, source, facet) "
            "VALUES (?, ?, ?, ?, ?)",
            (fact.identity, micros(fact.at), int(fact.opted_out), fact.source, fact.facet or ""),
        )
