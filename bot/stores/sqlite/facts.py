"""What is known of customers beside what they said."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

import apsw

from bot.embedded.database import Database
from bot.errors import NotFound
from bot.model.fact import (
    FACT_KINDS,
    ClaimKind,
    Fact,
    FactKind,
    FactPlace,
    HeldFact,
    claim_key,
    members_key,
)
from bot.model.ids import FactId, IdentityId
from bot.model.moments import micros
from bot.stores.sqlite.texts import texts

_PUT = """
INSERT OR IGNORE INTO facts (id, identity, kind, at, claim, fact) VALUES (?, ?, ?, ?, ?, ?)
"""
_FACTS = """
SELECT at, id, fact FROM facts WHERE identity = ? AND kind = ? AND (at, id) < (?, ?)
ORDER BY at DESC, id DESC LIMIT ?
"""
_KNOWN = "SELECT id, fact FROM facts WHERE id IN (SELECT value FROM json_each(?))"
_CLAIMANTS = """
SELECT identity FROM facts WHERE claim = ? GROUP BY identity ORDER BY min(at), identity LIMIT ?
"""
_UNDER = """
SELECT at, id, fact FROM facts WHERE claim = ? AND (at, id) < (?, ?)
ORDER BY at DESC, id DESC LIMIT ?
"""
_HOLD = "INSERT OR IGNORE INTO held_facts (id, at, held) VALUES (?, ?, ?)"
_HELD = "SELECT held FROM held_facts WHERE (at, id) > (?, ?) ORDER BY at, id LIMIT ?"
_END = (2**62, "")
_BEGINNING = (-(2**62), "")


class SqliteFacts:
    """The `Facts` section of the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put_facts(self, facts: Sequence[Fact]) -> list[FactId]:
        """See the port."""
        return await self._database.write(partial(_put, facts))

    async def facts(
        self,
        identities: Sequence[IdentityId],
        *,
        kinds: Collection[FactKind] = (),
        before: FactPlace | None = None,
        limit: int = 100,
    ) -> list[Fact]:
        """See the port; the cost does not depend on how many facts there are."""
        end = _END if before is None else (micros(before.at), before.id)
        found: list[str] = await self._database.read(
            partial(_facts, identities, kinds or FACT_KINDS, end=end, limit=max(limit, 0))
        )
        return [Fact.model_validate_json(text) for text in found]

    async def known_facts(self, facts: Sequence[FactId]) -> list[Fact]:
        """See the port."""
        wanted = texts.dump_json(tuple(facts)).decode()
        found: dict[str, str] = await self._database.read(
            lambda look: dict(look.execute(_KNOWN, (wanted,)))
        )
        return [Fact.model_validate_json(found[fact]) for fact in facts if fact in found]

    async def claimants(self, what: ClaimKind, value: str, *, limit: int = 20) -> list[IdentityId]:
        """See the port."""
        rows: list[tuple[str]] = await self._database.read(
            lambda look: list(look.execute(_CLAIMANTS, (claim_key(what, value), max(limit, 0))))
        )
        return [IdentityId(identity) for (identity,) in rows]

    async def members(self, organisation: str, *, limit: int = 500) -> list[Fact]:
        """See the port."""
        return await self.facts_under([members_key(organisation)], limit=limit)

    async def facts_under(
        self, keys: Sequence[str], *, before: FactPlace | None = None, limit: int = 100
    ) -> list[Fact]:
        """See the port."""
        end = _END if before is None else (micros(before.at), before.id)
        found: list[str] = await self._database.read(
            partial(_under, keys, end=end, limit=max(limit, 0))
        )
        return [Fact.model_validate_json(text) for text in found]

    async def hold_facts(self, held: Sequence[HeldFact]) -> list[FactId]:
        """See the port."""
        return await self._database.write(partial(_hold, held))

    async def held_facts(
        self, *, after: FactPlace | None = None, limit: int = 100
    ) -> list[HeldFact]:
        """See the port."""
        place = _BEGINNING if after is None else (micros(after.at), after.id)
        rows: list[tuple[str]] = await self._database.read(
            lambda look: list(look.execute(_HELD, (*place, max(limit, 0))))
        )
        return [HeldFact.model_validate_json(text) for (text,) in rows]

    async def held_fact(self, held: FactId) -> HeldFact | None:
        """See the port."""
        text: str | None = await self._database.read(
            lambda look: look.execute("SELECT held FROM held_facts WHERE id = ?", (held,)).get
        )
        return None if text is None else HeldFact.model_validate_json(text)

    async def drop_held_fact(self, held: FactId) -> bool:
        """See the port."""
        return await self._database.write(partial(_drop, held))


def write_fact(connection: apsw.Connection, fact: Fact) -> bool:
    """Keep a fact; False when it is there. Raises ConstraintError for an unknown identity."""
    row = (fact.id, fact.identity, fact.body.kind, micros(fact.at), fact.claim)
    connection.execute(_PUT, (*row, fact.model_dump_json()))
    return connection.changes() > 0


def _put(facts: Sequence[Fact], connection: apsw.Connection) -> list[FactId]:
    for identity in {fact.identity for fact in facts}:
        known: int = connection.execute(
            "SELECT count(*) FROM identities WHERE id = ?", (identity,)
        ).get
        if not known:
            raise NotFound(f"no identity {identity} to know something of")
    return [fact.id for fact in facts if write_fact(connection, fact)]


def _facts(
    identities: Sequence[IdentityId],
    kinds: Collection[FactKind],
    connection: apsw.Connection,
    *,
    end: tuple[int, str],
    limit: int,
) -> list[str]:
    found: dict[tuple[int, str], str] = {}
    for identity in identities:
        for kind in kinds:
            rows = connection.execute(_FACTS, (identity, kind, *end, limit))
            found.update({(at, fact): text for at, fact, text in rows})
    return [found[place] for place in sorted(found, reverse=True)[:limit]]


def _under(
    keys: Sequence[str], connection: apsw.Connection, *, end: tuple[int, str], limit: int
) -> list[str]:
    found: dict[tuple[int, str], str] = {}
    for key in keys:
        rows = connection.execute(_UNDER, (key, *end, limit))
        found.update({(at, fact): text for at, fact, text in rows})
    return [found[place] for place in sorted(found, reverse=True)[:limit]]


def _hold(held: Sequence[HeldFact], connection: apsw.Connection) -> list[FactId]:
    fresh: list[FactId] = []
    for one in held:
        connection.execute(_HOLD, (one.id, micros(one.at), one.model_dump_json()))
        if connection.changes():
            fresh.append(one.id)
    return fresh


def _drop(held: FactId, connection: apsw.Connection) -> bool:
    connection.execute("DELETE FROM held_facts WHERE id = ?", (held,))
    return connection.changes() > 0
