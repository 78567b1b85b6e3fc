"""Facebook Messenger: https://developers.facebook.com/docs/messenger-platform."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from bot.errors import ConfigError
from bot.kit import failures, media, payload, proofs
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
    UnreadableReason,
)
from bot.model.sending import FailureKind, HttpCall, Lost, Media, MediaGone, PartSent, Reply, Sent
from channels.messenger import sending
from channels.messenger.outcomes import judge
from channels.messenger.reading import read
from channels.messenger.sending import WindowClosed, envelope, plan

if TYPE_CHECKING:
    from bot.model.channel import Attachment, Request
    from bot.model.sending import Outbound
    from bot.ports import Fetching, Sending

__all__ = ["Adapter", "Settings"]

_LARGEST_FILE = 25 * 1024 * 1024
_DOWNLOAD = timedelta(seconds=60)


class Settings(BaseModel):
    """One Facebook page."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    page_id: str = Field(min_length=1, description="Id of the page.")
    access_token: SecretStr = Field(min_length=1, description="Page access token; sends messages.")
    app_secret: SecretStr | None = Field(
        default=None, description="App secret: proves webhooks by X-Hub-Signature-256."
    )
    verify_token: SecretStr | None = Field(
        default=None,
        description="Verify token typed into the app's webhook form; without it, subscribing the "
        "webhook is refused.",
    )
    unsigned: bool = Field(
        default=False,
        description="Accept webhooks without proof of origin. Anyone who knows the URL can then "
        "write as any customer: for tests only.",
    )
    appsecret_proof: bool = Field(
        default=False,
        description="Prove each call with the app secret, for apps that require it.",
    )
    human_agent: bool = Field(
        default=True,
        description="The app has the Human Agent permission: people may answer for 7 days.",
    )
    graph_version: str = Field(
        default="v25.0", pattern=r"^v\d{1,3}\.\d{1,2}$", description="Version of the Graph API."
    )
    max_text_length: int = Field(
        default=sending.LONGEST_TEXT,
        ge=1,
        le=sending.LONGEST_TEXT,
        description="Longest text of one message, in UTF-16 units; more is split.",
    )
    rate: float | None = Field(
        default=250.0, gt=0, description="Messages a second that the page may send; none: no limit."
    )
    api_base: str = Field(
        default="https://graph.facebook.com", description="Base URL of the API, or a sandbox."
    )

    @model_validator(mode="after")
    def _proven(self) -> Self:
        """Refuse settings that would believe anybody."""
        if self.secret is None and not self.unsigned:
            raise ConfigError(
                "no app_secret, so webhooks could not be proven",
                where="Messenger account",
                mend="Set app_secret (Meta app, Settings, Basic), or unsigned = true for tests",
            )
        if self.appsecret_proof and not self.app_secret:
            raise ConfigError(
                "appsecret_proof needs app_secret",
                where="Messenger account",
                mend="Set app_secret, or appsecret_proof = false",
            )
        return self

    @property
    def secret(self) -> str | None:
        """The secret that proves webhooks; None when they are not checked."""
        if self.unsigned or self.app_secret is None:
            return None
        return self.app_secret.get_secret_value() or None


