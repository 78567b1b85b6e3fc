"""What texts cost as SMS."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.kit.sms import SmsEncoding, cost

GSM, UCS = SmsEncoding.GSM7, SmsEncoding.UCS2


@pytest.mark.parametrize(
    ("text", "encoding", "units", "segments"),
    [
        ("", GSM, 0, 1),
        ("a" * 160, GSM, 160, 1),
        ("a" * 161, GSM, 161, 2),
        ("a" * 306, GSM, 306, 2),
        ("a" * 307, GSM, 307, 3),
        ("å" * 160, GSM, 160, 1),
        ("ÅÄÖåäöéüÉÜ", GSM, 10, 1),
        ("€" * 80, GSM, 160, 1),
        ("€" * 81, GSM, 162, 2),
        ("[]{}|~^\\\f", GSM, 18, 1),
        ("”" + "a" * 69, UCS, 70, 1),
        ("”" + "a" * 70, UCS, 71, 2),
        ("ç", UCS, 1, 1),
        ("👋", UCS, 2, 1),
        ("👋" * 35, UCS, 70, 1),
        ("👋" * 36, UCS, 72, 2),
        # 67 is odd: each segment of a long text has room for 33 such emoji, never for half of one.
        ("👋" * 66, UCS, 132, 2),
        ("👋" * 67, UCS, 134, 3),
        # The euro sign's two septets do not straddle segments: 152 + 153 + 1.
        ("a" * 152 + "€" + "a" * 152, GSM, 306, 3),
    ],
)
def test_cost(text: str, encoding: SmsEncoding, units: int, segments: int) -> None:
    found = cost(text)
    assert (found.encoding, found.units, found.segments) == (encoding, units, segments)


def test_the_letters_that_make_it_dear_are_named_once_each() -> None:
    assert cost("Hej “du” och “jag”").culprits == ("“", "”")
    assert cost("Hej du och jag").culprits == ()


@given(st.text(max_size=400))
def test_no_segment_is_over_full_nor_wasted(text: str) -> None:
    found = cost(text)
    whole, piece = (160, 153) if found.encoding is GSM else (70, 67)
    if found.units <= whole:
        assert found.segments == 1
    else:
        # At most one unit of a segment stays empty.
        assert found.units / piece <= found.segments <= -(-found.units // (piece - 1))


@given(st.text(alphabet=st.characters(max_codepoint=0x7F), max_size=200))
def test_plain_letters_without_escapes_cost_one_each(text: str) -> None:
    if all(char.isalnum() for char in text):
        assert cost(text).units == len(text)
