"""Sends: claimed, made, settled; in order for each recipient."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from secrets import token_hex

import apsw
from pydantic import BaseModel

from bot.embedded.database import Database
from bot.errors import NotFound, StoreError
from bot.model.channel import Address
from bot.model.ids import IdentityId, SendId
from bot.model.moments import micros, moment
from bot.model.numbers import SEND_NUMBERS
from bot.model.record import Claim, SendItem, Settlement
from bot.model.sending import FailureKind, PartSent
from bot.model.thread import LastInbound, SendStatus
from bot.stores.sqlite.receipts import PartKey, take_progress
from bot.stores.sqlite.texts import texts

_DUE = """
SELECT s.place, s.item, s.entry_seq, s.tries + 1, i.channel, i.account, i.user, t.epoch, t.state
FROM sends s JOIN identities i ON i.id = s.identity LEFT JOIN threads t ON t.id = i.thread
WHERE s.status = 0 AND s.held = 0 AND s.due <= ?
ORDER BY s.due, s.place LIMIT ?
"""
_NEXT_DUE = """
SELECT due FROM sends WHERE status = 0 AND held = 0 ORDER BY due LIMIT 1
"""
_SEND_OF = """
SELECT s.id FROM parts p JOIN sends s ON s.place = p.place
WHERE p.external_id = ? AND p.channel = ? AND p.account = ? ORDER BY p.at DESC LIMIT 1
"""
_SETTLE = """
UPDATE sends
SET status = ?, due = ?, failure = ?, detail = ?, warnings = ?, tries = tries - ?
WHERE id = ? AND status < 2
"""
_RELEASE_NEXT = """
UPDATE sends SET held = 0 WHERE held = 1 AND place = (
    SELECT min(place) FROM sends WHERE status < 2
        AND identity = (SELECT identity FROM sends WHERE id = ?))
