"""From one Telegram update to one event.

Source: https://core.telegram.org/bots/api#update. Only the few fields needed are read, so that old
and new shapes pass.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bot.kit import consent, payload
from bot.kit.text import clean
from bot.model.channel import (
    Attachment,
    AttachmentType,
    ChannelEvent,
    Edited,
    Ignored,
    Inbound,
    OptIn,
    OptOut,
    Press,
    PressKind,
    Reacted,
    Sender,
    Started,
    Unreadable,
    UnreadableReason,
    Unsupported,
)
from channels.telegram.attachments import attachments, own_phone
from channels.telegram.nodes import in_group, person, sender_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.kit.payload import Node

# A deep link's payload is one word: https://core.telegram.org/bots/features#deep-linking
_START = re.compile(r"/start(?:@\w+)?(?:\s+(?P<ref>\S{1,512}))?\s*")
_COMMAND = re.compile(r"(/[A-Za-z0-9_]{1,32})(?:@\w+)?(?=\s|$)")

# Told about the chat, not said by the person.
_SERVICE = (
    "pinned_message",
    "message_auto_delete_timer_changed",
    "write_access_allowed",
    "connected_website",
    "chat_background_set",
    "boost_added",
    "forum_topic_created",
    "video_chat_started",
    "video_chat_ended",
    "giveaway_created",
    "giveaway_completed",
)
# Said by the person, and nothing that we can show.
_UNSUPPORTED = (
    "poll",
    "dice",
    "game",
    "story",
    "paid_media",
    "invoice",
    "checklist",
    "gift",
    "unique_gift",
    "giveaway",
    "successful_payment",
    "refunded_payment",
    "users_shared",
    "chat_shared",
    "passport_data",
)
_FILE_TYPES = frozenset(
    {
        AttachmentType.IMAGE,
        AttachmentType.VIDEO,
        AttachmentType.AUDIO,
        AttachmentType.FILE,
        AttachmentType.STICKER,
    }
)


def read(update: Node) -> ChannelEvent:
    """The event that an update is; always exactly one."""
    key = update["update_id"].words
    if not key:
        return Unreadable(reason=UnreadableReason.MALFORMED, detail="there is no update_id")
    for name, reading in _READINGS.items():
        if update[name]:
            return reading(update[name], key)
    other = next((name for name in update.keys if name != "update_id"), "nothing")
    return Ignored(reason=clean(f"update_ignored: {other[:64]}"))


def callback_id(update: Node) -> str:
    """The id of the button press that an update is, empty when it is none."""
    return update["callback_query"]["id"].words


# --- messages --------------------------------------------------------------------------------


def _message(message: Node, key: str) -> ChannelEvent:
    if in_group(message["chat"]):
        return Ignored(reason="group_message_ignored")
    sender = sender_of(message)
    if sender is None:
        return _NO_SENDER
    start = _START.fullmatch(message["text"].words.strip())
    if start:
        return Started(sender=sender, dedupe_key=key, ref=start["ref"], at=message["date"].moment)
    carried = attachments(message)
    press = _press(message)
    text = message["text"].words or message["caption"].words or _button_text(message)
    if not carried and (press is None or press.kind is PressKind.COMMAND):
        asked = consent.asked(text, sender=sender, key=key, at=message["date"].moment)
        if asked is not None:
            return asked
    if not (text or carried or press):
        return _nothing_to_show(message, sender, key)
    return Inbound(
        sender=sender.model_copy(update={"phone": own_phone(message, sender.user)}),
        dedupe_key=key,
        external_id=message["message_id"].words or None,
        text=text,
        attachments=carried,
        at=message["date"].moment,
        reply_to=message["reply_to_message"]["message_id"].words or None,
        press=press,
        incomplete=any(map(_lacks_its_file, carried)),
    )


def _edited(message: Node, key: str) -> ChannelEvent:
    if in_group(message["chat"]):
        return Ignored(reason="group_message_ignored")
    sender = sender_of(message)
    if sender is None:
        return _NO_SENDER
    text = message["text"].words or message["caption"].words
    if not text and (message["location"] or not attachments(message)):
        # A live location says its new place by editing, every few seconds.
        return Ignored(reason="update_ignored: edit without text")
    return Edited(
        sender=sender,
        dedupe_key=key,
        external_id=message["message_id"].words,
        text=text,
        at=message["edit_date"].moment or message["date"].moment,
    )


def _nothing_to_show(message: Node, sender: Sender, key: str) -> ChannelEvent:
    service = next((name for name in _SERVICE if message[name]), None)
    if service:
        return Ignored(reason=f"service_message_ignored: {service}")
    return Unsupported(
        sender=sender,
        dedupe_key=key,
        external_id=message["message_id"].words or None,
        what=next((name for name in _UNSUPPORTED if message[name]), "message"),
        at=message["date"].moment,
    )


# --- presses ---------------------------------------------------------------------------------


def _callback(query: Node, key: str) -> ChannelEvent:
    message = query["message"]
    if in_group(message["chat"]):
        return Ignored(reason="group_message_ignored")
    sender = sender_of(query)
    if sender is None:
        return _NO_SENDER
    data = query["data"].words
    if not data:
        return Ignored(reason="update_ignored: button of a game")
    return Inbound(
        sender=sender,
        dedupe_key=key,
        external_id=query["id"].words or None,
        text=_title(message, data) or data,
        reply_to=message["message_id"].words or None,
        press=Press(kind=PressKind.BUTTON, payload=data),
    )


def _title(message: Node, data: str) -> str:
    """What the pressed button says; Telegram sends its message along."""
    for row in message["reply_markup"]["inline_keyboard"]:
        for button in row:
            if button["callback_data"].words == data:
                return button["text"].words
    return ""


def _press(message: Node) -> Press | None:
    filled = message["web_app_data"]
    if filled:
        return _form(filled["data"].words)
    command = _COMMAND.match(message["text"].words)
    return Press(kind=PressKind.COMMAND, payload=command[1]) if command else None


def _form(data: str) -> Press:
    """A mini app sends whatever text it likes; a JSON object is a filled form."""
    form = payload.read(data)
    if form is None or not form.is_object:
        return Press(kind=PressKind.FORM, payload=data)
    return Press(
        kind=PressKind.FORM,
        fields=tuple((clean(name), _value(form[name])) for name in form.keys),
    )


def _value(value: Node) -> str:
    return clean("" if value.json in {"null", '""'} else value.text or value.json)


def _button_text(message: Node) -> str:
    return message["web_app_data"]["button_text"].words


# --- other updates ---------------------------------------------------------------------------


def _reaction(reaction: Node, key: str) -> ChannelEvent:
    if in_group(reaction["chat"]):
        return Ignored(reason="group_message_ignored")
    sender = person(reaction["user"])
    if sender is None:
        return _NO_SENDER
    marks = [_emoji(mark) for mark in reaction["new_reaction"]]
    return Reacted(
        sender=sender,
        dedupe_key=key,
        external_id=reaction["message_id"].words,
        emoji=marks[-1] if marks else "",
        at=reaction["date"].moment,
    )


def _emoji(mark: Node) -> str:
    return mark["emoji"].words or mark["type"].words or "reaction"


def _membership(change: Node, key: str) -> ChannelEvent:
    """In a private chat this comes when the person blocks or unblocks the bot."""
    if in_group(change["chat"]):
        return Ignored(reason="group_message_ignored")
    sender = sender_of(change)
    if sender is None:
        return _NO_SENDER
    status, at = change["new_chat_member"]["status"].words, change["date"].moment
    match status:
        case "kicked":
            return OptOut(sender=sender, dedupe_key=key, source="blocked", at=at)
        case "member":
            return OptIn(sender=sender, dedupe_key=key, source="unblocked", at=at)
        case _:
            return Ignored(reason=f"update_ignored: my_chat_member {status[:32]}".rstrip())


def _group(_: Node, __: str) -> ChannelEvent:
    return Ignored(reason="group_message_ignored")


def _lacks_its_file(attachment: Attachment) -> bool:
    return attachment.type in _FILE_TYPES and attachment.media_id is None


_NO_SENDER = Unreadable(
    reason=UnreadableReason.INVALID_SENDER, detail="the update does not say who it is from"
)
_READINGS: dict[str, Callable[[Node, str], ChannelEvent]] = {
    "message": _message,
    "edited_message": _edited,
    "callback_query": _callback,
    "message_reaction": _reaction,
    "my_chat_member": _membership,
    "channel_post": _group,
    "edited_channel_post": _group,
}
