"""What a customer's card reads beside facts and links."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from bot.model.consents import ConsentFact, standing
from bot.model.fact import Fact, FactKind
from bot.model.ids import IdentityId
from bot.model.landmarks import Landmark
from bot.model.moments import micros, moment
from bot.model.people import ChannelIdentity
from bot.model.thread import Entry
from bot.stores.mongo.collection import Document
from bot.stores.mongo.documents import documents, identity_of, integer, maybe, text
from bot.stores.mongo.schema import Collections


class MongoCards:
    """The `Cards` section of the store."""

    def __init__(self, collections: Collections) -> None:
        self._collections = collections

    async def landmarks(
        self,
        identities: Sequence[IdentityId],
        *,
        of: Collection[Landmark] = (),
        before: int | None = None,
        limit: int = 100,
    ) -> list[Entry]:
        """See the port; the cost does not depend on how many entries there are."""
        if limit <= 0 or not identities:
            return []
        query: Document = {
            "identity": {"$in": list(identities)},
            "landmark": {"$in": [one.value for one in of or Landmark]},
            **({} if before is None else {"seq": {"$lt": before}}),
        }
        found = await self._collections.entries.find(
            query, fields=("value",), sort=(("seq", -1),), limit=limit
        )
        return [Entry.model_validate_json(text(one, "value")) for one in found]

    async def consents(self, identities: Sequence[IdentityId]) -> list[ConsentFact]:
        """See the port."""
        told = await self._collections.consents.find(
            {"identity": {"$in": list(identities)}}, sort=(("at", 1), ("number", 1))
        )
        words = [_consent(one) for one in told]
        return [
            fact
            for identity in identities
            for fact in standing(one for one in words if one.identity == identity)
        ]

    async def attested(self, phone: str, *, limit: int = 20) -> list[ChannelIdentity]:
        """See the port."""
        if limit <= 0:
            return []
        found = await self._collections.identities.find(
            {"phone": phone}, sort=(("created_at", 1), ("_id", 1)), limit=limit
        )
        return [identity_of(one) for one in found]

    async def attempts(self, key: str, *, now: datetime, window: timedelta) -> int:
        """See the port."""
        found = await self._collections.attempts.find_one({"_id": key}, fields=("attempts",))
        since = micros(now - window)
        counted = [] if found is None else documents(found, "attempts")
        return sum(integer(one, "at") > since for one in counted)

    async def first_fact(self, identities: Sequence[IdentityId], kind: FactKind) -> Fact | None:
        """See the port."""
        found = await self._collections.facts.find(
            {"identity": {"$in": list(identities)}, "kind": kind},
            fields=("value",),
            sort=(("at", 1), ("_id", 1)),
            limit=1,
        )
        return Fact.model_validate_json(text(found[0], "value")) if found else None


def _consent(document: Document) -> ConsentFact:
    return ConsentFact(
        identity=IdentityId(text(document, "identity")),
        opted_out=document.get("opted_out") is True,
        source=text(document, "source"),
        at=moment(integer(document, "at")),
        facet=maybe(document, "facet", str),
    )