class Adapter:
    """One page. Does no I/O and keeps no state."""

    name = "messenger"

    def __init__(self, settings: Settings, *, account: str, public_base_url: str) -> None:
        self.account = account
        self.public_base_url = public_base_url
        self.capabilities = Capabilities(
            text_limit=settings.max_text_length,
            text_unit=TextUnit.UTF16,
            max_choices=sending.MOST_CHOICES,
            choice_title_limit=sending.LONGEST_TITLE,
            attachments=frozenset(
                {
                    AttachmentType.IMAGE,
                    AttachmentType.VIDEO,
                    AttachmentType.AUDIO,
                    AttachmentType.FILE,
                }
            ),
            window=sending.WINDOW,
            human_window=sending.HUMAN_WINDOW if settings.human_agent else None,
            receipts=frozenset({ReceiptStatus.DELIVERED, ReceiptStatus.READ}),
            rate=settings.rate,
            extended=frozenset({"edits", "reactions", "echoes", "referrals", "urls"}),
        )
        self._settings = settings

    def receive(self, request: Request) -> Received:
        """Answer Meta's handshake, or prove a webhook and read all of its batch."""
        if request.method.upper() == "GET":
            return self._handshake(request)
        if self._settings.secret is not None:
            reason = proofs.meta(
                secret=self._settings.secret,
                body=request.body,
                header=request.header("x-hub-signature-256"),
            )
            if reason is not None:
                return _refused(reason)
        webhook = payload.read(request.body)
        if webhook is None or not webhook.is_object:
            return _unreadable(UnreadableReason.MALFORMED, "the body is no JSON object", status=400)
        if webhook["object"].text != "page":
            return _unreadable(UnreadableReason.UNKNOWN_OBJECT, "the object is not a page")
        if not webhook["entry"].is_list:
            return _unreadable(
                UnreadableReason.MALFORMED, "there is no list of entries", status=400
            )
        return Received(events=read(webhook, page_id=self._settings.page_id))

    def send(self, message: Outbound) -> Sending:
        """Send a message in as many parts as it takes, without those that left already."""
        parts, warnings = plan(message, longest=self._settings.max_text_length)
        if not parts:
            return failures.refused(FailureKind.INVALID, message="; ".join(warnings))
        frame = envelope(message, human_agent=self._settings.human_agent)
        if isinstance(frame, WindowClosed):
            return failures.refused(FailureKind.WINDOW_CLOSED, message=frame.why)
        for part in parts[len(message.parts_sent) :]:
            result = yield self._post(json.dumps({**frame, "message": part}).encode())
            outcome = judge(result or Lost(reason="the call got no result"))
            if not isinstance(outcome, PartSent):
                return outcome
            yield outcome
        return Sent(warnings=warnings)

    def fetch(self, attachment: Attachment) -> Fetching:
        """Get a file from Meta's delivery network; its links work without a token for a while."""
        if not attachment.url:
            return MediaGone(reason="Messenger gave no link")
        result = yield HttpCall(
            method="GET",
            url=attachment.url,
            timeout=_DOWNLOAD,
            guarded=True,
            max_bytes=_LARGEST_FILE,
        )
        if not isinstance(result, Reply):
            return MediaGone(reason=result.reason)
        if not failures.succeeded(result):
            return MediaGone(reason=f"the link answered {result.status}")
        mime = media.base_type(result.header("content-type")) or media.mime_of(attachment.url)
        return Media(
            body=result.body, mime=mime or "application/octet-stream", name=attachment.name
        )

    def deep_link(self, code: str) -> str | None:
        """A link that opens the page's chat; the code comes as the `ref` of a referral."""
        page = quote(self._settings.page_id, safe="")
        return f"https://m.me/{page}?ref={quote(code, safe='')}"

    def _handshake(self, request: Request) -> Received:
        """Repeat the challenge to whoever knows the verify token, as plain text only.

        Source: https://developers.facebook.com/docs/graph-api/webhooks/getting-started
        """
        asked = dict(request.query)
        expected = self._settings.verify_token
        token = expected.get_secret_value() if expected else ""
        proven = proofs.shared_token(secret=token, header=asked.get("hub.verify_token"))
        if not token or proven is not None or asked.get("hub.mode") != "subscribe":
            return _refused(ForgeryReason.VERIFICATION)
        challenge = asked.get("hub.challenge", "")
        return Received(answer=Answer(body=challenge.encode("utf-8", "replace")))

    def _post(self, body: bytes) -> HttpCall:
        settings = self._settings
        token = settings.access_token.get_secret_value()
        url = f"{settings.api_base.rstrip('/')}/{settings.graph_version}/me/messages"
        secrets = [settings.access_token]
        if settings.appsecret_proof and settings.app_secret:
            secret = settings.app_secret.get_secret_value().encode()
            proof = hmac.new(secret, token.encode(), hashlib.sha256).hexdigest()
            url += f"?appsecret_proof={proof}"
            secrets.append(SecretStr(proof))
        return HttpCall(
            method="POST",
            url=url,
            headers=(("Authorization", f"Bearer {token}"), ("Content-Type", "application/json")),
            body=body,
            secrets=tuple(secrets),
        )


def _refused(reason: ForgeryReason) -> Received:
    answer = Answer(status=403, body=b"this does not prove to come from Meta")
    return Received(events=(Forged(reason=reason),), answer=answer)


def _unreadable(reason: UnreadableReason, detail: str, *, status: int = 200) -> Received:
    event = Unreadable(reason=reason, detail=detail)
    return Received(events=(event,), answer=Answer(status=status))
