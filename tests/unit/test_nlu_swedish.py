"""What Swedish words and phrases mean: ground forms, inflections, compounds, without diacritics."""

from __future__ import annotations

import pytest

from nlu.swedish import Phrase, Swedish, own_meanings, stem

SWEDISH = Swedish(own_meanings())


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        ("paket", "package"),
        ("paketens", "package"),
        ("beställningarna", "order"),
        ("försenades", "delayed"),
        ("forsta", "first"),
        ("får", "may"),
        ("leveranstiden", "delivery time"),
        ("garagedörren", "garage door"),
        ("kreditkortsfakturan", "credit card invoice"),
        ("bredbandsavtal", "broadband contract"),
        ("elräkningar", "electricity bill"),
    ],
)
def test_words_are_traced_to_what_they_mean(word: str, meaning: str) -> None:
    assert SWEDISH.word(word) == meaning


@pytest.mark.parametrize("word", ["", "x", "zanzibar", "kiruna", "😀", "123"])
def test_other_words_have_no_meaning(word: str) -> None:
    assert SWEDISH.word(word) is None


def test_the_longest_phrase_is_found_where_it_begins() -> None:
    words = ["undrar", "hur", "lang", "tid", "tar", "det"]
    assert SWEDISH.phrase(words, 0) is None
    assert SWEDISH.phrase(words, 1) == Phrase(
        ("hur", "lang", "tid", "tar", "det"), "how long does it take"
    )
    assert SWEDISH.phrase(words[:4], 1) == Phrase(("hur", "lang", "tid"), "how long does it take")


def test_a_word_of_ones_own_goes_before_the_list() -> None:
    own = Swedish({**own_meanings(), "kassen": "checkout"})
    assert own.word("kassen") == "checkout"


def test_an_ending_leaves_a_stem() -> None:
    assert [stem(word) for word in ("bilarna", "bil", "ska", "köpte")] == [
        "bil",
        "bil",
        "ska",
        "köp",
    ]


def test_every_line_of_the_list_is_a_meaning_and_its_words() -> None:
    meanings = own_meanings()
    assert len(meanings) > 3_000
    assert [word for word in meanings if word != word.lower().strip() or not word] == []
    assert [meaning for meaning in meanings.values() if not meaning.isascii()] == []
