"""Facebook Messenger: https://developers.facebook.com/docs/messenger-platform."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from pydantic import Field

from bot.kit.meta import webhook
from bot.kit.meta.messaging import api, sending
from bot.kit.meta.messaging.reading import read_page
from bot.kit.meta.messaging.sending import Carrier, plan
from bot.kit.meta.messaging.settings import MessagingSettings
from bot.model.channel import AttachmentType, Capabilities, ReceiptStatus, TextUnit

if TYPE_CHECKING:
    from bot.model.channel import Attachment, Received, Request
    from bot.model.sending import Outbound
    from bot.ports import Fetching, Sending

__all__ = ["Adapter", "Settings"]

_LONGEST_TEXT = 2000


class Settings(MessagingSettings):
    """One Facebook page."""

    called = "Messenger"

    page_id: str = Field(min_length=1, description="Id of the page.")
    max_text_length: int = Field(
        default=_LONGEST_TEXT,
        ge=1,
        le=_LONGEST_TEXT,
        description="Longest text of one message, in UTF-16 units; more is split.",
    )

    @property
    def carrier(self) -> Carrier:
        """How long a text Messenger carries."""
        return Carrier(self.called, self.max_text_length, TextUnit.UTF16)


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
        return webhook.receive(
            request,
            settings=self._settings,
            known="page",
            read=partial(read_page, page_id=self._settings.page_id),
        )

    def send(self, message: Outbound) -> Sending:
        """Send a message in as many parts as it takes, without those that left already."""
        parts = plan(message, self._settings.carrier)
        return api.send(message, parts, settings=self._settings)

    def fetch(self, attachment: Attachment) -> Fetching:
        """Get a file that was sent to us."""
        return api.fetch(attachment, settings=self._settings)

    def deep_link(self, code: str) -> str | None:
        """A link that opens the page's chat; the code comes as the `ref` of a referral."""
        page = quote(self._settings.page_id, safe="")
        return f"https://m.me/{page}?ref={quote(code, safe='')}"
