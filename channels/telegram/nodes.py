"""What Telegram's objects have in common: people, chats, times, texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.model.channel import Sender

if TYPE_CHECKING:
    from bot.kit.payload import Node

_GROUPS = frozenset({"group", "supergroup", "channel"})


def sender_of(said: Node) -> Sender | None:
    """Who said it; in a private chat, the chat is the person."""
    return person(said["from"]) or person(said["chat"])


def person(user: Node) -> Sender | None:
    """A user of Telegram, or None when there is no id."""
    if not user["id"].words:
        return None
    name = f"{user['first_name'].words} {user['last_name'].words}".strip()
    return Sender(
        user=user["id"].words,
        name=name or None,
        username=user["username"].words or None,
        language=user["language_code"].words or None,
    )


def in_group(chat: Node) -> bool:
    """Whether a chat is anything but private."""
    # The ids of groups and channels are negative, also where an old payload has no type.
    return chat["type"].words in _GROUPS or chat["id"].words.startswith("-")
