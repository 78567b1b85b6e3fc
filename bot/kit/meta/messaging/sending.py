"""From one message out to the bodies of the Send API, for Messenger and for Instagram.

Source: https://developers.facebook.com/docs/messenger-platform/reference/send-api and
https://developers.facebook.com/documentation/business-messaging/instagram-messaging
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from bot.kit.split import measure, split
from bot.model.channel import AttachmentType, TextUnit
from bot.model.sending import ChoiceKind, Origin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import JsonValue

    from bot.kit.meta.graph import Json
    from bot.model.channel import Attachment
    from bot.model.sending import Choice, Outbound

MOST_CHOICES = 13
LONGEST_TITLE = 20
WINDOW = timedelta(hours=24)
HUMAN_WINDOW = timedelta(days=7)

_MOST_BUTTONS = 3
_LONGEST_TEXT_WITH_BUTTONS = 640
_LONGEST_PAYLOAD = 1000
_LINKS = frozenset({ChoiceKind.URL, ChoiceKind.FORM})
_FILES = {
    AttachmentType.IMAGE: "image",
    AttachmentType.VIDEO: "video",
    AttachmentType.AUDIO: "audio",
    AttachmentType.FILE: "file",
    AttachmentType.STICKER: "image",
}


class Carrier(NamedTuple):
    """What carries a message: its name, and how long a text of it may be."""

    name: str
    longest: int
    unit: TextUnit


class Plan(NamedTuple):
    """A message's parts as `message` objects, always the same for the same message."""

    parts: tuple[Json, ...]
    warnings: tuple[str, ...]


def plan(message: Outbound, carrier: Carrier, *, shown: Sequence[Json] = ()) -> Plan:
    """Take a message apart: files first, then the text in parts; choices go with the last part.

    `shown` are further parts, below the text. Quick replies vanish from the screen when anything
    comes after them.
    """
    name = carrier.name
    warnings = [f"{name} has no such templates: only the text was sent"] * bool(message.template)
    files = [_file(attachment, name, warnings) for attachment in message.attachments]
    parts = [part for part in files if part is not None]
    links = _links(message.choices, warnings)
    lines = [message.text] if message.text.strip() else []
    lines += filter(None, map(_line, message.attachments))
    buttons = _buttons(links) if _can_have_buttons(lines, links, carrier) else []
    if not buttons:
        lines += [f"{choice.title}: {choice.url}".removeprefix(": ") for choice in links]
    pieces = split("\n".join(lines), limit=carrier.longest, unit=carrier.unit)
    parts += [{"text": piece} for piece in pieces]
    if not parts and not shown:
        return Plan((), (*warnings, f"there is nothing in it that {name} carries"))
    if buttons:
        parts[-1] = _template(pieces[-1], buttons)
    parts += shown
    replies = _quick_replies(message.choices, name, warnings)
    if replies:
        parts[-1] = {**parts[-1], "quick_replies": replies}
    return Plan(tuple(parts), tuple(warnings))


class WindowClosed(NamedTuple):
    """Nothing may be sent now, and why."""

    why: str


def envelope(message: Outbound, *, human_agent: bool) -> Json | WindowClosed:
    """To whom and under which rule: free text within 24 hours, a person's answer within 7 days.

    Source: https://developers.facebook.com/docs/messenger-platform/policy/policy-overview
    """
    if message.recipient_token:
        token: Json = {"notification_messages_token": message.recipient_token}
        return {"messaging_type": "UPDATE", "recipient": token}
    # The ids that Meta gives are digits; a checkbox's reference is whatever its page chose.
    known_by = "id" if message.to.user.isdecimal() else "user_ref"
    recipient: Json = {known_by: message.to.user}
    since = message.at - message.last_inbound_at if message.last_inbound_at else None
    if since is not None and since <= WINDOW:
        kind = "UPDATE" if message.origin is Origin.CAMPAIGN else "RESPONSE"
        return {"messaging_type": kind, "recipient": recipient}
    if human_agent and message.origin is Origin.AGENT and since and since <= HUMAN_WINDOW:
        return {"messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT", "recipient": recipient}
    if known_by == "user_ref":
        return {"messaging_type": "UPDATE", "recipient": recipient}
    return WindowClosed("this person never wrote" if since is None else f"last wrote {since} ago")


