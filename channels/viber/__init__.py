"""Viber bots: https://developers.viber.com/docs/api/rest-bot-api/."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from bot.errors import ConfigError
from bot.kit import failures, fetching, payload, proofs
from bot.model.channel import (
    Answer,
    AttachmentType,
    Capabilities,
    Forged,
    ReceiptStatus,
    Received,
    Started,
    TextUnit,
    Unreadable,
    UnreadableReason,
)
from bot.model.sending import FailureKind, HttpCall, Lost, PartSent, Sent
from channels.viber import keyboards, sending
from channels.viber.reading import read

if TYPE_CHECKING:
    from bot.model.channel import Attachment, Request
    from bot.model.sending import Outbound
    from bot.ports import Fetching, Sending

__all__ = ["Adapter", "Settings"]

_JSON = "application/json"


class Settings(BaseModel):
    """One Viber bot."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    auth_token: SecretStr | None = Field(
        default=None,
        description="The bot's token: sends messages, and proves webhooks by "
        "X-Viber-Content-Signature.",
    )
    unsigned: bool = Field(
        default=False,
        description="Accept webhooks without proof of origin. Anyone who knows the URL can then "
        "write as any customer: for tests only.",
    )
    bot_uri: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_.-]{1,64}$",
        description="The bot's URI; needed for links that continue a conversation here.",
    )
    sender_name: str | None = Field(
        default=None,
        min_length=1,
        max_length=28,
        description="Name that messages come under; an agent's come under their own.",
    )
    welcome_message: str | None = Field(
        default=None,
        min_length=1,
        max_length=sending.LONGEST_TEXT,
        description="What somebody is told who opens the chat and does not subscribe yet: nothing "
        "else can be sent to them until they write.",
    )
    max_text_length: int = Field(
        default=sending.LONGEST_TEXT,
        ge=1,
        le=sending.LONGEST_TEXT,
        description="Longest text of one message, in UTF-16 units; more is split.",
    )
    max_caption_length: int = Field(
        default=40,
        ge=0,
        le=sending.LONGEST_CAPTION,
        description="Longest text that goes under a picture, in UTF-16 units; a longer one follows "
        "it as a message of its own, where phones show all of it.",
    )
    rate: float | None = Field(
        default=None, gt=0, description="Messages a second; none: no limit, as Viber tells none."
    )
    api_base: str = Field(
        default="https://chatapi.viber.com", description="Base URL of the API, or a sandbox."
    )

    @model_validator(mode="after")
    def _proven(self) -> Self:
        """Refuse settings that would believe anybody."""
        if self.secret is None and not self.unsigned:
            raise ConfigError(
                "no auth_token, so webhooks could not be proven",
                where="Viber account",
                mend="Set auth_token (Viber Admin Panel, Edit Info), or unsigned = true for tests",
            )
        return self

    @property
    def token(self) -> str:
        """The bot's token, empty when there is none."""
        return self.auth_token.get_secret_value() if self.auth_token else ""

    @property
    def secret(self) -> str | None:
        """The secret that proves webhooks; None when they are not checked."""
        return None if self.unsigned else self.token or None


class Adapter:
    """One bot. Does no I/O and keeps no state."""

    name = "viber"

    def __init__(self, settings: Settings, *, account: str, public_base_url: str) -> None:
        self.account = account
        self.public_base_url = public_base_url
        self.capabilities = Capabilities(
            text_limit=settings.max_text_length,
            text_unit=TextUnit.UTF16,
            max_choices=keyboards.MOST_CHOICES,
            choice_title_limit=keyboards.LONGEST_TITLE,
            attachments=frozenset(AttachmentType) - {AttachmentType.AUDIO},
            receipts=frozenset({ReceiptStatus.DELIVERED, ReceiptStatus.READ, ReceiptStatus.FAILED}),
            rate=settings.rate,
            extended=frozenset({"urls"}),
        )
        self._settings = settings

    def receive(self, request: Request) -> Received:
        """Prove a callback and read it; a newcomer's is answered with the welcome message.

        Source: https://developers.viber.com/docs/api/rest-bot-api/#sending-a-welcome-message
        """
        if self._settings.secret is not None:
            reason = proofs.viber(
                token=self._settings.secret,
                body=request.body,
                header=request.header("x-viber-content-signature"),
            )
            if reason is not None:
                answer = Answer(status=403, body=b"the signature does not match")
                return Received(events=(Forged(reason=reason),), answer=answer)
        callback = payload.read(request.body)
        if callback is None or not callback.is_object:
            unreadable = Unreadable(
                reason=UnreadableReason.MALFORMED, detail="the body is no JSON object"
            )
            return Received(events=(unreadable,), answer=Answer(status=400))
        event = read(callback)
        newcomer = isinstance(event, Started) and not callback["subscribed"].is_true
        return Received(events=(event,), answer=self._welcome() if newcomer else Answer())

    def send(self, message: Outbound) -> Sending:
        """Send a message in as many parts as it takes, without those that left already."""
        settings = self._settings
        parts, warnings = sending.plan(
            message,
            longest=settings.max_text_length,
            longest_caption=settings.max_caption_length,
        )
        if not settings.token:
            return failures.refused(FailureKind.CONFIG, message="no auth_token to send with")
        if not parts:
            return failures.refused(FailureKind.INVALID, message="; ".join(warnings))
        frame: sending.Json = {
            "auth_token": settings.token,
            "receiver": message.to.user,
            **sending.sender(message.author_name or settings.sender_name),
        }
        for index, part in enumerate(parts):
            if index < len(message.parts_sent):
                continue
            result = yield self._post({**frame, **part})
            outcome = sending.judge(
                result or Lost(reason="the call got no result"),
                unnamed=f"unnamed:{message.id}:{index}",
                ever_wrote=message.last_inbound_at is not None,
            )
            if not isinstance(outcome, PartSent):
                return outcome
            yield outcome
        return Sent(warnings=warnings)

    def fetch(self, attachment: Attachment) -> Fetching:
        """Get a file from Viber; its links work for an hour, without a token."""
        return fetching.get(attachment.url, attachment)

    def deep_link(self, code: str) -> str | None:
        """A link that opens the chat; the code comes as the context of its start.

        Source: https://developers.viber.com/docs/tools/deep-links/
        """
        uri = self._settings.bot_uri
        return f"viber://pa?chatURI={uri}&context={quote(code, safe='')}" if uri else None

    def _welcome(self) -> Answer:
        text = self._settings.welcome_message
        if text is None:
            return Answer()
        welcome: sending.Json = {
            **sending.sender(self._settings.sender_name),
            "type": "text",
            "text": text,
        }
        return Answer(body=_written(welcome), content_type=_JSON)

    def _post(self, fields: sending.Json) -> HttpCall:
        settings = self._settings
        return HttpCall(
            method="POST",
            url=f"{settings.api_base.rstrip('/')}/pa/send_message",
            headers=(("X-Viber-Auth-Token", settings.token), ("Content-Type", _JSON)),
            body=_written(fields),
            secrets=(settings.auth_token,) if settings.auth_token else (),
        )


def _written(document: sending.Json) -> bytes:
    # As UTF-8 and not escaped: Viber takes messages of 30 KB at most.
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
