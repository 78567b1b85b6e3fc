"""Moments as stores keep them: whole microseconds since 1970, so that they sort and compare."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """An aware moment as microseconds since 1970; exact."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(micros: int) -> datetime:
    """The moment, aware, UTC, that `micros` made this number of."""
    return _EPOCH + timedelta(microseconds=micros)
