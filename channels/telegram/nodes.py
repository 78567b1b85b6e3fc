"""What Telegram's objects have in common: people, chats, times, texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.kit.text import clean
from bot.model.channel import Sender

if TYPE_CHECKING:
    from datetime import datetime

    from bot.kit.payload import Node

_GROUPS = frozenset({"group", "supergroup", "channel"})


def sender_of(said: Node) -> Sender | None:
    """Who said it; in a private chat, the chat is the person."""
    return person(said["from"]) or person(said["chat"])


def person(user: Node) -> Sender | None:
    """A user of Telegram, or None when there is no id."""
    if not text_of(user["id"]):
        return None
    name = f"{text_of(user['first_name'])} {text_of(user['last_name'])}".strip()
    return Sender(
        user=text_of(user["id"]),
        name=name or None,
        username=text_of(user["username"]) or None,
        language=text_of(user["language_code"]) or None,
    )


def in_group(chat: Node) -> bool:
    """Whether a chat is anything but private."""
    # The ids of groups and channels are negative, also where an old payload has no type.
    return text_of(chat["type"]) in _GROUPS or text_of(chat["id"]).startswith("-")


def text_of(node: Node) -> str:
    """A text fit to be stored, empty when there is none."""
    return clean(node.text)


def time_of(node: Node) -> datetime | None:
    """A Unix time in seconds, or None."""
    return node.moment
