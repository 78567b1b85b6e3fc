"""What Slack's events and interactions have in common: people, channels."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bot.model.channel import Sender, Unreadable, UnreadableReason

if TYPE_CHECKING:
    from bot.kit.payload import Node

_USER = re.compile(r"[A-Za-z0-9]{1,64}")
_DIRECT = frozenset({"im", "app_home"})
_SHARED = frozenset({"channel", "group", "mpim"})


def person(user: str, *, name: str | None = None, username: str | None = None) -> Sender | None:
    """A member of the workspace, or None when that is no member's id."""
    return Sender(user=user, name=name, username=username) if _USER.fullmatch(user) else None


def nobody(what: str) -> Unreadable:
    """Something that does not say who it is from."""
    said = f"{what} does not say who it is from"
    return Unreadable(reason=UnreadableReason.INVALID_SENDER, detail=said)


def is_shared(event: Node) -> bool:
    """Whether an event is of a channel or group, and not of the chat with one person."""
    kind = event["channel_type"].text
    if kind in _DIRECT | _SHARED:
        return kind in _SHARED
    # Old events do not tell; ids of public and private channels begin with these letters.
    return event["channel"].text[:1] in {"C", "G"}