"""
_INSERT_PART = """
INSERT INTO parts (place, number, identity, channel, account, external_id, status, error_code, at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

_MARK = """
UPDATE sends SET status = 1, tries = ?, held_until = ?, claimed_by = ? WHERE place = ?
"""
_PROLONG = """
UPDATE sends SET held_until = ? WHERE id = ? AND status = 1 AND claimed_by = ?
"""
# `status < 2` lets the index of active sends serve.
_LAPSED = """
SELECT id, item FROM sends WHERE status < 2 AND status = 1 AND (held_until <= ? OR claimed_by <> ?)
ORDER BY place
"""

# Until when, and for which opening of the file.
_Hold = tuple[int, str]
_DueRow = tuple[int, str, int, int, str, str, str, int | None, str | None]


class _Heard(BaseModel, extra="ignore"):
    """The part of a thread's state that a claim needs."""

    last_inbound: tuple[LastInbound, ...] = ()


class SqliteOutbox:
    """The `Outbox` section of the store.

    One process at a time serves a file, so that the claims of any opening before are void.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._opening = token_hex(8)

    async def claim_sends(self, *, now: datetime, limit: int, until: datetime) -> list[Claim]:
        """See the port; the epoch is that of the thread the recipient belongs to now."""
        hold = (micros(until), self._opening)
        return await self._database.write(
            partial(_claim, now=micros(now), limit=max(limit, 0), hold=hold)
        )

    async def hold_sends(self, sends: Sequence[SendId], *, until: datetime) -> list[SendId]:
        """See the port."""
        hold = (micros(until), self._opening)
        return await self._database.write(partial(_hold, sends=sends, hold=hold))

    async def part_sent(self, send: SendId, part: PartSent, *, at: datetime) -> None:
        """See the port; raises NotFound for an unknown send."""
        await self._database.write(partial(_add_part, send=send, part=part, at=micros(at)))

    async def settle(self, settlement: Settlement) -> None:
        """See the port; what is final stays as it is. Raises NotFound for an unknown send."""
        await self._database.write(partial(_settle, settlement))

    async def recover_sends(self, *, now: datetime) -> list[SendItem]:
        """See the port; recovery has no moment of its own in the record."""
        hold = (micros(now), self._opening)
        return await self._database.write(partial(_recover, hold=hold))

    async def next_due(self) -> datetime | None:
        """See the port; a send behind another one of its recipient does not count."""
        due: int | None = self._database.glance(lambda look: look.execute(_NEXT_DUE).get)
        return None if due is None else moment(due)

    async def sent_part(self, *, channel: str, account: str, external_id: str) -> SendId | None:
        """See the port."""
        send: str | None = self._database.glance(
            lambda look: (
                look.execute(
                    _SEND_OF,
                    PartKey(external_id, channel, account),
                ).get
            )
        )
        return None if send is None else SendId(send)


def _claim(connection: apsw.Connection, *, now: int, limit: int, hold: _Hold) -> list[Claim]:
    rows: list[_DueRow] = list(connection.execute(_DUE, (now, limit)))
    for row in rows:
        connection.execute(_MARK, (row[3], *hold, row[0]))
    return [_claim_of(connection, row) for row in rows]


def _hold(connection: apsw.Connection, *, sends: Sequence[SendId], hold: _Hold) -> list[SendId]:
    held = []
    for send in sends:
        connection.execute(_PROLONG, (hold[0], send, hold[1]))
        if connection.changes() > 0:
            held.append(send)
    return held


def _claim_of(connection: apsw.Connection, row: _DueRow) -> Claim:
    place, text, seq, tries, channel, account, user, epoch, state = row
    item = SendItem.model_validate_json(text)
    return Claim(
        item=item,
        seq=seq,
        address=Address(channel=channel, account=account, user=user),
        epoch_now=epoch or 0,
        last_inbound_at=_heard_at(state, item.identity),
        # At the first attempt nothing can have left yet.
        parts_sent=_parts_of(connection, place) if tries > 1 else (),
        tries=tries,
    )


def _heard_at(state: str | None, identity: IdentityId) -> datetime | None:
    if state is None:
        return None
    heard = _Heard.model_validate_json(state).last_inbound
    return next((last.at for last in heard if last.identity == identity), None)


def _parts_of(connection: apsw.Connection, place: int) -> tuple[PartSent, ...]:
    rows: Iterable[tuple[str]] = connection.execute(
        "SELECT external_id FROM parts WHERE place = ? ORDER BY number", (place,)
    )
    return tuple(PartSent(external_id=external_id) for (external_id,) in rows)


def _add_part(connection: apsw.Connection, *, send: SendId, part: PartSent, at: int) -> None:
    row: tuple[int, str, str, str, int] | None = connection.execute(
        "SELECT s.place, s.identity, i.channel, i.account, "
        "(SELECT coalesce(max(p.number), 0) + 1 FROM parts p WHERE p.place = s.place) "
        "FROM sends s JOIN identities i ON i.id = s.identity WHERE s.id = ?",
        (send,),
    ).get
    if row is None:
        raise NotFound(f"no send {send} for a part to belong to")
    place, identity, channel, account, number = row
    key = PartKey(part.external_id, channel, account)
    progress = take_progress(connection, key, identity=IdentityId(identity), at=at)
    connection.execute(
        _INSERT_PART,
        (place, number, identity, channel, account, part.external_id, *progress, at),
    )


def _settle(settlement: Settlement, connection: apsw.Connection) -> None:
    if settlement.status is SendStatus.SENDING:
        raise StoreError(f"send {settlement.send}: being made is no way for an attempt to end")
    connection.execute(
        _SETTLE,
        (
            SEND_NUMBERS[settlement.status],
            micros(settlement.due or settlement.at),
            settlement.failure,
            settlement.detail,
            texts.dump_json(settlement.warnings).decode(),
            not settlement.counted,
            settlement.send,
        ),
    )
    if connection.changes() > 0:
        if settlement.status is not SendStatus.QUEUED:
            connection.execute(_RELEASE_NEXT, (settlement.send,))
    elif connection.execute("SELECT 1 FROM sends WHERE id = ?", (settlement.send,)).get is None:
        raise NotFound(f"no send {settlement.send} to settle")


def _recover(connection: apsw.Connection, *, hold: _Hold) -> list[SendItem]:
    rows: list[tuple[str, str]] = list(connection.execute(_LAPSED, hold))
    connection.executemany(
        "UPDATE sends SET status = ?, failure = ?, detail = ? WHERE id = ?",
        [
            (
                SEND_NUMBERS[SendStatus.UNKNOWN],
                FailureKind.UNCERTAIN,
                "whoever was sending this stopped, or lost touch",
                send,
            )
            for send, _ in rows
        ],
    )
    connection.executemany(_RELEASE_NEXT, [(send,) for send, _ in rows])
    return [SendItem.model_validate_json(item) for _, item in rows]
