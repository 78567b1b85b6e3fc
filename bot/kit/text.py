"""Making text from outside fit to be stored and shown."""

from __future__ import annotations

import unicodedata

_KEPT = frozenset("\n\t")


def clean(text: str) -> str:
    """Take out NULs, other control characters and lone surrogates; line ends become `\\n`.

    Newlines, tabs, emoji and joiners stay.
    """
    if text.isascii() and text.isprintable():
        return text
    unified = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(char for char in unified if char in _KEPT or not _is_control(char))


def _is_control(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cs"}
