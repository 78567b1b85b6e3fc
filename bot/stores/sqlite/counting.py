"""What is counted beside the line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Final

import apsw

from bot.embedded.database import Database
from bot.model.counts import CardSeen, PersonaCounts
from bot.model.moments import micros, moment

_HOLD: Final = """
INSERT INTO chores (name, holder, held_until) VALUES (?1, ?2, ?4)
ON CONFLICT (name) DO UPDATE SET holder = ?2, held_until = ?4 WHERE holder = ?2 OR held_until <= ?3
"""
_COUNTS: Final = """
SELECT counts FROM persona_counts WHERE at <= ? ORDER BY at DESC LIMIT 1
"""
_KEEP: Final = """
INSERT INTO persona_counts (day, at, counts) VALUES (?1, ?2, ?3)
ON CONFLICT (day) DO UPDATE SET at = ?2, counts = ?3 WHERE at <= ?2
"""
_SEEN: Final = """
SELECT version, at FROM persona_cards WHERE persona = ? ORDER BY at DESC, version LIMIT ?
"""
_NO_END: Final = 2**62
_VERSIONS: Final = 100


class SqliteCounting:
    """The `Counting` section of the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def hold_chore(self, name: str, *, holder: str, now: datetime, until: datetime) -> bool:
        """See the port."""
        held = (name, holder, micros(now), micros(until))
        return await self._database.write(partial(_hold, held))

    async def put_persona_counts(self, counts: PersonaCounts) -> None:
        """See the port."""
        row = (counts.at.date().isoformat(), micros(counts.at), counts.model_dump_json())
        await self._database.write(lambda connection: connection.execute(_KEEP, row).fetchall())

    async def persona_counts(self, *, until: datetime | None = None) -> PersonaCounts | None:
        """See the port."""
        end = _NO_END if until is None else micros(until)
        text: str | None = await self._database.read(lambda look: look.execute(_COUNTS, (end,)).get)
        return None if text is None else PersonaCounts.model_validate_json(text)

    async def see_cards(self, seen: Sequence[CardSeen]) -> None:
        """See the port."""
        await self._database.write(partial(_see, seen))

    async def cards_seen(self, persona: str) -> list[CardSeen]:
        """See the port."""
        rows: list[tuple[str, int]] = await self._database.read(
            lambda look: list(look.execute(_SEEN, (persona, _VERSIONS)))
        )
        return [CardSeen(persona=persona, version=one, at=moment(at)) for one, at in rows]


def _hold(held: tuple[str, str, int, int], connection: apsw.Connection) -> bool:
    connection.execute(_HOLD, held)
    return connection.changes() > 0


def _see(seen: Iterable[CardSeen], connection: apsw.Connection) -> None:
    for card in seen:
        latest: tuple[str, int] | None = connection.execute(_SEEN, (card.persona, 1)).get
        if latest is None or (latest[0] != card.version and latest[1] <= micros(card.at)):
            connection.execute(
                "INSERT OR IGNORE INTO persona_cards (persona, at, version) VALUES (?, ?, ?)",
                (card.persona, micros(card.at), card.version),
            )
