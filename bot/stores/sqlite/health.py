"""How accounts fare, and accounts that the API made."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Final

import apsw

from bot.embedded.database import Database
from bot.model.accounts import StoredAccount
from bot.model.health import SendsWaiting, Sign, SignCount
from bot.model.moments import micros, moment

_NOTE: Final = """
INSERT INTO signs (channel, account, sign, slot, count, last_at, detail, seen, until)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
ON CONFLICT (channel, account, sign, slot) DO UPDATE SET
    count = count + ?5,
    detail = iif(?6 >= last_at, ?7, detail),
    seen = iif(?6 >= last_at, ?8, seen),
    until = iif(?6 >= last_at, ?9, until),
    last_at = max(last_at, ?6)
"""
_SIGNS: Final = """
SELECT channel, account, sign, slot, count, last_at, detail, seen, until FROM signs
ORDER BY channel, account, sign, slot
"""
_PRUNE: Final = """
DELETE FROM signs WHERE sign = ?1 AND slot < ?2 AND EXISTS (
    SELECT 1 FROM signs later WHERE later.channel = signs.channel
        AND later.account = signs.account AND later.sign = ?1 AND later.slot > signs.slot)
"""
_WAITING: Final = """
SELECT i.channel, i.account, count(*), min(s.due)
FROM (SELECT identity, due FROM sends WHERE status = 0 AND held = 0 ORDER BY due LIMIT ?) s
JOIN identities i ON i.id = s.identity GROUP BY i.channel, i.account ORDER BY i.channel, i.account
"""
_INSERT: Final = """
INSERT OR IGNORE INTO accounts (channel, account, version, sealed, by, at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
"""
_REPLACE: Final = """
UPDATE accounts SET version = ?3, sealed = ?4, by = ?5, at = ?6
WHERE channel = ?1 AND account = ?2 AND version = ?3 - 1
"""
_ACCOUNTS: Final = """
SELECT channel, account, version, sealed, by, at FROM accounts ORDER BY channel, account
"""
_DROP: Final = "DELETE FROM accounts WHERE channel = ? AND account = ? AND version = ?"

_SignRow = tuple[str, str, str, int, int, int, str, str, int | None]
_AccountRow = tuple[str, str, int, bytes, str, int]


class SqliteHealth:
    """The `Health` and `Accounts` sections of the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note_signs(self, signs: Sequence[SignCount]) -> None:
        """See the port."""
        if signs:
            rows = [_row(one) for one in signs]
            await self._database.write(lambda connection: connection.executemany(_NOTE, rows).get)

    async def signs(self) -> list[SignCount]:
        """See the port."""
        rows: list[_SignRow] = await self._database.read(lambda look: list(look.execute(_SIGNS)))
        return [_sign(row) for row in rows]

    async def prune_signs(self, signs: Collection[Sign], *, before: datetime) -> None:
        """See the port."""
        rows = [(sign.value, micros(before)) for sign in signs]
        await self._database.write(lambda connection: connection.executemany(_PRUNE, rows).get)

    async def waiting_sends(self, *, most: int) -> list[SendsWaiting]:
        """See the port."""
        rows: list[tuple[str, str, int, int]] = await self._database.read(
            lambda look: list(look.execute(_WAITING, (max(most, 0),)))
        )
        return [
            SendsWaiting(channel=channel, account=account, count=count, due=moment(due))
            for channel, account, count, due in rows
        ]

    async def put_account(self, account: StoredAccount) -> bool:
        """See the port."""
        row: _AccountRow = (
            account.channel,
            account.account,
            account.version,
            account.sealed,
            account.by,
            micros(account.at),
        )
        statement = _INSERT if account.version == 1 else _REPLACE
        return await self._database.write(partial(_changes, statement, row))

    async def accounts(self) -> list[StoredAccount]:
        """See the port."""
        rows: list[_AccountRow] = await self._database.read(
            lambda look: list(look.execute(_ACCOUNTS))
        )
        return [_account(row) for row in rows]

    async def drop_account(self, channel: str, account: str, *, version: int) -> bool:
        """See the port."""
        return await self._database.write(partial(_changes, _DROP, (channel, account, version)))


def _changes(
    statement: str, row: tuple[str | int | bytes, ...], connection: apsw.Connection
) -> bool:
    connection.execute(statement, row)
    return connection.changes() > 0


def _row(sign: SignCount) -> _SignRow:
    return (
        sign.channel,
        sign.account,
        sign.sign.value,
        micros(sign.slot),
        sign.count,
        micros(sign.last_at),
        sign.detail,
        sign.seen,
        None if sign.until is None else micros(sign.until),
    )


def _sign(row: _SignRow) -> SignCount:
    return SignCount(
        channel=row[0],
        account=row[1],
        sign=Sign(row[2]),
        slot=moment(row[3]),
        count=row[4],
        last_at=moment(row[5]),
        detail=row[6],
        seen=row[7],
        until=None if row[8] is None else moment(row[8]),
    )


def _account(row: _AccountRow) -> StoredAccount:
    return StoredAccount(
        channel=row[0],
        account=row[1],
        version=row[2],
        sealed=row[3],
        by=row[4],
        at=moment(row[5]),
    )
