"""What a person may ask of whoever keeps data on them: a copy of it all, and to be forgotten."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable
from typing import Final, NamedTuple

from pydantic import JsonValue
from pydantic_core import from_json

from bot.errors import NotFound
from bot.hub.telling import login_address
from bot.model.blob import Blob
from bot.model.channel import Address
from bot.model.fact import Fact, FactPlace, HeldFact
from bot.model.ids import BlobId, IdentityId, ThreadId
from bot.model.people import ByCustomer, ChannelIdentity
from bot.model.record import Span
from bot.model.thread import EchoOut, Entry, MessageIn, MessageOut
from bot.model.value import Value
from bot.ports import Store

_PAGE: Final = 500
# Where our own files are handed out.
_FILE: Final = re.compile(r"/files/(blb_[0-9a-f]{32})/")


class Customer(NamedTuple):
    """All identities that are one person now."""

    thread: ThreadId
    identities: tuple[ChannelIdentity, ...]

    @property
    def ids(self) -> list[IdentityId]:
        """The ids of the identities."""
        return [identity.id for identity in self.identities]


class Record(NamedTuple):
    """Something that is known of a customer, and what kind of thing it is."""

    kind: str
    value: Value


async def find(store: Store, name: str) -> Customer:
    """The customer of a thread, of an identity, or at `channel:account:user`; raises NotFound."""
    thread = await _thread(store, name)
    turn = None if thread is None else await store.turn(thread)
    if turn is None or not turn.identities:
        raise NotFound(
            f"nobody is known as {name!r}: name a thread (thr_...), an identity (idn_...), or "
            "channel:account:user"
        )
    return Customer(turn.state.thread, turn.identities)


async def records(store: Store, customer: Customer) -> AsyncIterator[Record]:
    """All that is known of a customer but for files: identities, links, entries, facts ..."""
    for identity in customer.identities:
        yield Record("identities", identity)
    for link in await store.links(customer.ids):
        yield Record("links", link)
    async for entry in _entries(store, customer):
        yield Record("entries", entry)
        if isinstance(entry.body, MessageOut):
            for send in await store.sends([entry.body.send]):
                yield Record("sends", send)
    async for fact in _facts(store, customer):
        yield Record("facts", fact)
    for told in await store.consents(customer.ids):
        yield Record("consents", told)
    for hold in await store.holds(customer.ids):
        yield Record("holds", hold)
    async for held in _held(store, customer):
        yield Record("quarantine", held)


async def files(store: Store, customer: Customer) -> AsyncIterator[Blob]:
    """The files that the customer sent us and that we sent them, each once."""
    seen: set[BlobId] = set()
    async for entry in _entries(store, customer):
        for name in _named(entry):
            if name not in seen:
                seen.add(name)
                blob = await store.blob(name)
                if blob is not None and _may_be_theirs(blob, customer):
                    yield blob


async def files_in(
    store: Store, entries: Iterable[Entry], customer: Customer
) -> tuple[BlobId, ...]:
    """The files that these entries of the customer have, each once."""
    names = dict.fromkeys(name for entry in entries for name in _named(entry))
    found = [await store.blob(name) for name in names]
    return tuple(
        blob.facts.id for blob in found if blob is not None and _may_be_theirs(blob, customer)
    )


async def erase(store: Store, customer: Customer) -> None:
    """Forget a customer, files and what is in quarantine too; see the store for what stays."""
    blobs = [blob.facts.id async for blob in files(store, customer)]
    held = [one.id async for one in _held(store, customer)]
    await store.erase(customer.ids, blobs=blobs)
    for one in held:
        await store.drop_held_fact(one)


async def _thread(store: Store, name: str) -> ThreadId | None:
    if name.startswith(f"{ThreadId.prefix}_"):
        return ThreadId(name)
    identity = IdentityId(name)
    if not name.startswith(f"{IdentityId.prefix}_"):
        channel, _, rest = name.partition(":")
        account, _, user = rest.partition(":")
        identity = Address(channel=channel, account=account, user=user).identity
    found = await store.identity(identity)
    return None if found is None else found.thread


async def _entries(store: Store, customer: Customer) -> AsyncIterator[Entry]:
    spans = [Span(identity=one) for one in customer.ids]
    after = 0
    while page := await store.entries(spans, after=after, limit=_PAGE):
        for entry in page:
            yield entry
        after = page[-1].seq


async def _facts(store: Store, customer: Customer) -> AsyncIterator[Fact]:
    before = None
    while page := await store.facts(customer.ids, before=before, limit=_PAGE):
        for fact in page:
            yield fact
        before = FactPlace.of(page[-1])


async def _held(store: Store, customer: Customer) -> AsyncIterator[HeldFact]:
    """What is in quarantine about the customer, as far as it can be told."""
    after = None
    while page := await store.held_facts(after=after, limit=_PAGE):
        for one in page:
            if _subject(from_json(one.raw)) in customer.ids:
                yield one
        after = FactPlace.of(page[-1])


def _subject(raw: JsonValue) -> IdentityId | None:
    subject = raw.get("subject") if isinstance(raw, dict) else None
    if not isinstance(subject, dict):
        return None
    realm, sub, identity = (subject.get(name) for name in ("realm", "sub", "identity"))
    if isinstance(realm, str) and isinstance(sub, str):
        return login_address(realm, sub).identity
    return IdentityId(identity) if isinstance(identity, str) else None


def _named(entry: Entry) -> list[BlobId]:
    """The files of our own that an entry names."""
    body = entry.body
    attachments = body.attachments if isinstance(body, MessageIn | MessageOut | EchoOut) else ()
    found = (_FILE.search(one.url or "") for one in attachments)
    return [BlobId(one[1]) for one in found if one is not None]


def _may_be_theirs(blob: Blob, customer: Customer) -> bool:
    """Another customer's file is not theirs because they name it."""
    by = blob.facts.by
    return not isinstance(by, ByCustomer) or by.identity in customer.ids
