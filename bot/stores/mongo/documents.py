"""Documents as values of the model, and back.

A field `value` is the JSON text of a value; beside it stand only the fields that queries need.
Moments are microseconds since 1970. What is not known is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

from pydantic import TypeAdapter
from pydantic_core import to_json

from bot.errors import StoreError
from bot.model.channel import Address
from bot.model.event import ThreadEvent
from bot.model.ids import IdentityId, ThreadId
from bot.model.moments import micros, moment
from bot.model.people import ChannelIdentity
from bot.model.record import RawRequest
from bot.stores.mongo.collection import Document

_T = TypeVar("_T")

# What an event's `state` is.
WAITING: Final = 0
DONE: Final = 1
DEAD: Final = 2
# One that is `ending` has had its effect: it is done as soon as that is copied out.
TO_PROCESS: Final[Document] = {"state": WAITING, "ending": None}

_HEADERS: TypeAdapter[tuple[tuple[str, str], ...]] = TypeAdapter(tuple[tuple[str, str], ...])


# --- fields ----------------------------------------------------------------------------------


def maybe(document: Document, field: str, kind: type[_T]) -> _T | None:
    """A field, or None where there is none; raises StoreError for one of another kind."""
    found = document.get(field)
    if found is None or isinstance(found, kind):
        return found
    raise StoreError(
        f"document {document.get('_id')}: {field} is a {type(found).__name__}, not a "
        f"{kind.__name__}. Was it written by something else?"
    )


def field_of(document: Document, field: str, kind: type[_T]) -> _T:
    """A field that is always there; raises StoreError when it is not, or of another kind."""
    found = maybe(document, field, kind)
    if found is None:
        raise StoreError(f"document {document.get('_id')}: {field} is missing")
    return found


def text(document: Document, field: str) -> str:
    """A text that is always there."""
    return field_of(document, field, str)


def integer(document: Document, field: str) -> int:
    """A whole number that is always there."""
    return field_of(document, field, int)


def documents(document: Document, field: str) -> list[Document]:
    """The documents that a field lists, none where there is no field."""
    found: list[object] = maybe(document, field, list) or []
    return [one for one in found if isinstance(one, Mapping)]


def document_in(document: Document, field: str) -> Document | None:
    """A document that is embedded, or None where there is none."""
    found = document.get(field)
    return found if isinstance(found, Mapping) else None


def framed(*parts: str) -> str:
    """A key made of parts, never the same for other parts."""
    return "".join(f"{len(part)}:{part}" for part in parts)


# --- values ----------------------------------------------------------------------------------


def identity_of(document: Document) -> ChannelIdentity:
    """A document of `identities` as a value."""
    return ChannelIdentity(
        id=IdentityId(text(document, "_id")),
        thread=ThreadId(text(document, "thread")),
        address=address_of(document),
        phone=maybe(document, "phone", str),
        name=maybe(document, "name", str),
        username=maybe(document, "username", str),
        language=maybe(document, "language", str),
        created_at=moment(integer(document, "created_at")),
    )


def address_of(document: Document) -> Address:
    """Where the identity of a document of `identities` can be reached."""
    return Address(
        channel=text(document, "channel"),
        account=text(document, "account"),
        user=text(document, "user"),
    )


def event_document(
    event: ThreadEvent, *, request_of: str | None = None, request_key: str | None = None
) -> dict[str, object]:
    """An event that waits; `request_of` is the event that its request is kept with."""
    document: dict[str, object] = {
        "_id": event.id,
        "seq": event.seq,
        "identity": event.identity,
        "thread": event.thread,
        "at": micros(event.at),
        "state": WAITING,
        "value": event.model_dump_json(),
    }
    if request_of is not None:
        document["request_of"] = request_of
    if request_key is not None:
        document["request_key"] = request_key
    return document


def event_of(document: Document) -> ThreadEvent:
    """A document of `events` as a value."""
    return ThreadEvent.model_validate_json(text(document, "value"))


def part_key(channel: str, account: str, external_id: str) -> str:
    """What a provider calls a part, as the key of `sends.parts` and `early_receipts`."""
    return framed(channel, account, external_id)


def request_document(request: RawRequest) -> dict[str, object]:
    """A raw request, to be embedded."""
    return {
        "channel": request.channel,
        "account": request.account,
        "method": request.method,
        "url": request.url,
        "headers": to_json(request.headers).decode(),
        "body": request.body,
        "at": micros(request.at),
    }


def request_of(document: Document) -> RawRequest:
    """An embedded raw request as a value."""
    return RawRequest(
        channel=text(document, "channel"),
        account=text(document, "account"),
        method=text(document, "method"),
        url=text(document, "url"),
        headers=_HEADERS.validate_json(text(document, "headers")),
        body=field_of(document, "body", bytes),
        at=moment(integer(document, "at")),
    )
