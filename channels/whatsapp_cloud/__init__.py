"""WhatsApp by Meta's Cloud API.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp.
"""

from __future__ import annotations

import json
import re
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from pydantic import Field

from bot.kit import failures, media, payload
from bot.kit.meta import graph, webhook
from bot.kit.meta.settings import MetaSettings
from bot.model.channel import AttachmentType, Capabilities, ReceiptStatus, TextUnit
from bot.model.sending import FailureKind, HttpCall, Lost, Media, MediaGone, PartSent, Reply, Sent
from channels.whatsapp_cloud import interactive, sending
from channels.whatsapp_cloud.outcomes import judge
from channels.whatsapp_cloud.reading import read
from channels.whatsapp_cloud.sending import frame, plan

if TYPE_CHECKING:
    from bot.model.channel import Attachment, Received, Request
    from bot.model.sending import CallResult, Outbound
    from bot.ports import Fetching, Sending

__all__ = ["Adapter", "Settings"]

_LARGEST_FILE = 100 * 1024 * 1024
_DOWNLOAD = timedelta(seconds=60)
_MEDIA_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")
# Where Meta keeps what was sent: the token is shown to nobody else.
_METAS = (".facebook.com", ".fbsbx.com", ".fbcdn.net", ".whatsapp.net")


class Settings(MetaSettings):
    """One phone number of a WhatsApp Business account."""

    called = "WhatsApp"

    phone_number_id: str = Field(min_length=1, description="Id of the phone number (no number).")
    number: str | None = Field(
        default=None,
        description="The number itself (+46...), for links that continue a conversation here.",
    )
    menu_title: str = Field(
        default="Menu",
        min_length=1,
        max_length=20,
        pattern=r"\S",
        description="What the button says that opens a list of more than three choices.",
    )
    max_text_length: int = Field(
        default=sending.LONGEST_TEXT,
        ge=1,
        le=sending.LONGEST_TEXT,
        description="Longest text of one message, in UTF-16 units; more is split.",
    )
    rate: float | None = Field(
        default=80.0,
        gt=0,
        description="Messages a second that the number may send; none: no limit.",
    )


class Adapter:
    """One phone number. Does no I/O and keeps no state."""

    name = "whatsapp_cloud"

    def __init__(self, settings: Settings, *, account: str, public_base_url: str) -> None:
        self.account = account
        self.public_base_url = public_base_url
        self.capabilities = Capabilities(
            text_limit=settings.max_text_length,
            text_unit=TextUnit.UTF16,
            max_choices=interactive.MOST_CHOICES,
            choice_title_limit=interactive.LONGEST_TITLE,
            attachments=frozenset(AttachmentType) - {AttachmentType.SHARE},
            window=sending.WINDOW,
            human_window=sending.WINDOW,
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
            extended=frozenset(
                {"edits", "deletions", "reactions", "echoes", "referrals", "urls", "templates"}
                | {"flows", "location_requests", "identity_changes"}
            ),
        )
        self._settings = settings

    def receive(self, request: Request) -> Received:
        """Answer Meta's handshake, or prove a webhook and read all of its batch."""
        return webhook.receive(
            request,
            settings=self._settings,
            known="whatsapp_business_account",
            read=partial(read, phone_number_id=self._settings.phone_number_id),
        )

    def send(self, message: Outbound) -> Sending:
        """Send a template, or a message in as many parts as it takes, without those that left."""
        settings = self._settings
        parts, warnings = plan(message, longest=settings.max_text_length, menu=settings.menu_title)
        if not parts:
            why = "; ".join(warnings) or "there is nothing in it that WhatsApp carries"
            return failures.refused(FailureKind.INVALID, message=why)
        to = frame(message)
        path = f"{quote(settings.phone_number_id, safe='')}/messages"
        for part in parts[len(message.parts_sent) :]:
            result = yield graph.post(settings, path, json.dumps({**to, **part}).encode())
            outcome = judge(result or Lost(reason="the call got no result"))
            if not isinstance(outcome, PartSent):
                return outcome
            yield outcome
        return Sent(warnings=warnings)

    def fetch(self, attachment: Attachment) -> Fetching:
        """Ask where a file is, then get it from there; both take the token.

        Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/media
        """
        url, name = attachment.url, attachment.name
        if attachment.media_id:
            if not _MEDIA_ID.fullmatch(attachment.media_id):
                return MediaGone(reason="the id of the file is none of Meta's")
            result = yield graph.get(self._settings, attachment.media_id)
            if not failures.succeeded(result):
                return _gone(result, "the API")
            said = payload.read(result.body) if isinstance(result, Reply) else None
            url = said["url"].text if said else ""
        if not url:
            return MediaGone(reason="WhatsApp does not say where the file is")
        result = yield self._download(url)
        if not isinstance(result, Reply) or not failures.succeeded(result):
            return _gone(result, "the link")
        mime = media.base_type(result.header("content-type")) or media.base_type(attachment.mime)
        return Media(body=result.body, mime=mime or "application/octet-stream", name=name)

    def deep_link(self, code: str) -> str | None:
        """A link that opens WhatsApp with the code written (faq.whatsapp.com/5913398998672934)."""
        digits = "".join(filter(str.isdecimal, self._settings.number or ""))
        return f"https://wa.me/{digits}?text={quote(code, safe='')}" if digits else None

    def _download(self, url: str) -> HttpCall:
        token = self._settings.access_token
        known = _is_metas(url)
        return HttpCall(
            method="GET",
            url=url,
            headers=(("Authorization", f"Bearer {token.get_secret_value()}"),) if known else (),
            timeout=_DOWNLOAD,
            guarded=True,
            max_bytes=_LARGEST_FILE,
            secrets=(token,) if known else (),
        )


def _is_metas(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return parts.scheme == "https" and f".{host}".endswith(_METAS)


def _gone(result: CallResult, who: str) -> MediaGone:
    if isinstance(result, Reply):
        return MediaGone(reason=f"{who} answered {result.status}")
    return MediaGone(reason=result.reason)
