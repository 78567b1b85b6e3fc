"""What browsers send over sockets, checked before anything is done with it."""

from __future__ import annotations

from typing import Annotated, Self, TypeVar

from pydantic import Field, StringConstraints, ValidationError, model_validator

from bot.edge.problems import Mistake, Refusal, mistakes
from bot.edge.signing import LONGEST_TOKEN
from bot.model.ids import BlobId, EntryId, ThreadId
from bot.model.value import Value

ClientId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class ChatAuth(Value):
    """How a visitor connects."""

    token: Annotated[str, StringConstraints(max_length=128)] | None = None
    account: Name | None = None
    last_seq: int = Field(0, ge=0)
    identity_token: Annotated[str, StringConstraints(max_length=LONGEST_TOKEN)] | None = None
    language: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,35}$")] | None = None


class Said(Value):
    """A text, or files that the visitor uploaded, or both."""

    id: ClientId
    # Only a text with a constraint is looked at for half an emoji, which cannot be stored.
    text: Annotated[str, StringConstraints(min_length=0)] = ""
    files: tuple[BlobId, ...] = Field((), max_length=10)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.text.strip() or self.files):
            msg = "a message needs a text or a file"
            raise ValueError(msg)
        return self


class Pressed(Value):
    """A press of a choice."""

    id: ClientId
    payload: Annotated[str, StringConstraints(max_length=1000)]
    title: Annotated[str, StringConstraints(max_length=1000)] = ""


class Filled(Value):
    """A filled form; `text` is what it amounts to."""

    id: ClientId
    fields: dict[
        Annotated[str, StringConstraints(max_length=200)],
        Annotated[str, StringConstraints(max_length=1000)],
    ] = Field(min_length=1, max_length=50)
    text: Annotated[str, StringConstraints(max_length=1000)] = ""


class Seen(Value):
    """A message of ours, by its `id`, that the visitor has seen."""

    entry: EntryId


class Opened(Value):
    """The visitor opened the chat; `ref` is what the link they came by carried."""

    id: ClientId | None = None
    ref: Annotated[str, StringConstraints(max_length=200)] | None = None


class Wish(Value):
    """A wish; `text` is the title of what was pressed, shown as the visitor's words."""

    id: ClientId | None = None
    text: Annotated[str, StringConstraints(max_length=200)] = ""


class Ended(Value):
    """The visitor ends the conversation."""

    id: ClientId | None = None


class Elsewhere(Value):
    """A channel to continue on."""

    channel: Name
    account: Name


class PageSeen(Value):
    """A page of the site that the visitor sees; `referrer` is the address that led there."""

    id: ClientId
    url: Annotated[str, StringConstraints(min_length=1, max_length=4000)]
    title: Annotated[str, StringConstraints(max_length=1000)] = ""
    referrer: Annotated[str, StringConstraints(max_length=4000)] = ""
    time_zone: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+/-]{1,64}$")] | None = None


class Again(Value):
    """What the visitor wants to be shown: what came after an entry number."""

    last_seq: int = Field(0, ge=0)


class LoggedIn(Value):
    """A token of the business's own log-in."""

    token: Annotated[str, StringConstraints(max_length=LONGEST_TOKEN)]


class OneChannel(Value):
    """One of the visitor's own channels, by what `linked` calls it."""

    identity: Annotated[str, StringConstraints(max_length=64)]


class Claim(Value):
    """A number that the visitor says is theirs, on a channel where a code can be sent to it."""

    channel: Name
    account: Name
    address: Annotated[str, StringConstraints(max_length=40)]


class Watch(Value):
    """A thread to watch, from an entry number on."""

    thread: ThreadId
    after: int = Field(0, ge=0)


class OneThread(Value):
    """A thread."""

    thread: ThreadId


Read = TypeVar("Read", bound=Value)


def read(model: type[Read], arguments: tuple[object, ...]) -> Read:
    """The event's one argument as a value; raises Refusal."""
    data = arguments[0] if arguments else {}
    if not isinstance(data, dict) or len(arguments) > 1:
        wrong = Mistake(where="event", what="not one JSON object", mend="Send one JSON object.")
        raise Refusal(422, "An event carries one JSON object.", errors=(wrong,))
    try:
        return model.model_validate(data)
    except ValidationError as error:
        found = mistakes(error, place="event")
        raise Refusal(422, "Some fields are wrong.", errors=found) from None
