"""What Swedish words mean in English, which the word vectors know best.

The list in `swedish.txt` has ground forms; inflected forms and compounds are traced back to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from nlu.text import fold

_MOST_WORDS = 5  # of a phrase
_LEAST_PART = 2  # letters of a part of a compound
_LEAST_STEM = 3
# Endings of nouns, verbs and adjectives; the longest that leaves a stem is taken off.
_ENDINGS = tuple(
    sorted(
        (
            "a", "ad", "ade", "ades", "an", "ande", "ar", "are", "arna", "arnas", "ars", "as",
            "ast", "aste", "at", "ats", "d", "da", "dde", "de", "des", "e", "en", "ena", "ens",
            "er", "erna", "ernas", "ers", "es", "et", "ets", "n", "na", "ns", "or", "orna",
            "ornas", "ors", "r", "s", "t", "te", "tes", "ts", "tt",
        ),
        key=len,
        reverse=True,
    )
)  # fmt: skip


def stem(word: str) -> str:
    """A folded word without its ending."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _LEAST_STEM:
            return word[: -len(ending)]
    return word


class Phrase(NamedTuple):
    """Words in a row that mean something together, and what."""

    words: tuple[str, ...]
    meaning: str


class Swedish:
    """Looks up words and phrases."""

    def __init__(self, meanings: Mapping[str, str]) -> None:
        self._written = {word.lower(): meaning for word, meaning in meanings.items()}
        self._folded: dict[str, str] = {}
        self._stems: dict[str, str] = {}
        self._phrases: dict[str, list[Phrase]] = {}
        for word, meaning in self._written.items():
            parts = tuple(fold(word).split())
            if len(parts) > 1:
                self._phrases.setdefault(parts[0], []).append(Phrase(parts, meaning))
                continue
            self._folded.setdefault(parts[0], meaning)
            self._stems.setdefault(stem(parts[0]), meaning)
        for phrases in self._phrases.values():
            phrases.sort(key=lambda phrase: -len(phrase.words))

    def word(self, word: str) -> str | None:
        """The meaning of a word in lower case, or None when it is not known."""
        folded = fold(word)
        return self._written.get(word) or self._single(folded) or self._compound(folded)

    def phrase(self, words: Sequence[str], at: int) -> Phrase | None:
        """The longest phrase that begins at a place among folded words."""
        for phrase in self._phrases.get(words[at], ()):
            if tuple(words[at : at + len(phrase.words)]) == phrase.words:
                return phrase
        return None

    def _single(self, folded: str) -> str | None:
        found = self._folded.get(folded)
        if found is None and len(folded) > _LEAST_STEM:
            found = self._stems.get(stem(folded))
        return found

    def _compound(self, folded: str) -> str | None:
        """Two known words in one, perhaps joined by an s; the longest head wins."""
        for at in range(_LEAST_PART, len(folded) - _LEAST_PART + 1):
            head = self._single(folded[at:])
            if head is None:
                continue
            first = folded[:at]
            before = self._single(first) or self._folded.get(first.removesuffix("s"))
            if before is not None:
                return f"{before} {head}"
        return None


@cache
def own_meanings() -> Mapping[str, str]:
    """The reader's own list."""
    lines = Path(__file__).with_name("swedish.txt").read_text(encoding="utf-8").splitlines()
    meanings: dict[str, str] = {}
    for line in lines:
        if line and not line.startswith("#"):
            meaning, words = line.split(": ", 1)
            meanings |= dict.fromkeys(words.split(", "), meaning)
    return meanings
