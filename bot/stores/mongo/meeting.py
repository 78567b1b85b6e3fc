"""Identities on first sight and later: made, joined, filled in."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from bot.errors import NotFound, StoreError
from bot.model.event import IdentityJoined, ThreadEvent
from bot.model.ids import EventId, IdentityId, LinkId, ThreadId
from bot.model.moments import micros
from bot.model.people import Link, Proof
from bot.model.record import Arrival, IdentitySeed
from bot.model.search import customer_words
from bot.stores.mongo.collection import Document
from bot.stores.mongo.documents import document_in, event_document, integer, maybe, text
from bot.stores.mongo.listing import list_on_channels
from bot.stores.mongo.moving import NEVER, UNNUMBERED, is_before, move
from bot.stores.mongo.numbers import Numbers
from bot.stores.mongo.remembered import both
from bot.stores.mongo.schema import Collections

# How long somebody who was a moment earlier may take to make their identity: half a second.
_LOOKS: Final = 25
_BETWEEN_LOOKS: Final = 0.02

_TOLD: Final = ("phone", "name", "username", "language")
_FIELDS: Final = ("thread", "moved", "since", "joined", *_TOLD)


class Place(NamedTuple):
    """The thread that an identity is in, and the number of the move that brought it there."""

    thread: ThreadId
    moved: int = NEVER


class Holder(NamedTuple):
    """Whom a new identity is joined with, where that one is, and by what."""

    identity: IdentityId
    place: Place
    proof: Proof
    proof_id: str


@dataclass(frozen=True)
class Known:
    """An identity that is there; `joined` while the link that joined it is not copied out yet.

    `since` is lower than the number of any event of its own.
    """

    id: IdentityId
    place: Place
    since: int
    told: Mapping[str, str] = field(default_factory=dict)
    joined: Document | None = None


class Meeting:
    """The identities that one acceptance is about."""

    def __init__(self, collections: Collections, numbers: Numbers) -> None:
        self.known: dict[IdentityId, Known] = {}
        self._aliases: dict[str, IdentityId] = {}
        self._collections = collections
        self._numbers = numbers

    async def look_up(self, arrivals: Sequence[Arrival]) -> None:
        """Load what is known of those who arrive, and of their aliases."""
        aliases = {alias for one in arrivals if one.seed for alias in one.seed.aliases}
        identities = self._load({arrival.identity for arrival in arrivals})
        if aliases:
            await both(identities, self._load_aliases(aliases))
        else:
            await identities

    def refuse_unknown(self, arrivals: Sequence[Arrival]) -> None:
        """Raise NotFound for whoever is unknown and comes without a seed."""
        ours = set(self.known)
        for arrival in arrivals:
            if arrival.seed is not None:
                ours.add(arrival.identity)
            elif arrival.identity not in ours:
                raise NotFound(f"event {arrival.id}: no identity {arrival.identity}, and no seed")

    async def holder(self, identity: IdentityId, seed: IdentitySeed) -> Holder | None:
        """Whom a new identity is joined with: an alias of its own payload before an equal phone."""
        await self._load_aliases({identity, *seed.aliases})
        candidates = [
            (holder, alias)
            for alias in (identity, *seed.aliases)
            for holder in (alias, self._aliases.get(alias))
            if holder is not None and holder != identity
        ]
        await self._load({holder for holder, _ in candidates} - set(self.known))
        for holder, alias in candidates:
            known = self.known.get(holder)
            if known is not None:
                return Holder(holder, known.place, Proof.ALIAS, alias)
        if not (seed.phone and seed.join_phone):
            return None
        held = await self._phone_holder(seed.phone)
        return held or await self._first_by_phone(identity, seed.phone)

    async def make(
        self, arrival: Arrival, holder: Holder | None, *, number: int, request_of: EventId | None
    ) -> Known:
        """Insert a new identity, whole, with how it was joined; or find that it is there."""
        seed = arrival.seed
        if seed is None:
            raise StoreError(f"event {arrival.id}: nothing to make {arrival.identity} of")
        place = Place(seed.address.home_thread) if holder is None else holder.place
        document: dict[str, object] = {
            "_id": arrival.identity,
            "thread": place.thread,
            "moved": place.moved,
            "channel": seed.address.channel,
            "account": seed.address.account,
            "user": seed.address.user,
            **_told(seed),
            "words": _words(seed),
            "created_at": micros(arrival.at),
            "since": number,
        }
        if holder is not None:
            seq = await self._numbers.take("entries", 1)
            joined = _joined(arrival, holder, number=number, link_seq=seq)
            document["joined"] = (
                joined if request_of is None else joined | {"request_of": request_of}
            )
        if await self._collections.identities.insert_one(document):
            self._remember(document)
        else:
            await self._load({arrival.identity})
        return self.known[arrival.identity]

    async def take_in(self, one: Known, seed: IdentitySeed) -> Known:
        """Add what was not known of an identity, and its aliases; what is known stays."""
        new = {name: value for name, value in _told(seed).items() if name not in one.told}
        if new:
            # Told by two at once, the first counts. Texts are literal: they may begin with `$`.
            kept: dict[str, object] = {
                name: {"$ifNull": [f"${name}", {"$literal": new[name]}]} for name in new
            }
            kept["words"] = {"$setUnion": ["$words", {"$literal": _words(seed)}]}
            await self._collections.identities.update_one({"_id": one.id}, [{"$set": kept}])
            one = replace(one, told={**new, **one.told})
        unnamed = [alias for alias in dict.fromkeys(seed.aliases) if alias not in self._aliases]
        await self._collections.aliases.insert_many(
            [{"_id": alias, "identity": one.id} for alias in unnamed]
        )
        self._aliases.update(dict.fromkeys(unnamed, one.id))
        self.known[one.id] = one
        return one

    async def finish(self, one: Known) -> tuple[Known, ThreadEvent | None]:
        """Copy out how an identity was joined; also the event that tells so, if it is fresh.

        Done twice, or by two at once, it is done once.
        """
        joined = one.joined
        if joined is None:
            return one, None
        link = Link.model_validate_json(text(joined, "link"))
        one = await self._follow(one, link.other)
        await list_on_channels(self._collections, one.place.thread)
        await self._collections.links.insert_one(
            link_document(link, seq=integer(joined, "link_seq"))
        )
        event = ThreadEvent.model_validate_json(text(joined, "event"))
        request_of = maybe(joined, "request_of", str)
        fresh = await self._collections.events.insert_one(
            event_document(event, request_of=request_of)
        )
        await self._collections.identities.update_one({"_id": one.id}, {"$unset": {"joined": 1}})
        one = replace(one, joined=None)
        self.known[one.id] = one
        return one, event if fresh else None

    async def _follow(self, one: Known, holder: IdentityId) -> Known:
        """Follow whom a new identity was joined with, and a thread that has gone up in another.

        Whoever absorbs a thread first says so in its document and then moves its identities; we
        have written the identity and look now: one of us sees the other. A holder who was split
        off since takes the newcomer along.
        """
        while True:
            found, thread = await both(
                self._collections.identities.find_one({"_id": holder}, fields=("thread", "moved")),
                self._collections.threads.find_one(
                    {"_id": one.place.thread}, fields=("absorbed_by", "absorbed_at")
                ),
            )
            place = one.place if found is None else _place(found)
            if place.moved <= one.place.moved:
                survivor = None if thread is None else maybe(thread, "absorbed_by", str)
                if thread is None or survivor is None:
                    return one
                place = Place(ThreadId(survivor), maybe(thread, "absorbed_at", int) or UNNUMBERED)
                if not is_before(one.place.moved, place.moved):
                    return one  # that thread is about to be there again
            who = {"_id": one.id}
            await move(self._collections, who, to=place.thread, number=place.moved)
            one = replace(one, place=place)

    async def _phone_holder(self, phone: str) -> Holder | None:
        held = await self._collections.identities.find_one(
            {"phone": phone}, fields=("thread", "moved"), sort=(("created_at", 1), ("_id", 1))
        )
        if held is None:
            return None
        return Holder(IdentityId(text(held, "_id")), _place(held), Proof.ATTESTED_PHONE, phone)

    async def _first_by_phone(self, identity: IdentityId, phone: str) -> Holder | None:
        """None for the first who brings a phone number; for others at that moment, the first.

        Among the aliases stands who that is. If they do not get as far as being there, we go on
        without: then they stay two customers.
        """
        key = IdentityId.of("attested_phone", phone)
        aliases = self._collections.aliases
        for _ in range(_LOOKS):
            if await aliases.insert_one({"_id": key, "identity": identity}):
                return None
            held = await self._phone_holder(phone)
            if held is not None:
                return held
            if await aliases.find_one({"_id": key, "identity": identity}) is not None:
                return None  # that was us, and broke off
            await asyncio.sleep(_BETWEEN_LOOKS)
        await aliases.update_one({"_id": key}, {"$set": {"identity": identity}})
        return None

    async def _load(self, identities: set[IdentityId]) -> None:
        if not identities:
            return
        for found in await self._collections.identities.find(_among(identities), fields=_FIELDS):
            self._remember(found)

    async def _load_aliases(self, aliases: set[IdentityId]) -> None:
        unknown = aliases - set(self._aliases)
        if not unknown:
            return
        for found in await self._collections.aliases.find(_among(unknown)):
            self._aliases[text(found, "_id")] = IdentityId(text(found, "identity"))

    def _remember(self, document: Document) -> None:
        one = Known(
            id=IdentityId(text(document, "_id")),
            place=_place(document),
            since=integer(document, "since"),
            told={name: text(document, name) for name in _TOLD if name in document},
            joined=document_in(document, "joined"),
        )
        self.known[one.id] = one


def link_document(link: Link, *, seq: int) -> dict[str, object]:
    """A link, with the highest entry number there was when it was made."""
    return {
        "_id": link.id,
        "one": link.one,
        "other": link.other,
        "seq": seq,
        "value": link.model_dump_json(),
    }


def _among(ids: set[IdentityId]) -> Document:
    # One alone is looked up, not searched for.
    return {"_id": next(iter(ids)) if len(ids) == 1 else {"$in": sorted(ids)}}


def _joined(arrival: Arrival, holder: Holder, *, number: int, link_seq: int) -> dict[str, object]:
    """The link that puts a new identity where its holder is, and the event that tells of it."""
    link = Link(
        id=LinkId.of(holder.proof, arrival.identity, holder.identity, arrival.id),
        one=arrival.identity,
        other=holder.identity,
        proof=holder.proof,
        proof_id=holder.proof_id,
        at=arrival.at,
    )
    event = ThreadEvent(
        id=EventId.of("joined", link.id),
        identity=arrival.identity,
        thread=holder.place.thread,
        at=arrival.at,
        body=IdentityJoined(link=link),
        seq=number,
    )
    return {
        "link": link.model_dump_json(),
        "link_seq": link_seq,
        "event": event.model_dump_json(),
    }


def _place(document: Document) -> Place:
    moved = maybe(document, "moved", int)
    return Place(ThreadId(text(document, "thread")), NEVER if moved is None else moved)


def _told(seed: IdentitySeed) -> dict[str, str]:
    """What a seed tells; an empty text tells nothing."""
    told = zip(_TOLD, (seed.phone, seed.name, seed.username, seed.language), strict=True)
    return {name: value for name, value in told if value}


def _words(seed: IdentitySeed) -> list[str]:
    """The words that an identity is found by because of what a seed tells."""
    words = customer_words(seed.address, phone=seed.phone, name=seed.name, username=seed.username)
    return sorted(set(words))
