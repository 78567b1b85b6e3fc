"""Texts and times as Meta's webhooks have them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.kit.text import clean

if TYPE_CHECKING:
    from bot.kit.payload import Node

# Unix times above this are milliseconds; as seconds it would be the year 5138.
_MILLISECONDS_FROM = 10**11


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
