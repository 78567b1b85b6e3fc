"""From an outbound message to the fields of Twilio's calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.kit import split
from bot.kit.twilio import api
from bot.kit.twilio.webhook import MOST_MEDIA
from bot.model.channel import TextUnit

if TYPE_CHECKING:
    from bot.kit.twilio.api import Fields
    from bot.kit.twilio.settings import TwilioSettings
    from bot.model.sending import Outbound

_SHORTEST_INTERNATIONAL = 8


def parts(
    message: Outbound, *, settings: TwilioSettings, status_url: str
) -> tuple[list[Fields], list[str]]:
    """The fields of each call, and what could not be carried."""
    ends = _ends(message, settings=settings, status_url=status_url)
    template = api.template(message.template) if message.template else None
    if template is not None:
        return [ends + template], []
    media = [each.url for each in message.attachments if each.url]
    warnings = _warnings(message, media_sent=len(media[:MOST_MEDIA]))
    texts = split.split(message.text, limit=settings.max_text_length, unit=TextUnit.SMS)
    if media and not texts:
        texts = [""]
    fields = [(*ends, ("Body", body)) if body else ends for body in texts]
    if fields:
        fields[0] += tuple(("MediaUrl", url) for url in media[:MOST_MEDIA])
    return fields, warnings


def _ends(message: Outbound, *, settings: TwilioSettings, status_url: str) -> Fields:
    fields = [("To", _dialled(message.to.user))]
    if settings.number:
        fields.append(("From", settings.number))
    if settings.messaging_service_sid:
        fields.append(("MessagingServiceSid", settings.messaging_service_sid))
    fields.append(("StatusCallback", status_url))
    return tuple(fields)


def _dialled(number: str) -> str:
    is_bare = number.isascii() and number.isdecimal() and len(number) >= _SHORTEST_INTERNATIONAL
    return f"+{number}" if is_bare else number


def _warnings(message: Outbound, *, media_sent: int) -> list[str]:
    warnings = []
    if message.choices:
        warnings.append("SMS has no buttons: the choices were left out")
    if media_sent < len(message.attachments):
        warnings.append(
            f"{len(message.attachments) - media_sent} attachment(s) left out: SMS carries at most "
            f"{MOST_MEDIA} files, each by its web address"
        )
    if message.template:
        warnings.append("the template has no Content SID: its text was sent instead")
    return warnings
