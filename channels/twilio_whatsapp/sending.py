"""From an outbound message to the fields of Twilio's calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.kit import split
from bot.kit.twilio import api
from bot.model.channel import TextUnit
from channels.twilio_whatsapp.reading import SCHEME

if TYPE_CHECKING:
    from bot.kit.twilio.api import Fields
    from bot.kit.twilio.settings import TwilioSettings
    from bot.model.sending import Outbound


def parts(
    message: Outbound, *, settings: TwilioSettings, status_url: str
) -> tuple[list[Fields], list[str]]:
    """The fields of each call, and what could not be carried.

    WhatsApp takes one file a message: the first goes with the first text, each other on its own.
    """
    ends = _ends(message, settings=settings, status_url=status_url)
    if message.template is not None:
        template = api.template(message.template)
        if template is None:
            return [], [f"the template {message.template.name!r} has no Content SID (HX...)"]
        return [ends + template], []
    texts = split.split(message.text, limit=settings.max_text_length, unit=TextUnit.UTF16)
    bodies: list[Fields] = [(("Body", body),) for body in texts]
    media: list[Fields] = [(("MediaUrl", each.url),) for each in message.attachments if each.url]
    if bodies and media:
        bodies[0] += media.pop(0)
    return [ends + content for content in bodies + media], _warnings(message)


def _ends(message: Outbound, *, settings: TwilioSettings, status_url: str) -> Fields:
    fields = [("To", address(message.to.user))]
    if settings.number:
        fields.append(("From", address(settings.number)))
    if settings.messaging_service_sid:
        fields.append(("MessagingServiceSid", settings.messaging_service_sid))
    fields.append(("StatusCallback", status_url))
    return tuple(fields)


def address(user: str) -> str:
    """A phone number or user id as Twilio addresses it."""
    bare = user.removeprefix(SCHEME)
    return f"{SCHEME}+{bare}" if bare.isascii() and bare.isdecimal() else f"{SCHEME}{bare}"


def _warnings(message: Outbound) -> list[str]:
    warnings = []
    if message.choices:
        warnings.append("buttons need a content template: the choices were left out")
    without = sum(1 for each in message.attachments if not each.url)
    if without:
        warnings.append(f"{without} attachment(s) without a web address left out")
    return warnings
