"""Sending by the Send API, and getting the files that were sent to us."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from bot.kit import failures, media
from bot.kit.meta import graph
from bot.kit.meta.messaging.outcomes import judge
from bot.kit.meta.messaging.sending import WindowClosed, envelope
from bot.model.sending import FailureKind, HttpCall, Lost, Media, MediaGone, PartSent, Reply, Sent

if TYPE_CHECKING:
    from collections.abc import Generator

    from bot.kit.meta.messaging.sending import Plan
    from bot.kit.meta.messaging.settings import MessagingSettings
    from bot.model.channel import Attachment
    from bot.model.sending import Call, CallResult, Delivery, Outbound

    Sending = Generator[Call | PartSent, CallResult | None, Delivery]
    Fetching = Generator[Call, CallResult, Media | MediaGone]

_LARGEST_FILE = 25 * 1024 * 1024
_DOWNLOAD = timedelta(seconds=60)


def send(message: Outbound, plan: Plan, *, settings: MessagingSettings) -> Sending:
    """Send a message in as many parts as it takes, without those that left already."""
    parts, warnings = plan
    if not parts:
        return failures.refused(FailureKind.INVALID, message="; ".join(warnings))
    frame = envelope(message, human_agent=settings.human_agent)
    if isinstance(frame, WindowClosed):
        return failures.refused(FailureKind.WINDOW_CLOSED, message=frame.why)
    for part in parts[len(message.parts_sent) :]:
        body = json.dumps({**frame, "message": part}).encode()
        result = yield graph.post(settings, "me/messages", body)
        outcome = judge(result or Lost(reason="the call got no result"))
        if not isinstance(outcome, PartSent):
            return outcome
        yield outcome
    return Sent(warnings=warnings)


def fetch(attachment: Attachment, *, settings: MessagingSettings) -> Fetching:
    """Get a file from Meta's delivery network; its links work without a token for a while."""
    if not attachment.url:
        return MediaGone(reason=f"{settings.called} gave no link")
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
    return Media(body=result.body, mime=mime or "application/octet-stream", name=attachment.name)
