"""What a customer's card reads beside facts and links."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import apsw

from bot.embedded.database import Database
from bot.model.consents import ConsentFact, standing
from bot.model.fact import Fact, FactKind
from bot.model.ids import IdentityId
from bot.model.landmarks import Landmark
from bot.model.moments import micros, moment
from bot.model.people import ChannelIdentity
from bot.model.thread import Entry
from bot.stores.sqlite.rows import identity_of

_LANDMARKS: Final = """
SELECT seq, entry FROM entries WHERE identity = ? AND landmark = ? AND seq < ?
ORDER BY seq DESC LIMIT ?
"""
_CONSENTS: Final = """
SELECT opted_out, source, at, facet FROM consents WHERE identity = ? ORDER BY at, rowid
"""
_ATTESTED: Final = """
SELECT id, thread, channel, account, user, phone, name, username, language, created_at
FROM identities WHERE phone = ? ORDER BY created_at, id LIMIT ?
"""
_FIRST: Final = """
SELECT at, id, fact FROM facts WHERE identity = ? AND kind = ? ORDER BY at, id LIMIT 1
"""
_NO_BEFORE: Final = 2**62


class SqliteCards:
    """The `Cards` section of the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def landmarks(
        self,
        identities: Sequence[IdentityId],
        *,
        of: Collection[Landmark] = (),
        before: int | None = None,
        limit: int = 100,
    ) -> list[Entry]:
        """See the port; the cost does not depend on how many entries there are."""
        end = _NO_BEFORE if before is None else before
        found: list[str] = await self._database.read(
            partial(_landmarks, identities, of or list(Landmark), end=end, limit=max(limit, 0))
        )
        return [Entry.model_validate_json(text) for text in found]

    async def consents(self, identities: Sequence[IdentityId]) -> list[ConsentFact]:
        """See the port."""
        return await self._database.read(partial(_consents, identities))

    async def attested(self, phone: str, *, limit: int = 20) -> list[ChannelIdentity]:
        """See the port."""
        return await self._database.read(
            lambda look: [
                identity_of(row) for row in look.execute(_ATTESTED, (phone, max(limit, 0)))
            ]
        )

    async def attempts(self, key: str, *, now: datetime, window: timedelta) -> int:
        """See the port."""
        count: int = await self._database.read(
            lambda look: (
                look.execute(
                    "SELECT count(*) FROM attempts WHERE key = ? AND at > ?",
                    (key, micros(now - window)),
                ).get
            )
        )
        return count

    async def first_fact(self, identities: Sequence[IdentityId], kind: FactKind) -> Fact | None:
        """See the port."""
        text = await self._database.read(partial(_first, identities, kind))
        return None if text is None else Fact.model_validate_json(text)


def _landmarks(
    identities: Sequence[IdentityId],
    of: Collection[Landmark],
    connection: apsw.Connection,
    *,
    end: int,
    limit: int,
) -> list[str]:
    found: dict[int, str] = {}
    for identity in identities:
        for landmark in of:
            found.update(connection.execute(_LANDMARKS, (identity, landmark, end, limit)))
    return [found[seq] for seq in sorted(found, reverse=True)[:limit]]


def _consents(identities: Sequence[IdentityId], connection: apsw.Connection) -> list[ConsentFact]:
    found: list[ConsentFact] = []
    for identity in identities:
        rows: Iterable[tuple[int, str, int, str]] = connection.execute(_CONSENTS, (identity,))
        found += standing(
            ConsentFact(
                identity=identity,
                opted_out=bool(opted_out),
                source=source,
                at=moment(at),
                facet=facet or None,
            )
            for opted_out, source, at, facet in rows
        )
    return found


def _first(
    identities: Sequence[IdentityId], kind: FactKind, connection: apsw.Connection
) -> str | None:
    firsts: list[tuple[int, str, str]] = []
    for identity in identities:
        firsts += connection.execute(_FIRST, (identity, kind))
    return min(firsts)[2] if firsts else None
