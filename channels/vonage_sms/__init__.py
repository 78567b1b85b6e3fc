"""SMS by Vonage's SMS API (once Nexmo): https://developer.vonage.com/messaging/sms/overview."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, SecretStr

from bot.kit import callbacks, failures, fetching, parts, proofs, signed_tokens, telephone
from bot.kit.callbacks import CallbackSettings, plain
from bot.model.channel import Capabilities, ReceiptStatus, Received, TextUnit
from bot.model.sending import FailureKind
from channels.vonage_sms import reading, sending

if TYPE_CHECKING:
    from bot.model.channel import Attachment, ForgeryReason, Request
    from bot.model.sending import Outbound
    from bot.ports import Fetching, Sending

__all__ = ["Adapter", "Settings"]


class Settings(CallbackSettings):
    """One sender at Vonage."""

    account_of = "Vonage"
    proven_by = ("signature_secret", "webhook_secret")

    api_key: str = Field(min_length=1, description="API key of the account.")
    api_secret: SecretStr | None = Field(
        default=None, description="API secret of the account; sends messages."
    )
    number: str = Field(min_length=1, description="Sender: a number of the account, or a name.")
    signature_secret: SecretStr | None = Field(
        default=None,
        description="Signature secret of the account: proves webhooks by `sig`. Vonage signs them "
        "when asked to; where it does not, set webhook_secret instead. With both, both must hold.",
    )
    signature_method: Literal["md5hash", "md5", "sha1", "sha256", "sha512"] = Field(
        default="md5hash",
        description="How the account signs: md5hash, or an HMAC by the hash named.",
    )
    max_text_length: int = Field(
        default=sending.LONGEST_TEXT,
        ge=1,
        le=sending.LONGEST_TEXT,
        description="Longest text of one message, in septets or UTF-16 units; more is split.",
    )
    rate: float | None = Field(
        default=30.0, gt=0, description="Messages a second of the account; none: no limit."
    )
    api_base: str = Field(
        default="https://rest.nexmo.com", description="Base URL of the API, or a sandbox."
    )


class Adapter:
    """One sender of SMS; see `bot.ports.Channel`."""

    name = "vonage_sms"

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
        """Prove and read a message or a delivery receipt, by GET or POST, form or JSON."""
        pairs = reading.parameters(request)
        reason = self._settings.refusal(request) or self._signed(request, pairs)
        if reason is not None:
            return callbacks.forged(reason)
        if not pairs and not request.body:
            # Somebody looks whether an address is there: a 400 could keep it from being taken.
            return Received(events=callbacks.malformed("a check of the address"))
        return callbacks.received(reading.read(request, pairs))

    def send(self, message: Outbound) -> Sending:
        """Send a text in as many messages as it takes; files go as links."""
        texts, warnings = telephone.texts(message, limit=self._settings.max_text_length)
        if texts and not plain(self._settings.api_secret):
            return failures.refused(FailureKind.CONFIG, message="no api_secret to send with")
        to = telephone.dialled(message.to.user)
        calls = [
            sending.call(text, to=to, settings=self._settings, status_url=self._status_url)
            for text in texts
        ]
        return (yield from parts.send(message, calls=calls, judge=sending.judge, warnings=warnings))

    def fetch(self, attachment: Attachment) -> Fetching:
        """Get a file of an MMS, which the Messages API gives by its address."""
        return fetching.get(attachment.url, attachment)

    def deep_link(self, code: str) -> str | None:
        """A link that opens the phone's SMS app with the code written."""
        return telephone.deep_link(self._settings.number, code)

    def _signed(self, request: Request, pairs: reading.Pairs) -> ForgeryReason | None:
        secret = plain(self._settings.signature_secret)
        if self._settings.unsigned or not secret:
            return None
        header = request.header("authorization") or ""
        if header.startswith("Bearer "):
            return signed_tokens.vonage(key=secret, body=request.body, header=header)
        shown = next((value for name, value in pairs if name == b"sig"), b"")
        return proofs.vonage(
            secret=secret,
            method=self._settings.signature_method,
            pairs=pairs,
            signature=shown.decode("utf-8", "replace"),
        )
