"""LINE Official Accounts by the Messaging API: https://developers.line.biz/en/docs/messaging-api/."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Self
from urllib.parse import quote
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from bot.errors import ConfigError
from bot.kit import failures, fetching, payload, proofs
from bot.model.channel import (
    Answer,
    AttachmentType,
    Capabilities,
    Forged,
    Received,
    TextUnit,
    Unreadable,
    UnreadableReason,
)
from bot.model.sending import FailureKind, HttpCall, Lost, PartSent, Sent
from channels.line import sending
from channels.line.reading import read

if TYPE_CHECKING:
    from collections.abc import Generator

    from bot.model.channel import Attachment, Request
    from bot.model.sending import CallResult, Delivery, Outbound
    from bot.ports import Fetching, Sending

__all__ = ["Adapter", "Settings"]

_API = "https://api.line.me"
_CONTENT_API = "https://api-data.line.me"
# Any namespace of our own will do: LINE wants a UUID that is the same for the same call.
_RETRY_KEYS = UUID("6f1c3f0a-5d7e-4b52-9d0e-8a1b7c2d4e5f")


class Settings(BaseModel):
    """One LINE Official Account."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    access_token: SecretStr = Field(
        min_length=1, description="Channel access token; sends messages and gets files."
    )
    channel_secret: SecretStr | None = Field(
        default=None, description="Channel secret: proves webhooks by X-Line-Signature."
    )
    unsigned: bool = Field(
        default=False,
        description="Accept webhooks without proof of origin. Anyone who knows the URL can then "
        "write as any customer: for tests only.",
    )
    bot_user_id: str | None = Field(
        default=None,
        min_length=1,
        description="The bot's own user id; with it, webhooks of another bot are left alone.",
    )
    basic_id: str | None = Field(
        default=None,
        pattern=r"^@[A-Za-z0-9._-]{1,30}$",
        description="The account's id with its @; for links that continue a conversation here.",
    )
    max_text_length: int = Field(
        default=sending.LONGEST_TEXT,
        ge=1,
        le=sending.LONGEST_TEXT,
        description="Longest text of one message, in UTF-16 units; more is split.",
    )
    rate: float | None = Field(
        default=2000.0, gt=0, description="Calls a second that the account makes; none: no limit."
    )
    api_base: str = Field(default=_API, description="Base URL of the API, or a sandbox.")
    content_api_base: str | None = Field(
        default=None,
        description="Base URL that files are got from; by default LINE's own, or `api_base` where "
        "that is a sandbox.",
    )

    @model_validator(mode="after")
    def _proven(self) -> Self:
        """Refuse settings that would believe anybody."""
        if self.secret is None and not self.unsigned:
            raise ConfigError(
                "no channel_secret, so webhooks could not be proven",
                where="LINE account",
                mend="Set channel_secret (LINE Developers, Basic settings), or unsigned = true "
                "for tests",
            )
        return self

    @property
    def secret(self) -> str | None:
        """The secret that proves webhooks; None when they are not checked."""
        if self.unsigned or self.channel_secret is None:
            return None
        return self.channel_secret.get_secret_value() or None

    @property
    def content_base(self) -> str:
        """Where files are got from."""
        if self.content_api_base is not None:
            return self.content_api_base.rstrip("/")
        base = self.api_base.rstrip("/")
        return _CONTENT_API if base == _API else base


