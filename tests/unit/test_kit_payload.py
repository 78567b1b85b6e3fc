"""Reading JSON from outside: times, and texts fit to be shown."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.kit.payload import Node

FIRST = datetime(2026, 1, 1, 0, 0, 1, 250000, tzinfo=UTC)


@pytest.mark.parametrize(
    "value", [1767225601.25, "1767225601.250000", 1767225601250, "1767225601250"]
)
def test_a_time_in_seconds_or_milliseconds(value: object) -> None:
    assert Node(value).moment == FIRST


@pytest.mark.parametrize(
    "value", [None, "", "nu", True, [], {}, 4987034606158369000, -1e300, "inf"]
)
def test_what_is_no_time(value: object) -> None:
    assert Node(value).moment is None


def test_words_are_fit_to_be_shown() -> None:
    assert Node("a\x00b\r\nc\ud800").words == "ab\nc"
    assert Node(4912661846655238145).words == "4912661846655238145"
    assert Node(["a"]).words == ""