# --- files -----------------------------------------------------------------------------------


def _file(attachment: Attachment, name: str, warnings: list[str]) -> Json | None:
    kind = _FILES.get(attachment.type)
    if kind and (attachment.url or attachment.media_id):
        by_url: Json = {"url": attachment.url, "is_reusable": True}
        by_id: Json = {"attachment_id": attachment.media_id}
        return {
            "attachment": {"type": kind, "payload": by_url if attachment.url else by_id},
        }
    if _line(attachment) is None:
        warnings.append(f"an attachment ({attachment.type}) was left out: {name} cannot show it")
    return None


def _line(attachment: Attachment) -> str | None:
    """What Messenger has no form for, as text."""
    match attachment.type:
        case AttachmentType.SHARE:
            said = [attachment.name, attachment.url]
        case AttachmentType.CONTACT:
            said = [attachment.name, attachment.phone]
        case AttachmentType.LOCATION:
            point = (attachment.latitude, attachment.longitude)
            said = [attachment.name, attachment.address]
            if None not in point:
                said.append(f"https://maps.google.com/?q={point[0]},{point[1]}")
        case _:
            return None
    return ", ".join(filter(None, said)) or None


# --- choices ---------------------------------------------------------------------------------


def _links(choices: Sequence[Choice], warnings: list[str]) -> list[Choice]:
    links = []
    for choice in choices:
        if choice.kind not in _LINKS:
            continue
        if _is_web(choice.url):
            links.append(choice)
        else:
            warnings.append(f"the choice {choice.title!r} was left out: it has no web address")
    return links


def _can_have_buttons(lines: list[str], links: list[Choice], carrier: Carrier) -> bool:
    """Whether the links fit under the text as buttons; otherwise they are lines of it."""
    text = "\n".join(lines)
    return (
        bool(text)
        and 0 < len(links) <= _MOST_BUTTONS
        and measure(text, TextUnit.UTF16) <= _LONGEST_TEXT_WITH_BUTTONS
        and measure(text, carrier.unit) <= carrier.longest
        and all(0 < measure(link.title, TextUnit.UTF16) <= LONGEST_TITLE for link in links)
    )


def _buttons(links: list[Choice]) -> list[JsonValue]:
    return [{"type": "web_url", "url": link.url, "title": link.title} for link in links]


def _template(text: str, buttons: list[JsonValue]) -> Json:
    payload: Json = {"template_type": "button", "text": text, "buttons": buttons}
    return {"attachment": {"type": "template", "payload": payload}}


def _quick_replies(choices: Sequence[Choice], name: str, warnings: list[str]) -> list[JsonValue]:
    replies = [
        reply for choice in choices if (reply := _quick_reply(choice, name, warnings)) is not None
    ]
    if len(replies) > MOST_CHOICES:
        left_out = len(replies) - MOST_CHOICES
        warnings.append(f"{left_out} choices were left out: {name} shows {MOST_CHOICES}")
    return list(replies[:MOST_CHOICES])


def _quick_reply(choice: Choice, name: str, warnings: list[str]) -> JsonValue:
    match choice.kind:
        case ChoiceKind.REPLY if choice.title.strip():
            payload = (choice.payload or choice.title)[:_LONGEST_PAYLOAD]
            if measure(choice.title, TextUnit.UTF16) > LONGEST_TITLE:
                warnings.append(f"the title {choice.title!r} was shortened to {LONGEST_TITLE}")
            return {"content_type": "text", "title": short(choice.title), "payload": payload}
        case ChoiceKind.PHONE:
            return {"content_type": "user_phone_number"}
        case ChoiceKind.LOCATION:
            warnings.append(f"asking for a place was left out: {name} no longer can")
        case ChoiceKind.REPLY:
            warnings.append("a choice without a title was left out")
        case ChoiceKind.URL | ChoiceKind.FORM:
            pass  # a button or a line of the text
    return None


def short(title: str, *, longest: int = LONGEST_TITLE) -> str:
    """Words cut to what fits, where a reader would cut them."""
    if measure(title, TextUnit.UTF16) <= longest:
        return title
    pieces = split(title, limit=longest - 1, unit=TextUnit.UTF16)
    return f"{pieces[0]}…" if pieces else ""


def _is_web(url: str | None) -> bool:
    try:
        parts = urlsplit(url or "")
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False
