"""Telegram bots: https://core.telegram.org/bots/api."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from bot.errors import ConfigError
from bot.kit import failures, forms, media, payload, proofs
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
from bot.model.sending import FailureKind, HttpCall, Lost, Media, MediaGone, PartSent, Reply, Sent
from channels.telegram.reading import callback_id, read
from channels.telegram.sending import LONGEST_TEXT, judge, plan

if TYPE_CHECKING:
    from bot.model.channel import Attachment, Request
    from bot.model.sending import Outbound
    from bot.ports import Checking, Fetching, Sending

__all__ = ["Adapter", "Settings"]

_LARGEST_FILE = 20 * 1024 * 1024
_DOWNLOAD = timedelta(seconds=60)
_START_PAYLOAD = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MALFORMED = Answer(status=400, body=b"the body is not an update")


class Settings(BaseModel):
    """One Telegram bot."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bot_token: SecretStr = Field(min_length=1, description="Token from @BotFather.")
    secret_token: SecretStr | None = Field(
        default=None,
        description="`secret_token` given to setWebhook; Telegram repeats it in each webhook.",
    )
    unsigned: bool = Field(
        default=False,
        description="Accept webhooks without proof of origin. Anyone who knows the URL can then "
        "write as any customer: for tests only.",
    )
    bot_username: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_]{3,64}$",
        description="The bot's name without @; needed for links that continue a conversation here.",
    )
    max_text_length: int = Field(
        default=LONGEST_TEXT,
        ge=1,
        le=LONGEST_TEXT,
        description="Longest text of one message, in UTF-16 units; more is split.",
    )
    rate: float | None = Field(
        default=30.0, gt=0, description="Messages a second over all chats; none: no limit."
    )
    api_base: str = Field(
        default="https://api.telegram.org",
        description="Base URL of the Bot API: your own Bot API server, or a sandbox.",
    )

    @model_validator(mode="after")
    def _proven(self) -> Self:
        """Refuse settings that would believe anybody."""
        if self.secret is None and not self.unsigned:
            raise ConfigError(
                "no secret_token, so webhooks could not be proven",
                where="Telegram account",
                mend="Set secret_token to what setWebhook was given, or unsigned = true for tests",
            )
        return self

    @property
    def secret(self) -> str | None:
        """The secret that proves webhooks; None when they are not checked."""
        if self.unsigned or self.secret_token is None:
            return None
        return self.secret_token.get_secret_value() or None


class Adapter:
    """One bot. Does no I/O and keeps no state."""

    name = "telegram"

    def __init__(self, settings: Settings, *, account: str, public_base_url: str) -> None:
        self.account = account
        self.public_base_url = public_base_url
        self.capabilities = Capabilities(
            text_limit=settings.max_text_length,
            text_unit=TextUnit.UTF16,
            max_choices=100,
            choice_title_limit=64,
            attachments=frozenset(AttachmentType),
            rate=settings.rate,
            attests_phone=True,
            extended=frozenset({"edits", "reactions", "commands", "forms", "urls", "blocks"}),
        )
        self._settings = settings

    def receive(self, request: Request) -> Received:
        """Prove a webhook by its secret token and read its update.

        The answer to a button press stops the button's spinner: Telegram makes a call of it
        (https://core.telegram.org/bots/api#making-requests-when-getting-updates).
        """
        if self._settings.secret is not None:
            reason = proofs.shared_token(
                secret=self._settings.secret,
                header=request.header("x-telegram-bot-api-secret-token"),
            )
            if reason is not None:
                answer = Answer(status=403, body=b"the secret token does not match")
                return Received(events=(Forged(reason=reason),), answer=answer)
        update = payload.read(request.body)
        if update is None or not update.is_object:
            unreadable = Unreadable(
                reason=UnreadableReason.MALFORMED, detail="the body is no JSON object"
            )
            return Received(events=(unreadable,), answer=_MALFORMED)
        return Received(events=(read(update),), answer=_answer(callback_id(update)))

    def send(self, message: Outbound) -> Sending:
        """Send a message in as many parts as it takes, without those that left already."""
        parts, warnings = plan(message, longest=self._settings.max_text_length)
        if not parts:
            return failures.refused(FailureKind.INVALID, message="; ".join(warnings))
        for part in parts[len(message.parts_sent) :]:
            result = yield self._call(part.method, part.fields)
            outcome = judge(result or Lost(reason="the call got no result"))
            if not isinstance(outcome, PartSent):
                return outcome
            yield outcome
        return Sent(warnings=warnings)

    def check(self) -> Checking:
        """Ask who the bot is: https://core.telegram.org/bots/api#getme."""
        result = yield self._call("getMe", ())
        return Sent() if failures.succeeded(result) else failures.failed(result)

    def fetch(self, attachment: Attachment) -> Fetching:
        """Ask where a file is and get it; Telegram hands out at most 20 MB."""
        if not attachment.media_id:
            return MediaGone(reason="Telegram gave no file id")
        found = yield self._call("getFile", (("file_id", attachment.media_id),))
        answer = payload.read(found.body) if isinstance(found, Reply) else None
        path = (answer or payload.Node())["result"]["file_path"].text
        if not path:
            why = (answer or payload.Node())["description"].text
            return MediaGone(reason=why or "Telegram did not say where the file is")
        result = yield HttpCall(
            method="GET",
            url=f"{self._base}/file/bot{self._token}/{quote(path)}",
            timeout=_DOWNLOAD,
            max_bytes=_LARGEST_FILE,
            secrets=(self._settings.bot_token,),
        )
        if not isinstance(result, Reply):
            return MediaGone(reason=result.reason)
        if not failures.succeeded(result):
            return MediaGone(reason=f"Telegram answered {result.status}")
        # The file server calls everything octet-stream; the message and the name know better.
        mime = attachment.mime or media.mime_of(path) or "application/octet-stream"
        return Media(body=result.body, mime=mime, name=attachment.name)

    def deep_link(self, code: str) -> str | None:
        """A link that starts the bot with a code (up to 64 letters, digits, `_` and `-`)."""
        bot = self._settings.bot_username
        if bot is None or not _START_PAYLOAD.fullmatch(code):
            return None
        return f"https://t.me/{bot}?start={code}"

    @property
    def _base(self) -> str:
        return self._settings.api_base.rstrip("/")

    @property
    def _token(self) -> str:
        return quote(self._settings.bot_token.get_secret_value(), safe=":")

    def _call(self, method: str, fields: tuple[tuple[str, str], ...]) -> HttpCall:
        return HttpCall(
            method="POST",
            url=f"{self._base}/bot{self._token}/{method}",
            headers=(("Content-Type", forms.FORM_TYPE), ("Accept", "application/json")),
            body=forms.write(fields),
            secrets=(self._settings.bot_token,),
        )


def _answer(callback: str) -> Answer:
    if not callback:
        return Answer()
    call = {"method": "answerCallbackQuery", "callback_query_id": callback}
    return Answer(body=json.dumps(call).encode(), content_type="application/json")
