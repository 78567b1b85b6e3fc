"""Facebook Messenger: https://developers.facebook.com/docs/messenger-platform."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from pydantic import Field

from bot.kit import failures, media
from bot.kit.meta import graph, webhook
from bot.kit.meta.settings import MetaSettings
from bot.model.channel import AttachmentType, Capabilities, ReceiptStatus, TextUnit
from bot.model.sending import FailureKind, HttpCall, Lost, Media, MediaGone, PartSent, Reply, Sent
from channels.messenger import sending
from channels.messenger.outcomes import judge
from channels.messenger.reading import read
from channels.messenger.sending import WindowClosed, envelope, plan

if TYPE_CHECKING:
    from bot.model.channel import Attachment, Received, Request
    from bot.model.sending import Outbound
    from bot.ports import Fetching, Sending

__all__ = ["Adapter", "Settings"]

_LARGEST_FILE = 25 * 1024 * 1024
_DOWNLOAD = timedelta(seconds=60)


class Settings(MetaSettings):
    """One Facebook page."""

    called = "Messenger"

    page_id: str = Field(min_length=1, description="Id of the page.")
    human_agent: bool = Field(
        default=True,
        description="The app has the Human Agent permission: people may answer for 7 days.",
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
            read=partial(read, page_id=self._settings.page_id),
        )

    def send(self, message: Outbound) -> Sending:
        """Send a message in as many parts as it takes, without those that left already."""
        parts, warnings = plan(message, longest=self._settings.max_text_length)
        if not parts:
            return failures.refused(FailureKind.INVALID, message="; ".join(warnings))
        frame = envelope(message, human_agent=self._settings.human_agent)
        if isinstance(frame, WindowClosed):
            return failures.refused(FailureKind.WINDOW_CLOSED, message=frame.why)
        for part in parts[len(message.parts_sent) :]:
            body = json.dumps({**frame, "message": part}).encode()
            result = yield graph.post(self._settings, "me/messages", body)
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
