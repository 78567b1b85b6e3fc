"""Who messages go to, as they are at the moment of a claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from pydantic import BaseModel

from bot.model.ids import IdentityId
from bot.model.record import Claim, SendItem
from bot.model.sending import PartSent
from bot.model.thread import LastInbound
from bot.stores.mongo.claims import Queued
from bot.stores.mongo.collection import Document
from bot.stores.mongo.documents import address_of, documents, integer, maybe, text
from bot.stores.mongo.remembered import both
from bot.stores.mongo.schema import Collections

_PERSON: Final = ("thread", "channel", "account", "user")


class _Heard(BaseModel, extra="ignore"):
    """The part of a thread's state that a claim needs."""

    last_inbound: tuple[LastInbound, ...] = ()


class People:
    """Looks up recipients and their threads."""

    def __init__(self, collections: Collections) -> None:
        self._collections = collections

    async def of(self, sends: Sequence[Queued]) -> dict[str, Person]:
        """What the gate must know of each recipient, now."""
        identities = sorted({one.identity for one in sends})
        found, threads = await both(
            self._collections.identities.find({"_id": {"$in": identities}}, fields=_PERSON),
            self._heads({one.thread for one in sends}),
        )
        # Those that are not in the thread any more that the message was written in.
        elsewhere = {text(one, "thread") for one in found} - threads.keys()
        threads |= await self._heads(elsewhere)
        return {text(one, "_id"): Person(one, threads) for one in found}

    async def _heads(self, wanted: set[str]) -> dict[str, Document | None]:
        """The documents of these threads and of those they lead to; None where there is none."""
        known: dict[str, Document | None] = {}
        while wanted:
            query = {"_id": {"$in": sorted(wanted)}}
            found = await self._collections.threads.find(
                query, fields=["epoch", "value", "absorbed_by"]
            )
            known.update(dict.fromkeys(wanted))
            known.update((text(one, "_id"), one) for one in found)
            leads = {maybe(one, "absorbed_by", str) for one in found}
            wanted = {lead for lead in leads if lead is not None} - known.keys()
        return known


class Person:
    """A recipient at the moment of a claim."""

    def __init__(self, identity: Document, threads: Mapping[str, Document | None]) -> None:
        self._id = IdentityId(text(identity, "_id"))
        self._address = address_of(identity)
        thread = threads[text(identity, "thread")]
        while thread is not None and (lead := maybe(thread, "absorbed_by", str)) is not None:
            thread = threads[lead]
        self._thread = thread

    def claim(self, send: Queued, won: Document) -> Claim:
        """What is handed over."""
        epoch = None if self._thread is None else maybe(self._thread, "epoch", int)
        return Claim(
            item=SendItem.model_validate_json(send.value),
            seq=send.entry_seq,
            address=self._address,
            epoch_now=epoch or 0,
            last_inbound_at=self._heard_at(),
            parts_sent=tuple(
                PartSent(external_id=text(part, "external_id")) for part in documents(won, "parts")
            ),
            tries=integer(won, "tries"),
        )

    def _heard_at(self) -> datetime | None:
        value = None if self._thread is None else maybe(self._thread, "value", str)
        if value is None:
            return None
        heard = _Heard.model_validate_json(value).last_inbound
        return next((last.at for last in heard if last.identity == self._id), None)
