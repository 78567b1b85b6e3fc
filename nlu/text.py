"""Letters made comparable: case, diacritics and compatibility forms folded away."""

from __future__ import annotations

import unicodedata

# What is read of one message; the rest of a longer one says nothing more about its intent.
MAX_CHARACTERS = 10_000

_STANDALONE = str.maketrans({"ø": "o", "æ": "a", "ð": "d", "ł": "l", "ß": "ss", "’": "'", "´": "'"})


def fold(text: str) -> str:
    """Lower case without diacritics: `Fjällräven` and `fjallraven` become one."""
    lower = text.lower()
    if lower.isascii():
        return lower
    parts = unicodedata.normalize("NFKD", lower)
    bare = "".join(mark for mark in parts if not unicodedata.combining(mark))
    return bare.translate(_STANDALONE)
