"""What the items of a Messenger webhook have in common: parties, times, texts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.kit.text import clean
from bot.model.channel import Sender

if TYPE_CHECKING:
    from bot.kit.payload import Node

# Unix times above this are milliseconds; as seconds it would be the year 5138.
_MILLISECONDS_FROM = 10**11


def sender_of(item: Node) -> Sender | None:
    """The person behind an item, or None when it names nobody."""
    # Somebody who ticked a checkbox has no id at the page yet, only a reference.
    user = party_id(item["sender"]) or text_of(item["optin"]["user_ref"])
    return Sender(user=user) if user else None


def party_id(party: Node) -> str:
    """The id of a sender or recipient, empty when there is none."""
    return text_of(party["id"]) or text_of(party["user_ref"])


def made_key(item: Node, sender: Sender, what: str) -> str:
    """A key for what Meta gives no id: who, when and what."""
    return f"{sender.user}:{text_of(item['timestamp'])}:{what}"


def text_of(node: Node) -> str:
    """A text fit to be stored, empty when there is none."""
    return clean(node.text)


def time_of(node: Node) -> datetime | None:
    """A Unix time in seconds or milliseconds, or None."""
    number = node.number
    if number is None:
        return None
    try:
        scale = 1000 if number >= _MILLISECONDS_FROM else 1
        return datetime.fromtimestamp(number / scale, UTC)
    except (ValueError, OverflowError, OSError):
        return None
