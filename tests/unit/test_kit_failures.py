"""What a call's result says about a send."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.kit import failures
from bot.model.sending import FailureKind, Lost, Refused, Reply, Retry, Uncertain, Unreached

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


def test_a_call_that_never_left_is_made_again() -> None:
    ended = failures.failed(Unreached(reason="no route"))
    assert isinstance(ended, Retry)
    assert (ended.failure.kind, ended.failure.message) == (FailureKind.UNREACHABLE, "no route")


def test_a_call_without_an_answer_is_not_made_again() -> None:
    ended = failures.failed(Lost(reason="timed out"))
    assert isinstance(ended, Uncertain)
    assert (ended.failure.kind, ended.failure.message) == (FailureKind.UNCERTAIN, "timed out")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (429, FailureKind.RATE_LIMITED),
        (408, FailureKind.UNREACHABLE),
        (500, FailureKind.UNREACHABLE),
        (503, FailureKind.UNREACHABLE),
        (599, FailureKind.UNREACHABLE),
    ],
)
def test_trouble_that_passes_is_tried_again(status: int, kind: FailureKind) -> None:
    ended = failures.failed(Reply(status=status, body=b"up\n stream"))
    assert isinstance(ended, Retry)
    assert (ended.failure.kind, ended.failure.code) == (kind, str(status))
    assert (ended.failure.message, ended.after) == ("up stream", None)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, None, FailureKind.PROVIDER_ERROR),
        (401, None, FailureKind.PROVIDER_ERROR),
        (400, "36000", FailureKind.REJECTED),
        (302, None, FailureKind.PROVIDER_ERROR),
        (200, None, FailureKind.BAD_RESPONSE),
    ],
)
def test_what_does_not_pass_is_refused(status: int, code: str | None, kind: FailureKind) -> None:
    ended = failures.failed(Reply(status=status, body=b"\xff{"), code=code, message="why")
    assert isinstance(ended, Refused)
    assert (ended.failure.kind, ended.failure.code) == (kind, code or str(status))
    assert ended.failure.message == "why"


@pytest.mark.parametrize(
    ("headers", "after"),
    [
        ({"Retry-After": "30"}, timedelta(seconds=30)),
        ({"retry-after": " 0 "}, timedelta(0)),
        ({"Retry-After": "99999999999999999999"}, timedelta(days=1)),
        ({"Retry-After": "Thu, 01 Jan 2026 12:00:07 GMT"}, timedelta(seconds=7)),
        ({"Retry-After": "Thu, 01 Jan 2026 11:00:00 GMT"}, timedelta(0)),
        (
            {
                "Retry-After": "Thu, 01 Jan 2026 12:00:07 GMT",
                "Date": "Thu, 01 Jan 2026 12:00:02 GMT",
            },
            timedelta(seconds=5),
        ),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "٣"}, None),
        ({}, None),
    ],
)
def test_when_to_come_back(headers: dict[str, str], after: timedelta | None) -> None:
    reply = Reply(status=429, headers=tuple(headers.items()))
    assert failures.retry_after(reply, now=NOW) == after


def test_a_date_alone_says_nothing_without_a_now() -> None:
    date = (("Retry-After", "Thu, 01 Jan 2026 12:00:07 GMT"),)
    assert failures.retry_after(Reply(status=429, headers=date)) is None


def test_what_the_channel_read_counts_before_the_header() -> None:
    reply = Reply(status=429, headers=(("Retry-After", "30"),))
    ended = failures.failed(reply, after=timedelta(seconds=7))
    assert isinstance(ended, Retry)
    assert ended.after == timedelta(seconds=7)


@pytest.mark.parametrize(
    ("result", "found"),
    [
        (Reply(status=200), True),
        (Reply(status=299), True),
        (Reply(status=300), False),
        (Reply(status=199), False),
        (Lost(reason="x"), False),
    ],
)
def test_success(result: Reply | Lost, found: bool) -> None:
    assert failures.succeeded(result) is found
