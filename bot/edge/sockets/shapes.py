"""What a customer's browser is told."""

from __future__ import annotations

from typing import Literal

from pydantic import JsonValue

from bot.edge.problems import Refusal
from bot.hub.desk import EntryView
from bot.hub.own_channels import OwnChannel
from bot.model.channel import Attachment
from bot.model.people import ByAgent, ByBot, ByCustomer, BySystem
from bot.model.sending import Card, Choice, Question
from bot.model.thread import (
    EchoOut,
    MessageIn,
    MessageOut,
    Offered,
    OwnedByAgent,
    OwnedByBot,
    OwnedByNobody,
    SendStatus,
    ThreadState,
)
from bot.model.value import AwareDatetime, Value

Author = Literal["customer", "bot", "agent", "system"]
Ack = dict[str, JsonValue]


class ChatMessage(Value):
    """One message of the conversation, whichever channel it went over (`channel`, `account`).

    `id` is the entry's. `external_id` is the browser's own id of a message it sent; `send` names a
    message out in `delivery` events. `aside`: this one says nothing about what came before it.
    """

    id: str
    seq: int
    at: AwareDatetime
    author: Author
    name: str | None = None
    text: str = ""
    choices: tuple[Choice, ...] = ()
    cards: tuple[Card, ...] = ()
    question: Question | None = None
    attachments: tuple[Attachment, ...] = ()
    channel: str
    account: str
    language: str | None = None
    external_id: str | None = None
    send: str | None = None
    status: SendStatus | None = None
    aside: bool = False


class ChatState(Value):
    """Who answers now.

    `place` is that in the queue, 101 for anywhere behind the first hundred; `minutes` is about how
    long it takes from there, when that is known.
    """

    owner: Literal["bot", "waiting", "agent", "nobody"] = "bot"
    name: str | None = None
    queue: str | None = None
    place: int | None = None
    minutes: int | None = None
    language: str | None = None


def chat_state(state: ThreadState | None) -> ChatState:
    """What a thread's state means to the customer; None is a thread that has not begun."""
    if state is None:
        return ChatState()
    match state.owner:
        case OwnedByBot():
            return ChatState(language=state.language)
        case Offered(queue=queue):
            return ChatState(owner="waiting", queue=queue, language=state.language)
        case OwnedByAgent(name=name):
            return ChatState(owner="agent", name=name, language=state.language)
        case OwnedByNobody():
            return ChatState(owner="nobody", language=state.language)


def chat_message(view: EntryView, *, aside: bool) -> ChatMessage | None:
    """An entry as the customer sees it, or None for one that is not shown."""
    body = view.entry.body
    if not isinstance(body, MessageIn | MessageOut | EchoOut):
        return None
    author, name = _author(view)
    ours = body if isinstance(body, MessageOut) else None
    return ChatMessage(
        id=view.entry.id,
        seq=view.entry.seq,
        at=view.entry.at,
        author=author,
        name=name,
        text=body.text,
        choices=ours.choices if ours else (),
        cards=ours.cards if ours else (),
        question=ours.question if ours else None,
        attachments=body.attachments,
        channel=view.address.channel,
        account=view.address.account,
        language=ours.language if ours else None,
        external_id=None if isinstance(body, MessageOut) else body.external_id,
        send=ours.send if ours else None,
        status=view.send.status if view.send else None,
        aside=aside,
    )


def _author(view: EntryView) -> tuple[Author, str | None]:
    if isinstance(view.entry.body, EchoOut):
        return "agent", None
    match view.entry.by:
        case ByCustomer():
            return "customer", None
        case ByBot():
            return "bot", None
        case ByAgent(name=name):
            return "agent", name
        case BySystem():
            return "system", None


def linked_channel(own: OwnChannel, *, handle: str) -> Ack:
    """One of the customer's channels as the customer sees it; `identity` is what to call it by."""
    shown, sure = document(own), document(own.assurance)
    del shown["assurance"]
    return {**shown, **sure, "identity": handle}


def document(value: Value) -> Ack:
    """A value as a JSON document, without what is not set."""
    dumped: Ack = value.model_dump(mode="json", exclude_none=True)
    return dumped


def refused(refusal: Refusal) -> Ack:
    """The acknowledgement of something that was not done."""
    return {"ok": False, "problem": document(refusal.problem())}
