"""WhatsApp by Twilio."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from bot.kit.twilio import api, webhook
from bot.kit.twilio.settings import TwilioSettings
from bot.model.channel import AttachmentType, Capabilities, ReceiptStatus, TextUnit
from channels.twilio_whatsapp import reading, sending

if TYPE_CHECKING:
    from bot.model.channel import Attachment, Received, Request
    from bot.model.sending import Outbound
    from bot.ports import Checking, Fetching, Sending

__all__ = ["Adapter", "Settings"]

# https://www.twilio.com/docs/whatsapp/key-concepts#customer-service-windows
_WINDOW = timedelta(hours=24)


class Settings(TwilioSettings):
    """One WhatsApp sender."""


class Adapter:
    """One WhatsApp sender at Twilio; see `bot.ports.Channel`."""

    name = "twilio_whatsapp"

    def __init__(self, settings: Settings, *, account: str, public_base_url: str) -> None:
        self.account = account
        self._settings = settings
        base = public_base_url.rstrip("/")
        self._status_url = f"{base}/webhooks/{self.name}/{account}/status"
        self.capabilities = Capabilities(
            text_limit=settings.max_text_length,
            text_unit=TextUnit.UTF16,
            attachments=frozenset(
                {
                    AttachmentType.IMAGE,
                    AttachmentType.VIDEO,
                    AttachmentType.AUDIO,
                    AttachmentType.FILE,
                }
            ),
            window=_WINDOW,
            human_window=_WINDOW,
            receipts=frozenset(
                {
                    ReceiptStatus.SENT,
                    ReceiptStatus.DELIVERED,
                    ReceiptStatus.READ,
                    ReceiptStatus.FAILED,
                }
            ),
            rate=settings.rate,
            attests_phone=True,
            extended=frozenset({"templates", "opt_out_keywords"}),
        )

    def receive(self, request: Request) -> Received:
        """Prove and read a message or a status callback."""
        return webhook.receive(
            request, settings=self._settings, read=reading.message, sender=reading.sender
        )

    def send(self, message: Outbound) -> Sending:
        """Send a template, or a text in as many messages as it takes, with one file each."""
        parts, warnings = sending.parts(
            message, settings=self._settings, status_url=self._status_url
        )
        return api.send(message, settings=self._settings, parts=parts, warnings=warnings)

    def check(self) -> Checking:
        """Ask Twilio for the account itself."""
        return api.check(self._settings)

    def fetch(self, attachment: Attachment) -> Fetching:
        """Get a file that was sent to us."""
        return api.fetch(attachment, settings=self._settings)

    def deep_link(self, code: str) -> str | None:
        """A link that opens WhatsApp with the code written (faq.whatsapp.com/5913398998672934)."""
        digits = "".join(filter(str.isdecimal, self._settings.number or ""))
        return f"https://wa.me/{digits}?text={quote(code, safe='')}" if digits else None
