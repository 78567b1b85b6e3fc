"""Splitting long texts."""

from __future__ import annotations

import time

import pytest
import regex
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.kit.split import measure, split
from bot.model.channel import TextUnit

FAMILY = "👩‍👩‍👧‍👦"
LINK = "https://example.com/" + "a" * 60

pieces = st.sampled_from(
    [
        "Hej. ",
        "ord ",
        "\n",
        "\n\n",
        "å",
        "e\u0301",
        FAMILY,
        "🇸🇪",
        "€",
        "”",
        "x" * 7,
        LINK,
        "。",
        "  ",
    ]
)
texts = st.one_of(st.text(max_size=80), st.lists(pieces, max_size=40).map("".join))
units = st.sampled_from(list(TextUnit))


def packed(text: str) -> str:
    return "".join(text.split())


def graphemes(text: str) -> list[str]:
    return [each for each in regex.findall(r"\X", text) if not each.isspace()]


@given(texts, st.integers(min_value=1, max_value=120), units)
def test_each_part_fits_and_nothing_is_lost(text: str, limit: int, unit: TextUnit) -> None:
    parts = split(text, limit=limit, unit=unit)
    assert packed("".join(parts)) == packed(text)
    assert all(part.strip() for part in parts)
    longest = max((measure(char, unit) for char in text), default=0)
    assert all(measure(part, unit) <= max(limit, longest, 2) for part in parts)


@given(texts, st.integers(min_value=40, max_value=160), units)
def test_no_grapheme_is_cut(text: str, limit: int, unit: TextUnit) -> None:
    assume(all(measure(each, unit) <= limit for each in regex.findall(r"\X", text)))
    parts = split(text, limit=limit, unit=unit)
    # A part may begin with a mark whose base was the white space that went: look at what is solid.
    if not regex.search(r"\s\p{M}|\s\u200d", text):
        assert [each for part in parts for each in graphemes(part)] == graphemes(text)


@given(st.text(min_size=1, max_size=60), units)
def test_a_text_that_fits_is_one_part_as_it_is(text: str, unit: TextUnit) -> None:
    assume(text.strip())
    assert split(text, limit=measure(text, unit) or 1, unit=unit) == [text]


@pytest.mark.parametrize("text", ["", "  ", "\n\t"])
def test_nothing_has_no_parts(text: str) -> None:
    assert split(text, limit=10) == []


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one unit, not 0"):
        split("a", limit=0)


@pytest.mark.parametrize(
    ("text", "limit", "parts"),
    [
        ("En mening. En till, som är längre.", 20, ["En mening.", "En till, som är", "längre."]),
        ("Rad ett här\nrad två är här", 20, ["Rad ett här", "rad två är här"]),
        ("Först. Så.\n\nStycke två är längre", 20, ["Först. Så.", "Stycke två är längre"]),
        ("ett två tre fyra", 9, ["ett två", "tre fyra"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        ("Kort. " + "x" * 18, 20, ["Kort.", "x" * 18]),
        ("Sade han: ”Ja.” Sedan gick han hem", 20, ["Sade han: ”Ja.”", "Sedan gick han hem"]),
    ],
)
def test_where_a_text_is_cut(text: str, limit: int, parts: list[str]) -> None:
    assert split(text, limit=limit) == parts


def test_an_early_sentence_end_does_not_waste_a_part() -> None:
    assert split("Ja. Det kan vi ordna åt dig", limit=20) == ["Ja. Det kan vi ordna", "åt dig"]


def test_a_link_stays_whole_even_without_space_before_it() -> None:
    parts = split(f"详情请看以下链接谢谢{LINK}就这样吧再见", limit=85)
    assert [LINK in part for part in parts].count(True) == 1
    assert parts[0] == "详情请看以下链接谢谢"


def test_a_link_longer_than_a_part_is_cut_rather_than_lost() -> None:
    parts = split(f"Se {LINK} nu", limit=30)
    assert packed("".join(parts)) == packed(f"Se {LINK} nu")
    assert max(map(len, parts)) <= 30


def test_an_emoji_family_is_never_cut() -> None:
    parts = split(FAMILY * 60, limit=160, unit=TextUnit.UTF16)
    assert all(len(part) % len(FAMILY) == 0 for part in parts)
    assert all(measure(part, TextUnit.UTF16) <= 160 for part in parts)


def test_a_grapheme_beyond_the_limit_is_cut_between_its_characters() -> None:
    towering = "e" + "\u0301" * 50
    parts = split(towering, limit=20)
    assert "".join(parts) == towering
    assert max(map(len, parts)) == 20


@pytest.mark.parametrize(
    ("unit", "length"),
    [
        (TextUnit.CHARACTERS, 3),
        (TextUnit.UTF16, 4),
        (TextUnit.BYTES, 8),
        (TextUnit.SMS, 5),
    ],
)
def test_what_each_unit_counts(unit: TextUnit, length: int) -> None:
    # Of a text that is not GSM-7 each character counts by the dearer of both encodings.
    assert measure("€a👋", unit) == length


def test_a_plain_sms_counts_septets() -> None:
    assert measure("€a", TextUnit.SMS) == 3


@pytest.mark.parametrize("text", ["ord " * 25_000, "x" * 100_000, FAMILY * 14_000, "a." * 50_000])
def test_a_very_long_text_is_split_fast(text: str) -> None:
    began = time.perf_counter()
    parts = split(text, limit=160, unit=TextUnit.SMS)
    assert time.perf_counter() - began < 5
    assert packed("".join(parts)) == packed(text)
