"""What is known of customers beside what they said: a document each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

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
from bot.stores.mongo.collection import Collection, Document
from bot.stores.mongo.documents import text
from bot.stores.mongo.schema import Collections

NEWEST: Final = (("at", -1), ("_id", -1))
# Where one kind is rare, MongoDB would rather sort what another index gives it.
BY_IDENTITY: Final = (("identity", 1), ("kind", 1), ("at", -1), ("_id", -1))


class MongoFacts:
    """The `Facts` section of the store."""

    def __init__(self, collections: Collections) -> None:
        self._collections = collections

    async def put_facts(self, facts: Sequence[Fact]) -> list[FactId]:
        """See the port."""
        named = sorted({fact.identity for fact in facts})
        found = await self._collections.identities.find({"_id": {"$in": named}}, fields=())
        unknown = set(named) - {text(one, "_id") for one in found}
        if unknown:
            raise NotFound(f"no identity {min(unknown)} to know something of")
        return await _insert(self._collections.facts, [fact_document(one) for one in facts])

    async def facts(
        self,
        identities: Sequence[IdentityId],
        *,
        kinds: Iterable[FactKind] = (),
        before: FactPlace | None = None,
        limit: int = 100,
    ) -> list[Fact]:
        """See the port."""
        if limit <= 0:
            return []
        query = facts_query(identities, list(kinds) or FACT_KINDS, before=before)
        found = await self._collections.facts.find(
            query, fields=("value",), sort=NEWEST, limit=limit, hint=BY_IDENTITY
        )
        return [_fact(one) for one in found]

    async def known_facts(self, facts: Sequence[FactId]) -> list[Fact]:
        """See the port."""
        found = await self._collections.facts.find({"_id": {"$in": list(facts)}}, fields=("value",))
        known = {fact.id: fact for fact in map(_fact, found)}
        return [known[fact] for fact in facts if fact in known]

    async def claimants(self, what: ClaimKind, value: str, *, limit: int = 20) -> list[IdentityId]:
        """See the port."""
        if limit <= 0:
            return []
        found = await self._collections.facts.aggregate(
            [
                {"$match": {"claim": claim_key(what, value)}},
                {"$group": {"_id": "$identity", "first": {"$min": "$at"}}},
                {"$sort": {"first": 1, "_id": 1}},
                {"$limit": limit},
            ]
        )
        return [IdentityId(text(one, "_id")) for one in found]

    async def members(self, organisation: str, *, limit: int = 500) -> list[Fact]:
        """See the port."""
        return await self.facts_under([members_key(organisation)], limit=limit)

    async def facts_under(
        self, keys: Sequence[str], *, before: FactPlace | None = None, limit: int = 100
    ) -> list[Fact]:
        """See the port."""
        if limit <= 0:
            return []
        query: dict[str, object] = {"claim": {"$in": list(keys)}}
        if before is not None:
            query |= _beyond("$lt", before)
        found = await self._collections.facts.find(
            query, fields=("value",), sort=NEWEST, limit=limit
        )
        return [_fact(one) for one in found]

    async def hold_facts(self, held: Sequence[HeldFact]) -> list[FactId]:
        """See the port."""
        return await _insert(self._collections.held_facts, [_held(one) for one in held])

    async def held_facts(
        self, *, after: FactPlace | None = None, limit: int = 100
    ) -> list[HeldFact]:
        """See the port."""
        if limit <= 0:
            return []
        found = await self._collections.held_facts.find(
            {} if after is None else _beyond("$gt", after),
            sort=(("at", 1), ("_id", 1)),
            limit=limit,
        )
        return [HeldFact.model_validate_json(text(one, "value")) for one in found]

    async def held_fact(self, held: FactId) -> HeldFact | None:
        """See the port."""
        found = await self._collections.held_facts.find_one({"_id": held})
        return None if found is None else HeldFact.model_validate_json(text(found, "value"))

    async def drop_held_fact(self, held: FactId) -> bool:
        """See the port."""
        return await self._collections.held_facts.delete_one({"_id": held}) > 0


def facts_query(
    identities: Iterable[IdentityId], kinds: Iterable[FactKind], *, before: FactPlace | None
) -> dict[str, object]:
    """What facts are looked for by, in the order `NEWEST`."""
    query: dict[str, object] = {
        "identity": {"$in": list(identities)},
        "kind": {"$in": list(kinds)},
    }
    return query if before is None else query | _beyond("$lt", before)


def fact_document(fact: Fact) -> dict[str, object]:
    """A fact as it is kept."""
    document: dict[str, object] = {
        "_id": fact.id,
        "identity": fact.identity,
        "kind": fact.body.kind,
        "at": micros(fact.at),
        "value": fact.model_dump_json(),
    }
    if fact.claim is not None:
        document["claim"] = fact.claim
    return document


async def _insert(collection: Collection, documents: Sequence[dict[str, object]]) -> list[FactId]:
    """Add documents, the first of each id; the ids of those that were not there."""
    first: dict[FactId, dict[str, object]] = {}
    for document in documents:
        first.setdefault(FactId(text(document, "_id")), document)
    repeats = set(await collection.insert_many(list(first.values())))
    return [fact for place, fact in enumerate(first) if place not in repeats]


def _fact(document: Document) -> Fact:
    return Fact.model_validate_json(text(document, "value"))


def _held(held: HeldFact) -> dict[str, object]:
    return {"_id": held.id, "at": micros(held.at), "value": held.model_dump_json()}


def _beyond(direction: str, place: FactPlace) -> dict[str, object]:
    """What lies beyond a place, in the order of moments and then ids."""
    at = micros(place.at)
    return {
        "at": {f"{direction}e": at},
        "$or": [{"at": {direction: at}}, {"_id": {direction: place.id}}],
    }
