"""What a channel has no form for, in plain words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.kit import plain
from bot.kit.split import measure
from bot.model.channel import Attachment, AttachmentType, TextUnit

FILE = Attachment(type=AttachmentType.FILE, url="https://cdn.example.com/a.pdf", name="kvitto.pdf")


@pytest.mark.parametrize(
    ("attachment", "line"),
    [
        (FILE, "kvitto.pdf, https://cdn.example.com/a.pdf"),
        (FILE.model_copy(update={"name": None}), "https://cdn.example.com/a.pdf"),
        (FILE.model_copy(update={"url": "file:///etc/passwd"}), None),
        (
            Attachment(
                type=AttachmentType.LOCATION, name="Butiken", latitude=59.5, longitude=18.25
            ),
            "Butiken, https://maps.google.com/?q=59.5,18.25",
        ),
        (Attachment(type=AttachmentType.LOCATION, latitude=59.5), None),
        (
            Attachment(type=AttachmentType.CONTACT, name="Bo Ek", phone="+46701740606"),
            "Bo Ek, +46701740606",
        ),
    ],
)
def test_an_attachment_as_a_line(attachment: Attachment, line: str | None) -> None:
    assert plain.line(attachment) == line


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://shop.example/a", True),
        ("http://shop.example", True),
        ("ftp://shop.example", False),
        ("javascript:alert(1)", False),
        ("https://", False),
        ("https://[", False),
        ("https://shop.example/a b", False),
        ("", False),
        (None, False),
    ],
)
def test_what_is_an_address_in_the_web(url: str | None, found: bool) -> None:
    assert plain.is_web(url) is found


def test_only_the_schemes_that_are_asked_for() -> None:
    assert not plain.is_web("http://shop.example", schemes={"https"})


@given(title=st.text(alphabet="aå 👍🏽é.", min_size=1, max_size=60), limit=st.integers(12, 40))
def test_a_shortened_title_fits(title: str, limit: int) -> None:
    if title.strip():
        found = plain.shortened(title, limit=limit)
        assert measure(found, TextUnit.UTF16) <= limit
        assert found == title or found.endswith("…")
