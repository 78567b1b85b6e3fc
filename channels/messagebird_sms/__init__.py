"""SMS and MMS by MessageBird (now Bird): https://developers.messagebird.com/api/sms-messaging."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, SecretStr

from bot.kit import callbacks, failures, fetching, parts, signed_tokens, telephone
from bot.kit.callbacks import CallbackSettings, plain
from bot.model.channel import Capabilities, ReceiptStatus, TextUnit
from bot.model.sending import FailureKind
from channels.messagebird_sms import reading, sending

if TYPE_CHECKING:
    from bot.model.channel import Attachment, ForgeryReason, Received, Request
    from bot.model.sending import Outbound
    from bot.ports import Fetching, Sending

__all__ = ["Adapter", "Settings"]


class Settings(CallbackSettings):
    """One number at MessageBird."""

    account_of = "MessageBird"
    proven_by = ("signing_key", "webhook_secret")

    access_key: SecretStr | None = Field(
        default=None, description="Access key of the API; sends messages."
    )
    signing_key: SecretStr | None = Field(
        default=None,
        description="Signing key of the account: proves webhooks by MessageBird-Signature-JWT. One "
        "that comes without a signature is believed only for webhook_secret, if that is set.",
    )
    number: str = Field(min_length=1, description="Sender: a number of the account, or a name.")
    max_text_length: int = Field(
        default=sending.LONGEST_TEXT,
        ge=1,
        le=sending.LONGEST_TEXT,
        description="Longest text of one message, in septets; more is split. Texts with letters "
        f"that GSM-7 lacks are split at {sending.LONGEST_UNICODE} anyway.",
    )
    rate: float | None = Field(
        default=None,
        gt=0,
        description="Messages a second that the account may send; none: no limit.",
    )
    api_base: str = Field(
        default="https://rest.messagebird.com", description="Base URL of the API, or a sandbox."
    )


class Adapter:
    """One sender of SMS; see `bot.ports.Channel`."""

    name = "messagebird_sms"

    def __init__(self, settings: Settings, *, account: str, public_base_url: str) -> None:
        self.account = account
        self._settings = settings
        base = public_base_url.rstrip("/")
        self._status_url = settings.callback(f"{base}/webhooks/{self.name}/{account}/status")
        self.capabilities = Capabilities(
            text_limit=settings.max_text_length,
            text_unit=TextUnit.SMS,
            attachments=telephone.FILES,
            receipts=frozenset({ReceiptStatus.SENT, ReceiptStatus.DELIVERED, ReceiptStatus.FAILED}),
            rate=settings.rate,
            attests_phone=True,
            phone_addressed=True,
            spoofable=True,
            extended=frozenset({"opt_out_keywords"}),
        )

    def receive(self, request: Request) -> Received:
        """Prove and read a message or a status report."""
        reason = self._refusal(request)
        if reason is not None:
            return callbacks.forged(reason)
        return callbacks.received(reading.read(request))

    def send(self, message: Outbound) -> Sending:
        """Send a text in as many messages as it takes; files go with the first, or as links."""
        calls = sending.calls(message, settings=self._settings, status_url=self._status_url)
        if calls and not plain(self._settings.access_key):
            return failures.refused(FailureKind.CONFIG, message="no access_key to send with")
        warnings = telephone.warnings(message)
        return (yield from parts.send(message, calls=calls, judge=sending.judge, warnings=warnings))

    def fetch(self, attachment: Attachment) -> Fetching:
        """Get a file of an MMS; its address needs no key."""
        return fetching.get(attachment.url, attachment)

    def deep_link(self, code: str) -> str | None:
        """A link that opens the phone's SMS app with the code written."""
        return telephone.deep_link(self._settings.number, code)

    def _refusal(self, request: Request) -> ForgeryReason | None:
        settings = self._settings
        key, token = plain(settings.signing_key), request.header("messagebird-signature-jwt")
        if settings.unsigned:
            return None
        if not key or (not token and plain(settings.webhook_secret)):
            return settings.refusal(request)
        return signed_tokens.messagebird(
            key=key,
            url=request.url,
            body=request.body,
            token=token,
            now=request.received_at,
        )
