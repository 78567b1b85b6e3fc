"""The words of a text, folded: the same in small and capital letters, with and without marks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from string import ascii_lowercase
from typing import Final, NamedTuple

_WORD: Final = re.compile(r"[^\W_]+")
# Letters whose mark is a part of them.
_LETTERS: Final = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "đ": "d", "ł": "l", "ı": "i"})
_LONGEST: Final = 40
_MOST: Final = 2_000


class Word(NamedTuple):
    """A folded word and where it stands in the text as it was written."""

    folded: str
    start: int
    end: int


def words_of(text: str) -> list[str]:
    """The folded words of a text in order; of very long words and texts the beginning."""
    found: list[str] = []
    for word in _WORD.finditer(_folded(text)):
        if len(found) == _MOST:
            break
        found.append(word.group()[:_LONGEST])
    return found


def words_in(text: str) -> Iterator[Word]:
    """The words of a text with their places; the same words, all of them."""
    letters = [_folded_letter(letter) for letter in text]
    origins = [place for place, folded in enumerate(letters) for _ in folded]
    for word in _WORD.finditer("".join(letters)):
        end = origins[word.end() - 1] + 1
        while end < len(text) and not letters[end]:
            end += 1  # a mark that stands after its letter belongs to it
        yield Word(word.group()[:_LONGEST], origins[word.start()], end)


@lru_cache(maxsize=64)
def one_edit_from(word: str) -> frozenset[str]:
    """A word and all that one letter more, less, other or swapped makes of it."""
    letters = sorted({*ascii_lowercase, *word})
    halves = [(word[:place], word[place:]) for place in range(len(word) + 1)]
    less = {left + right[1:] for left, right in halves if right}
    swapped = {left + right[1] + right[0] + right[2:] for left, right in halves if len(right) > 1}
    other = {left + letter + right[1:] for left, right in halves if right for letter in letters}
    more = {left + letter + right for left, right in halves for letter in letters}
    return frozenset({word}.union(less, swapped, other, more))


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    bare = "".join(letter for letter in apart if not unicodedata.category(letter).startswith("M"))
    return bare.translate(_LETTERS)


@lru_cache(maxsize=4_096)
def _folded_letter(letter: str) -> str:
    return _folded(letter)