class Adapter:
    """One account. Does no I/O and keeps no state."""

    name = "line"

    def __init__(self, settings: Settings, *, account: str, public_base_url: str) -> None:
        self.account = account
        self.public_base_url = public_base_url
        self.capabilities = Capabilities(
            text_limit=settings.max_text_length,
            text_unit=TextUnit.UTF16,
            max_choices=sending.MOST_CHOICES,
            choice_title_limit=sending.LONGEST_TITLE,
            attachments=frozenset(
                {AttachmentType.IMAGE, AttachmentType.STICKER, AttachmentType.LOCATION}
            ),
            rate=settings.rate,
            extended=frozenset({"edits", "deletions", "urls", "reply_tokens"}),
        )
        self._settings = settings

    def receive(self, request: Request) -> Received:
        """Prove a webhook and read all of its events."""
        if self._settings.secret is not None:
            reason = proofs.line(
                secret=self._settings.secret,
                body=request.body,
                header=request.header("x-line-signature"),
            )
            if reason is not None:
                answer = Answer(status=403, body=b"the signature does not match")
                return Received(events=(Forged(reason=reason),), answer=answer)
        webhook = payload.read(request.body)
        if webhook is None or not webhook["events"].is_list:
            unreadable = Unreadable(
                reason=UnreadableReason.MALFORMED, detail="the body has no list of events"
            )
            return Received(events=(unreadable,), answer=Answer(status=400))
        return Received(events=read(webhook, bot_user_id=self._settings.bot_user_id))

    def send(self, message: Outbound) -> Sending:
        """Answer by the reply token, which costs nothing, as long as it is good; else push.

        One call is one part, whatever number of messages it has.
        """
        calls, warnings = sending.plan(message, longest=self._settings.max_text_length)
        if not calls:
            return failures.refused(FailureKind.INVALID, message="; ".join(warnings))
        for index, messages in enumerate(calls):
            if index < len(message.parts_sent):
                continue
            outcome = yield from self._part(message, messages, index)
            if not isinstance(outcome, PartSent):
                return outcome
            yield outcome
        return Sent(warnings=warnings)

    def _part(
        self, message: Outbound, messages: tuple[sending.Json, ...], index: int
    ) -> Generator[HttpCall, CallResult | None, PartSent | Delivery]:
        unnamed = f"unnamed:{message.id}:{index}"
        if message.in_reply_to and index == 0:
            result = (yield self._reply(message.in_reply_to, messages)) or _NOTHING
            if not sending.is_spent(result):
                return sending.judge(result, unnamed=unnamed, repeatable=False)
        key = uuid5(_RETRY_KEYS, f"{message.id}:{index}")
        result = (yield self._push(message.to.user, messages, key)) or _NOTHING
        return sending.judge(result, unnamed=unnamed, repeatable=True)

    def fetch(self, attachment: Attachment) -> Fetching:
        """Get a file from LINE by its message, or from the app that sent it.

        Source: https://developers.line.biz/en/reference/messaging-api/#get-content
        """
        base = self._settings.content_base
        message = quote(attachment.media_id or "", safe="")
        ours = f"{base}/v2/bot/message/{message}/content" if message else None
        return fetching.get(
            ours or attachment.url,
            attachment,
            trusted=lambda url: ours is not None and fetching.is_at(url, base=base),
            headers=(self._authorization,),
            secrets=(self._settings.access_token,),
        )

    def deep_link(self, code: str) -> str | None:
        """A link that opens the chat with the code written, ready to be sent.

        Source: https://developers.line.biz/en/docs/messaging-api/using-line-url-scheme/
        """
        account = self._settings.basic_id
        if account is None:
            return None
        return f"https://line.me/R/oaMessage/{quote(account, safe='')}/?{quote(code, safe='')}"

    @property
    def _authorization(self) -> tuple[str, str]:
        return ("Authorization", f"Bearer {self._settings.access_token.get_secret_value()}")

    def _reply(self, token: str, messages: tuple[sending.Json, ...]) -> HttpCall:
        body: sending.Json = {"replyToken": token, "messages": list(messages)}
        return self._post("reply", body)

    def _push(self, user: str, messages: tuple[sending.Json, ...], key: UUID) -> HttpCall:
        body: sending.Json = {"to": user, "messages": list(messages)}
        return self._post("push", body, ("X-Line-Retry-Key", str(key)))

    def _post(self, how: str, body: sending.Json, *headers: tuple[str, str]) -> HttpCall:
        return HttpCall(
            method="POST",
            url=f"{self._settings.api_base.rstrip('/')}/v2/bot/message/{how}",
            headers=(self._authorization, ("Content-Type", "application/json"), *headers),
            body=json.dumps(body).encode(),
            secrets=(self._settings.access_token,),
        )


_NOTHING = Lost(reason="the call got no result")
