"""What passes over the chat's socket, as JSON; the format that the widget and the edge speak."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from bot.model.channel import Attachment
from bot.model.sending import Card, Choice, Question
from bot.model.value import AwareDatetime, Value

LONGEST_TEXT = 10_000

_VisitorId = Annotated[str, StringConstraints(min_length=1, max_length=128)]
_ClientId = Annotated[str, StringConstraints(min_length=1, max_length=64)]
_Short = Annotated[str, StringConstraints(max_length=200)]
_Payload = Annotated[str, StringConstraints(max_length=1000)]


class FromVisitor(Value):
    """One event of a visitor, put together by the edge, which has authenticated the visitor.

    `id` is the browser's own: a repeat of it changes nothing. By `event`:
    `message`: `text`, or `files` that the visitor uploaded, or both.
    `press`: `payload`, and as `text` the title of what was pressed.
    `form`: `fields`, and as `text` what they amount to. `started`: `ref`, what the link carried.
    `delivered`, `read`: `entry`, the id of the message from us that was shown or seen.
    `at` is no part of it: a browser's clock is not to be trusted.
    """

    visitor: _VisitorId
    event: Literal["message", "press", "form", "started", "delivered", "read"]
    id: _ClientId
    text: str = ""
    files: tuple[Attachment, ...] = Field(default=(), max_length=10)
    payload: _Payload = ""
    fields: dict[_Short, _Payload] = Field(default={}, max_length=50)
    ref: _Short | None = None
    entry: _ClientId | None = None
    reply_to: _ClientId | None = None
    name: _Short | None = None
    language: _Short | None = None


class ToVisitor(Value):
    """One message to a visitor, the data of the `message` event.

    `id` is the entry's: a page that gets it twice, or again in a replay, shows it once. `seq` is
    the number to ask for what was missed after. `send` names the message in later reports.
    """

    id: str
    seq: int | None
    at: AwareDatetime
    author: Literal["bot", "agent", "system"]
    name: str | None = None
    text: str = ""
    choices: tuple[Choice, ...] = ()
    cards: tuple[Card, ...] = ()
    question: Question | None = None
    attachments: tuple[Attachment, ...] = ()
    language: str | None = None
    channel: str
    account: str
    send: str
