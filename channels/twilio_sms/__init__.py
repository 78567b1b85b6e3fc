"""SMS and MMS by Twilio."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from bot.kit import telephone
from bot.kit.twilio import api, webhook
from bot.kit.twilio.settings import TwilioSettings
from bot.model.channel import Capabilities, ReceiptStatus, TextUnit
from channels.twilio_sms import reading, sending

if TYPE_CHECKING:
    from bot.model.channel import Attachment, Received, Request
    from bot.model.sending import Outbound
    from bot.ports import Checking, Fetching, Sending

__all__ = ["Adapter", "Settings"]


class Settings(TwilioSettings):
    """One number or messaging service for SMS."""


class Adapter:
    """One sender of SMS; see `bot.ports.Channel`."""

    name = "twilio_sms"

    def __init__(self, settings: Settings, *, account: str, public_base_url: str) -> None:
        self.account = account
        self._settings = settings
        base = public_base_url.rstrip("/")
        self._status_url = f"{base}/webhooks/{self.name}/{account}/status"
        self.capabilities = Capabilities(
            text_limit=settings.max_text_length,
            text_unit=TextUnit.SMS,
            attachments=telephone.FILES,
            receipts=frozenset({ReceiptStatus.SENT, ReceiptStatus.DELIVERED, ReceiptStatus.FAILED}),
            rate=settings.rate,
            attests_phone=True,
            phone_addressed=True,
            spoofable=True,
            extended=frozenset({"templates", "opt_out_keywords"}),
        )

    def receive(self, request: Request) -> Received:
        """Prove and read a message or a status callback."""
        return webhook.receive(
            request, settings=self._settings, read=reading.message, sender=reading.sender
        )

    def send(self, message: Outbound) -> Sending:
        """Send a text in as many messages as it takes; files go with the first."""
        parts, warnings = sending.parts(
            message, settings=self._settings, status_url=self._status_url
        )
        return api.send(message, settings=self._settings, parts=parts, warnings=warnings)

    def check(self) -> Checking:
        """Ask Twilio for the account itself."""
        return api.check(self._settings)

    def fetch(self, attachment: Attachment) -> Fetching:
        """Get a file of an MMS."""
        return api.fetch(attachment, settings=self._settings)

    def deep_link(self, code: str) -> str | None:
        """A link that opens the phone's SMS app with the code written (RFC 5724)."""
        if not self._settings.number:
            return None
        return f"sms:{self._settings.number}?body={quote(code, safe='')}"
