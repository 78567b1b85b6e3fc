"""What the items of a webhook have in common: parties and keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.model.channel import Sender

if TYPE_CHECKING:
    from bot.kit.payload import Node


def sender_of(item: Node) -> Sender | None:
    """The person behind an item, or None when it names nobody."""
    # Somebody who ticked a checkbox has no id at the page yet, only a reference.
    user = party_id(item["sender"]) or item["optin"]["user_ref"].words
    return Sender(user=user) if user else None


def party_id(party: Node) -> str:
    """The id of a sender or recipient, empty when there is none."""
    return party["id"].words or party["user_ref"].words


def made_key(item: Node, sender: Sender, what: str) -> str:
    """A key for what Meta gives no id: who, when and what."""
    return f"{sender.user}:{(item['timestamp']).words}:{what}"
