"""Web chat: the page and the widget of the product itself, over Socket.IO.

There is no provider. The edge authenticates the visitor and hands over `Request(method="SOCKET",
path="/chat")` with the JSON of `shapes.FromVisitor`; messages go to the visitor's room as
`shapes.ToVisitor`. A visitor is reached only while a page is open (`push` is false): a page that
comes back replays what it missed from the store, so that a message is `Sent` when it was emitted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from bot.kit import failures
from bot.kit.split import measure
from bot.model.channel import (
    Answer,
    AttachmentType,
    Capabilities,
    Forged,
    ForgeryReason,
    ReceiptStatus,
    Received,
    TextUnit,
    Unreadable,
)
from bot.model.sending import Emit, Failure, FailureKind, MediaGone, Origin, PartSent, Retry, Sent
from channels.webchat.reading import read
from channels.webchat.shapes import LONGEST_TEXT, FromVisitor, ToVisitor

if TYPE_CHECKING:
    from bot.model.channel import Attachment, Request
    from bot.model.sending import Outbound
    from bot.ports import Fetching, Sending

__all__ = ["Adapter", "FromVisitor", "Settings", "ToVisitor"]

_NAMESPACE = "/chat"
_AUTHORS: dict[Origin, Literal["bot", "agent", "system"]] = {
    Origin.BOT: "bot",
    Origin.CAMPAIGN: "bot",
    Origin.AGENT: "agent",
    Origin.SYSTEM: "system",
}


class Settings(BaseModel):
    """One chat on the company's own pages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_text_length: int = Field(
        default=LONGEST_TEXT,
        ge=1,
        le=LONGEST_TEXT,
        description="Longest text that a visitor or we may write, in characters.",
    )
    page_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^#\s]+$",
        description="Page with the chat; links that continue a conversation here open it.",
    )


class Adapter:
    """One chat. Does no I/O and keeps no state."""

    name = "webchat"

    def __init__(self, settings: Settings, *, account: str, public_base_url: str) -> None:
        self.account = account
        self.public_base_url = public_base_url
        self.capabilities = Capabilities(
            text_limit=settings.max_text_length,
            text_unit=TextUnit.CHARACTERS,
            max_choices=20,
            choice_title_limit=80,
            cards=True,
            attachments=frozenset(AttachmentType),
            receipts=frozenset({ReceiptStatus.DELIVERED, ReceiptStatus.READ}),
            push=False,
            extended=frozenset({"forms", "urls"}),
        )
        self._settings = settings

    def receive(self, request: Request) -> Received:
        """Read a visitor's event; only the edge's own sockets are believed, never a webhook."""
        # The path too: a server may let any word through as the method of a webhook.
        if (request.method, request.path) != ("SOCKET", "/chat"):
            answer = Answer(status=403, body=b"the web chat takes no webhooks")
            return Received(events=(Forged(reason=ForgeryReason.MISSING),), answer=answer)
        event = read(request, longest=self._settings.max_text_length)
        if isinstance(event, Unreadable):
            answer = Answer(status=400, body=event.detail.encode("utf-8", "replace"))
            return Received(events=(event,), answer=answer)
        return Received(events=(event,))

    def send(self, message: Outbound) -> Sending:
        """Emit a message to the visitor's room, in one part."""
        if message.parts_sent:
            return Sent()
        problem = self._problem(message)
        if problem is not None:
            return failures.refused(FailureKind.INVALID, message=problem)
        shown = self._shown(message)
        result = yield Emit(
            namespace=_NAMESPACE,
            room=f"visitor:{message.to.user}",
            event="message",
            data=shown.model_dump_json(exclude_none=True).encode(),
        )
        if result is None or not failures.succeeded(result):
            # Also when nobody knows whether it left: a page shows what it gets twice once.
            why = getattr(result, "reason", "the socket did not take it")
            return Retry(failure=Failure(kind=FailureKind.UNREACHABLE, message=why))
        yield PartSent(external_id=shown.id)
        return Sent()

    def fetch(self, attachment: Attachment) -> Fetching:
        """Nothing to get: what visitors upload lies in the store, where the edge finds it."""
        yield from ()
        return MediaGone(reason=f"the web chat keeps no such {attachment.type}")

    def deep_link(self, code: str) -> str | None:
        """The chat's page with the code in the fragment, which no server's log ever sees."""
        page = self._settings.page_url
        return f"{page}#{quote(code, safe='')}" if page else None

    def _problem(self, message: Outbound) -> str | None:
        if not (message.text.strip() or message.cards or message.attachments):
            return "there is nothing in it"
        length, limit = measure(message.text, TextUnit.CHARACTERS), self._settings.max_text_length
        # Never split: the entry is one, and a page that replays shows it as one.
        return f"{length} characters, {limit} is the limit" if length > limit else None

    def _shown(self, message: Outbound) -> ToVisitor:
        return ToVisitor(
            id=message.entry or message.id,
            seq=message.seq,
            at=message.at,
            author=_AUTHORS[message.origin],
            name=message.author_name,
            text=message.text,
            choices=message.choices,
            cards=message.cards,
            question=message.question,
            attachments=message.attachments,
            language=message.language,
            channel=self.name,
            account=self.account,
            send=message.id,
        )
