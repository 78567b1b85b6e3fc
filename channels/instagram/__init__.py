"""Instagram's direct messages.

Source: https://developers.facebook.com/documentation/business-messaging/instagram-messaging. With
the Instagram login instead of a page's token, set `api_base` to https://graph.instagram.com.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from pydantic import Field

from bot.kit.meta import webhook
from bot.kit.meta.messaging import api, sending
from bot.kit.meta.messaging.reading import read_instagram
from bot.kit.meta.messaging.sending import Carrier, plan
from bot.kit.meta.messaging.settings import MessagingSettings
from bot.model.channel import AttachmentType, Capabilities, ReceiptStatus, TextUnit
from channels.instagram import cards

if TYPE_CHECKING:
    from bot.model.channel import Attachment, Received, Request
    from bot.model.sending import Outbound
    from bot.ports import Fetching, Sending

__all__ = ["Adapter", "Settings"]

_LONGEST_TEXT = 1000
_LONGEST_CHARACTER = 4


class Settings(MessagingSettings):
    """One professional account."""

    called = "Instagram"

    ig_account_id: str = Field(min_length=1, description="Id of the professional account.")
    username: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9._]{1,30}$",
        description="Its name (without @), for links that continue a conversation here.",
    )
    max_text_length: int = Field(
        default=_LONGEST_TEXT,
        ge=_LONGEST_CHARACTER,
        le=_LONGEST_TEXT,
        description="Longest text of one message, in bytes of UTF-8; more is split.",
    )

    @property
    def carrier(self) -> Carrier:
        """How long a text Instagram carries."""
        return Carrier(self.called, self.max_text_length, TextUnit.BYTES)


class Adapter:
    """One account. Does no I/O and keeps no state."""

    name = "instagram"

    def __init__(self, settings: Settings, *, account: str, public_base_url: str) -> None:
        self.account = account
        self.public_base_url = public_base_url
        self.capabilities = Capabilities(
            text_limit=settings.max_text_length,
            text_unit=TextUnit.BYTES,
            max_choices=sending.MOST_CHOICES,
            choice_title_limit=sending.LONGEST_TITLE,
            cards=True,
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
            receipts=frozenset({ReceiptStatus.READ}),
            rate=settings.rate,
            extended=frozenset(
                {"edits", "deletions", "reactions", "echoes", "referrals", "stories", "urls"}
            ),
        )
        self._settings = settings

    def receive(self, request: Request) -> Received:
        """Answer Meta's handshake, or prove a webhook and read all of its batch."""
        return webhook.receive(
            request,
            settings=self._settings,
            known="instagram",
            read=partial(read_instagram, account_id=self._settings.ig_account_id),
        )

    def send(self, message: Outbound) -> Sending:
        """Send a message in as many parts as it takes, without those that left already."""
        warnings: list[str] = []
        shown = cards.parts(message.cards, base=self.public_base_url, warnings=warnings)
        parts = plan(message, self._settings.carrier, shown=shown)
        told = parts._replace(warnings=(*parts.warnings, *warnings))
        return api.send(message, told, settings=self._settings)

    def fetch(self, attachment: Attachment) -> Fetching:
        """Get a file that was sent to us."""
        return api.fetch(attachment, settings=self._settings)

    def deep_link(self, code: str) -> str | None:
        """A link that opens the account's chat; the code comes as the `ref` of a referral.

        Source: https://developers.facebook.com/docs/messenger-platform/instagram/features/ig-me-links
        """
        name = self._settings.username
        return f"https://ig.me/m/{name}?ref={quote(code, safe='')}" if name else None
