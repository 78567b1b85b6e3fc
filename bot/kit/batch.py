"""Several events of one request: repeats within it count once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.model.channel import Echo, Ignored, ReadUpTo, Receipt, Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bot.model.channel import ChannelEvent


def distinct(events: Iterable[ChannelEvent]) -> tuple[ChannelEvent, ...]:
    """The events in order, each once, by what a channel knows its repeats by."""
    found: dict[tuple[str, str], ChannelEvent] = {}
    for nth, event in enumerate(events):
        found.setdefault((event.kind, _key(event, nth)), event)
    return tuple(found.values())


def _key(event: ChannelEvent, nth: int) -> str:
    match event:
        case Ignored() | Unreadable():
            return event.model_dump_json()
        case Echo():
            return event.external_id
        case Receipt() | ReadUpTo():
            return str(nth)
        case _:
            return getattr(event, "dedupe_key", str(nth))
