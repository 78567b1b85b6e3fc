"""What of a mail its writer wrote: without what it answers, and without the signature.

Mail programs mark what they quote in a few ways: a line that says who wrote when (Gmail, Apple,
Thunderbird), the fields of the earlier mail (Outlook), and ">" before each line.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_WROTE = re.compile(r"\b(?:wrote|skrev|schrieb|a écrit|escribió)\b", re.IGNORECASE)
_WHEN = re.compile(r"\b(?:\d{4}|\d{1,2}[:.]\d{2})\b")
_DIVIDER = re.compile(
    r"-{2,}\s*(?:original message|forwarded message|ursprungligt meddelande|"
    r"vidarebefordrat meddelande)\s*-{2,}",
    re.IGNORECASE,
)
_FROM = re.compile(r"\*?(?:from|från|von)\s*:\*?\s?\S", re.IGNORECASE)
_FIELD = re.compile(
    r"\*?(?:sent|date|to|cc|subject|skickat|datum|till|kopia|ämne|gesendet|an|betreff)\s*:",
    re.IGNORECASE,
)
_DEVICE = re.compile(
    r"(?:skickat från|sent from|get outlook for|hämta outlook för)\b.{0,60}", re.IGNORECASE
)
_LONGEST_ATTRIBUTION = 300
_LINES_OF_ATTRIBUTION = 3
_FIELDS_NEAR = 6
_ENOUGH_FIELDS = 2


def own_words(text: str) -> str:
    """The text without quotes and signature; empty when it is nothing else."""
    lines = text.split("\n")
    kept: list[str] = []
    place = 0
    while place < len(lines):
        line = lines[place].strip()
        if _ends(lines, place):
            break
        if line.startswith(">"):
            place += 1
            continue
        attribution = _attribution(lines, place)
        if not attribution:
            kept.append(lines[place].rstrip())
            place += 1
        elif _next_words(lines, place + attribution).startswith(">"):
            place += attribution  # an answer may stand below what it answers
        else:
            break
    return _without_device("\n".join(kept).strip())


def _ends(lines: Sequence[str], place: int) -> bool:
    """Whether nothing of the writer's comes from here on."""
    line = lines[place].strip()
    if lines[place].rstrip("\r\n") in {"-- ", "--"} or _DIVIDER.fullmatch(line):
        return True
    if line and not line.strip("_") and len(line) > _LONGEST_ATTRIBUTION // 10:
        return _has_fields(lines, place + 1)
    return bool(_FROM.match(line)) and _has_fields(lines, place)


def _has_fields(lines: Sequence[str], place: int) -> bool:
    near = [line.strip() for line in lines[place : place + _FIELDS_NEAR]]
    named = any(_FROM.match(line) for line in near)
    return named and sum(bool(_FIELD.match(line)) for line in near) >= _ENOUGH_FIELDS


def _attribution(lines: Sequence[str], place: int) -> int:
    """Over how many lines it says who wrote when, from here; 0 when it does not."""
    for count in range(1, _LINES_OF_ATTRIBUTION + 1):
        some = [line.strip() for line in lines[place : place + count]]
        if not all(some) or sum(map(len, some)) > _LONGEST_ATTRIBUTION:
            return 0
        if some[-1].endswith(":"):
            # The shortest: what stands above it is the writer's own.
            shorter = any(_says_who_wrote(some[skip:]) for skip in range(1, count))
            return count if _says_who_wrote(some) and not shorter else 0
    return 0


def _says_who_wrote(lines: Sequence[str]) -> bool:
    whole = " ".join(lines)
    return bool(_WROTE.search(whole) and _WHEN.search(whole))


def _next_words(lines: Sequence[str], place: int) -> str:
    return next((line.strip() for line in lines[place:] if line.strip()), "")


def _without_device(text: str) -> str:
    head, _, last = text.rpartition("\n")
    return head.rstrip() if _DEVICE.fullmatch(last.strip()) else text
