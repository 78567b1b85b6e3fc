"""Reading the times that providers write, tolerantly."""

from __future__ import annotations

from datetime import UTC, datetime


def iso(text: str) -> datetime | None:
    """A time in ISO 8601, or one with a space in the middle; without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
