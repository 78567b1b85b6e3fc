"""Opening hours: what is read, and what holds when, also where clocks are put on and back."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from bot.edge.opening import Hours, Span, hours
from bot.edge.settings import EdgeSettings

STOCKHOLM = ZoneInfo("Europe/Stockholm")
OFFICE = "mon-fri 08:00-17:00"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "days", "opens", "closes"),
    [
        (OFFICE, {0, 1, 2, 3, 4}, time(8), time(17)),
        ("sat 10:15-24:00", {5}, time(10, 15), None),
        ("sat-mon 00:00-00:01", {5, 6, 0}, time(0), time(0, 1)),
        ("mon-sun 00:00-24:00", {0, 1, 2, 3, 4, 5, 6}, time(0), None),
    ],
)
def test_what_is_read(text: str, days: set[int], opens: time, closes: time | None) -> None:
    assert Span.parse(text) == Span(days=frozenset(days), opens=opens, closes=closes)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mon",
        "mån 08:00-17:00",
        "mon 8-17",
        "mon 08:00-17:60",
        "mon 24:00-24:00",
        "mon 17:00-08:00",
        "mon 08:00-08:00",
        "mon  08:00-17:00",
        "mon-fri 08:00-17:00, sat 10:00-14:00",
    ],
)
def test_what_is_wrong_is_named(text: str) -> None:
    with pytest.raises(ValidationError, match="opening_hours"):
        EdgeSettings(opening_hours=(text,))


@pytest.mark.parametrize("zone", ["Europe/Stokholm", "", "../../etc/passwd", "/etc/passwd"])
def test_a_zone_that_is_not_there_is_named(zone: str) -> None:
    with pytest.raises(ValidationError, match="time_zone"):
        EdgeSettings(opening_hours=(OFFICE,), time_zone=zone)
    assert EdgeSettings(time_zone=zone).opening_hours == ()


@pytest.mark.parametrize(
    ("texts", "now", "opens_at"),
    [
        # An ordinary week, in winter (+1) and in summer (+2).
        ((OFFICE,), "2026-01-12T06:59:59", "2026-01-12T07:00:00"),
        ((OFFICE,), "2026-01-12T07:00:00", None),
        ((OFFICE,), "2026-01-12T15:59:59", None),
        ((OFFICE,), "2026-01-12T16:00:00", "2026-01-13T07:00:00"),
        ((OFFICE,), "2026-07-06T05:59:59", "2026-07-06T06:00:00"),
        ((OFFICE,), "2026-07-06T06:00:00", None),
        # Over a weekend on which clocks are put on, and one on which they are put back.
        ((OFFICE,), "2026-03-27T16:00:00", "2026-03-30T06:00:00"),
        ((OFFICE,), "2026-10-23T15:00:00", "2026-10-26T07:00:00"),
        # Late on Sunday it is Monday already where the shop is.
        (("mon 00:00-01:00",), "2026-07-05T22:30:00", None),
        # The hour that clocks do not show: it opens when they have passed it.
        (("sun 02:30-04:00",), "2026-03-29T01:29:59", "2026-03-29T01:30:00"),
        (("sun 02:30-04:00",), "2026-03-29T01:30:00", None),
        (("sun 02:30-04:00",), "2026-03-29T02:00:00", "2026-04-05T00:30:00"),
        # The hour that they show twice: open from the first to the end, without a gap.
        (("sun 02:30-03:30",), "2026-10-25T00:29:59", "2026-10-25T00:30:00"),
        (("sun 02:30-03:30",), "2026-10-25T00:30:00", None),
        (("sun 02:30-03:30",), "2026-10-25T01:10:00", None),
        (("sun 02:30-03:30",), "2026-10-25T02:29:59", None),
        (("sun 02:30-03:30",), "2026-10-25T02:30:00", "2026-11-01T01:30:00"),
        # Up to midnight, and on without a gap; several spans in any order.
        (("sat 22:00-24:00",), "2026-10-24T21:59:59", None),
        (("sat 22:00-24:00",), "2026-10-24T22:00:00", "2026-10-31T21:00:00"),
        (("sun 00:00-02:00", "sat 22:00-24:00"), "2026-10-24T22:00:00", None),
        (("fri 13:00-15:00", "fri 08:00-12:00"), "2026-01-16T11:30:00", "2026-01-16T12:00:00"),
        (("mon-sun 00:00-24:00",), "2026-10-25T00:59:59", None),
    ],
)
def test_what_holds(texts: tuple[str, ...], now: str, opens_at: str | None) -> None:
    found = hours([Span.parse(text) for text in texts], STOCKHOLM, now=utc(now))
    if opens_at is None:
        assert found == Hours(open=True)
    else:
        assert found == Hours(open=False, opens_at=utc(opens_at))
