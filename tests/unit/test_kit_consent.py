"""Keywords of consent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.kit.consent import Wish, wish

STOP = [
    *("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"),
    *("STOPP", "AVSLUTA", "AVREGISTRERA"),
]
EVERYWHERE = [word for word in STOP if word not in {"CANCEL", "END", "QUIT", "AVSLUTA"}]


@pytest.mark.parametrize("word", STOP)
def test_by_telephone_all_of_them_stop(word: str) -> None:
    assert wish(word, telephone=True) is Wish.STOP


@pytest.mark.parametrize("word", EVERYWHERE)
def test_in_a_chat_those_that_mean_nothing_else_stop(word: str) -> None:
    assert wish(word.capitalize(), telephone=False) is Wish.STOP


@pytest.mark.parametrize("word", ["Cancel", "end", "QUIT", "Avsluta", "info"])
def test_in_a_chat_common_words_are_words(word: str) -> None:
    assert wish(word, telephone=False) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("stop", Wish.STOP),
        (" Stop. ", Wish.STOP),
        ("STOP!!!\n", Wish.STOP),
        ("“Stopp”", Wish.STOP),
        ("Opt-out", Wish.STOP),
        ("stop all", Wish.STOP),
        ("START", Wish.START),
        ("unstop", Wish.START),
        ("Starta!", Wish.START),
        ("help", Wish.HELP),
        ("Hjälp?", Wish.HELP),
        ("Hja\u0308lp", Wish.HELP),
        ("INFO", Wish.HELP),
    ],
)
def test_case_and_punctuation_do_not_matter(text: str, found: Wish) -> None:
    assert wish(text, telephone=True) is found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "!",
        "please stop",
        "stop please",
        "Stop it",
        "When does it start?",
        "help me",
        "yes",
        "ja",
        "ends",
        "bus stop",
        "s.t.o.p.p.e.d",
    ],
)
def test_a_word_within_a_message_is_no_keyword(text: str) -> None:
    assert wish(text, telephone=True) is None


@given(st.text(max_size=300), st.booleans())
def test_no_text_makes_it_raise(text: str, telephone: bool) -> None:
    assert wish(text, telephone=telephone) in {None, *Wish}
