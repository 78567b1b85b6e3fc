"""Which files are taken: told by their bytes, never by their names."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_SUFFIXES: Final[dict[str, tuple[str, ...]]] = {
    "image/png": (".png",),
    "image/jpeg": (".jpg", ".jpeg"),
    "image/gif": (".gif",),
    "image/webp": (".webp",),
    "application/pdf": (".pdf",),
    "text/plain": (".txt", ".csv", ".log", ".md"),
}
FILE_TYPES = tuple(_SUFFIXES)
_STARTS = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"%PDF-": "application/pdf",
}
_NO_TEXT = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_LONGEST_NAME = 120
# Controls, invisible marks that turn the direction of writing, lone surrogates, line separators.
_UNSHOWN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def media_type(body: bytes) -> str | None:
    """What these bytes are, or None for what is not taken."""
    for start, found in _STARTS.items():
        if body.startswith(start):
            return found
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    return "text/plain" if _is_text(body) else None


def is_image(media_type: str) -> bool:
    """Whether browsers may show it in place."""
    return media_type.startswith("image/")


def fitting_name(name: str, media_type: str) -> str:
    """A name without a path or anything unseen, with an ending that fits what the file is."""
    last = re.split(r"[/\\]", name)[-1]
    shown = "".join(char for char in last if unicodedata.category(char) not in _UNSHOWN)
    plain = " ".join(shown.split()).strip(". ") or "file"
    suffixes = _SUFFIXES[media_type]
    given = next((one for one in suffixes if plain.lower().endswith(one)), None)
    suffix = plain[-len(given) :] if given else suffixes[0]
    stem = plain[: -len(given)] if given else plain
    return (stem[: _LONGEST_NAME - len(suffix)].rstrip(". ") or "file") + suffix


def _is_text(body: bytes) -> bool:
    if not body or _NO_TEXT.search(body):
        return False
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
