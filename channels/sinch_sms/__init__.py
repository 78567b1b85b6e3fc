"""SMS by Sinch's REST API (XMS): https://developers.sinch.com/docs/sms/api-reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, SecretStr

from bot.kit import callbacks, failures, fetching, parts, payload, telephone
from bot.kit.callbacks import CallbackSettings, plain
from bot.model.channel import Capabilities, ReceiptStatus, TextUnit
from bot.model.sending import FailureKind
from channels.sinch_sms import reading, sending

if TYPE_CHECKING:
    from bot.model.channel import Attachment, Received, Request
    from bot.model.sending import Outbound
    from bot.ports import Fetching, Sending

__all__ = ["Adapter", "Settings"]


class Settings(CallbackSettings):
    """One service plan at Sinch."""

    account_of = "Sinch"

    service_plan_id: str = Field(min_length=1, description="Service plan id, from the dashboard.")
    api_token: SecretStr | None = Field(
        default=None, description="API token of the service plan; sends messages."
    )
    number: str = Field(min_length=1, description="Sender: a number of the plan, or a name.")
    max_text_length: int = Field(
        default=sending.LONGEST_TEXT,
        ge=1,
        le=sending.LONGEST_TEXT,
        description="Longest text of one message, in septets or UTF-16 units; more is split.",
    )
    rate: float | None = Field(
        default=None, gt=0, description="Messages a second of the plan; none: no limit."
    )
    api_base: str = Field(
        default="https://eu.sms.api.sinch.com",
        description="Base URL of the API: another region (https://us.sms.api.sinch.com), or a "
        "sandbox.",
    )


class Adapter:
    """One sender of SMS; see `bot.ports.Channel`."""

    name = "sinch_sms"

    def __init__(self, settings: Settings, *, account: str, public_base_url: str) -> None:
        self.account = account
        self._settings = settings
        base = public_base_url.rstrip("/")
        self._status_url = settings.callback(f"{base}/webhooks/{self.name}/{account}/status")
        self.capabilities = Capabilities(
            text_limit=settings.max_text_length,
            text_unit=TextUnit.SMS,
            attachments=telephone.FILES,
            receipts=frozenset(
                {
                    ReceiptStatus.QUEUED,
                    ReceiptStatus.SENT,
                    ReceiptStatus.DELIVERED,
                    ReceiptStatus.FAILED,
                }
            ),
            rate=settings.rate,
            attests_phone=True,
            phone_addressed=True,
            spoofable=True,
            extended=frozenset({"opt_out_keywords"}),
        )

    def receive(self, request: Request) -> Received:
        """Prove a callback and read it: a message or a delivery report."""
        reason = self._settings.refusal(request)
        if reason is not None:
            return callbacks.forged(reason)
        document = payload.read(request.body) or payload.Node()
        return callbacks.received(reading.read(document))

    def send(self, message: Outbound) -> Sending:
        """Send a text in as many messages as it takes; files go as links."""
        settings = self._settings
        texts, warnings = telephone.texts(message, limit=settings.max_text_length)
        if texts and not plain(settings.api_token):
            return failures.refused(FailureKind.CONFIG, message="no api_token to send with")
        calls = [
            sending.call(message, text, settings=settings, status_url=self._status_url)
            for text in texts
        ]
        return (yield from parts.send(message, calls=calls, judge=sending.judge, warnings=warnings))

    def fetch(self, attachment: Attachment) -> Fetching:
        """Get a file of an MMS from where Sinch put it; its address needs no token."""
        return fetching.get(attachment.url, attachment)

    def deep_link(self, code: str) -> str | None:
        """A link that opens the phone's SMS app with the code written."""
        return telephone.deep_link(self._settings.number, code)
