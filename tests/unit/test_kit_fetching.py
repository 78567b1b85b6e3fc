"""Files over HTTP: redirects, the guard, and who gets the credentials."""

from __future__ import annotations

import pytest

from bot.kit import fetching
from bot.model.channel import Attachment, AttachmentType
from bot.model.sending import CallResult, HttpCall, Lost, Media, MediaGone, Reply

OURS = "https://api.example.com"
FILE = Attachment(type=AttachmentType.FILE, name="a.txt")


def fetched(url: str | None, *results: CallResult) -> tuple[list[HttpCall], Media | MediaGone]:
    going = fetching.get(
        url,
        FILE,
        trusted=lambda place: fetching.is_at(place, base=OURS),
        headers=(("Authorization", "Bearer t"),),
    )
    made: list[HttpCall] = []
    try:
        call = next(going)
        for result in results:
            assert isinstance(call, HttpCall)
            made.append(call)
            call = going.send(result)
    except StopIteration as stop:
        found: Media | MediaGone = stop.value
        return made, found
    raise AssertionError(f"one more call: {call}")


def to(place: str) -> Reply:
    return Reply(status=302, headers=(("Location", place),))


def test_credentials_stay_behind_at_a_redirect() -> None:
    made, found = fetched(
        f"{OURS}/a", to("/b"), to("https://cdn.example.com/c"), Reply(status=200, body=b"x")
    )
    assert [(one.url, bool(one.headers), one.guarded) for one in made] == [
        (f"{OURS}/a", True, False),
        (f"{OURS}/b", True, False),
        ("https://cdn.example.com/c", False, True),
    ]
    assert found == Media(body=b"x", mime="application/octet-stream", name="a.txt")


@pytest.mark.parametrize(
    ("url", "results", "why"),
    [
        (None, (), "the attachment has no web address"),
        ("file:///etc/passwd", (), "the attachment has no web address"),
        ("https://[", (), "the attachment has no web address"),
        (f"{OURS}/a", (to("file:///etc/passwd"),), "the attachment has no web address"),
        (f"{OURS}/a", (to("https://["),), "the attachment has no web address"),
        (f"{OURS}/a", (Reply(status=302),), "the provider answered 302"),
        (f"{OURS}/a", (Reply(status=404),), "the provider answered 404"),
        (f"{OURS}/a", (Lost(reason="timed out"),), "timed out"),
        (f"{OURS}/a", (to("/a"), to("/a"), to("/a"), to("/a")), "too many redirects"),
    ],
)
def test_what_cannot_be_got_says_why(
    url: str | None, results: tuple[CallResult, ...], why: str
) -> None:
    assert fetched(url, *results)[1] == MediaGone(reason=why)


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("https://api.example.com/a", True),
        ("http://api.example.com/a", False),
        ("https://api.example.com:444/a", False),
        ("https://api.example.com@evil.example/a", False),
        ("https://[", False),
    ],
)
def test_the_same_place(url: str, same: bool) -> None:
    assert fetching.is_at(url, base=OURS) is same
