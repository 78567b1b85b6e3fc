"""Splitting a long text into parts that a channel carries, where a reader would."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from itertools import accumulate

import regex

from bot.kit.sms import septets, utf16_units
from bot.model.channel import TextUnit

# A link ends at white space or where a script without spaces (CJK and so on) goes on after it.
_ATOM = regex.compile(r"(?:https?://|www\.)[\x21-\x7e\u00a1-\u024f]+|\X", regex.IGNORECASE)
_GRAPHEME = regex.compile(r"\X")
_SENTENCE_ENDS = frozenset(".!?…。！？")
_CLOSERS = frozenset("\"'”’»)]")

Weigh = Callable[[str], int]


def measure(text: str, unit: TextUnit) -> int:
    """The length of a text as a limit of this unit counts it (SMS: septets or UTF-16 units)."""
    return sum(map(_weigher(text, unit), text))


def split(text: str, *, limit: int, unit: TextUnit = TextUnit.CHARACTERS) -> list[str]:
    """Cut a text into parts of at most `limit` units; a text that fits is one part, as it is.

    Cuts after a paragraph, line or sentence if that fills half of a part, else between words, else
    between graphemes. A link or grapheme is cut only when it alone is over the limit; a single
    character over the limit stays whole. White space at a cut goes; all else stays, in order.
    An empty text has no parts.
    """
    if limit < 1:
        raise ValueError(f"a part must have room for at least one unit, not {limit}")
    if not text.strip():
        return []
    weigh = _weigher(text, unit)
    if sum(map(weigh, text)) <= limit:
        return [text]
    atoms = list(_atoms(text, limit=limit, weigh=weigh))
    return [part for part in _parts(atoms, limit=limit, weigh=weigh) if part]


def _weigher(text: str, unit: TextUnit) -> Weigh:
    match unit:
        case TextUnit.CHARACTERS:
            return lambda _: 1
        case TextUnit.UTF16:
            return utf16_units
        case TextUnit.BYTES:
            return lambda char: len(char.encode("utf-8", "surrogatepass"))
        case TextUnit.SMS:
            # A part of a UCS-2 text may itself be GSM-7: the dearer of both holds for either.
            if all(map(septets, text)):
                return septets
            return lambda char: max(septets(char), utf16_units(char))


def _atoms(text: str, *, limit: int, weigh: Weigh) -> Iterator[str]:
    for atom in _ATOM.findall(text):
        if sum(map(weigh, atom)) <= limit:
            yield atom
            continue
        for grapheme in _GRAPHEME.findall(atom):
            if sum(map(weigh, grapheme)) <= limit:
                yield grapheme
            else:
                yield from grapheme


def _parts(atoms: list[str], *, limit: int, weigh: Weigh) -> Iterator[str]:
    ends = list(accumulate(sum(map(weigh, atom)) for atom in atoms))
    start = _skip_space(atoms, 0)
    while start < len(atoms):
        before = ends[start - 1] if start else 0
        stop = max(bisect_right(ends, before + limit), start + 1)
        if stop < len(atoms):
            half = bisect_left(ends, before + (limit + 1) // 2) + 1
            stop = _cut(atoms, start=start, half=half, stop=stop)
        yield "".join(atoms[start:stop]).strip()
        start = _skip_space(atoms, stop)


def _cut(atoms: list[str], *, start: int, half: int, stop: int) -> int:
    """Where the part that may reach to `stop` should end."""
    for ends_here in (_paragraph, _line, _sentence):
        for place in range(stop, half - 1, -1):
            if ends_here(atoms, place):
                return place
    for place in range(stop, start, -1):
        if atoms[place].isspace() or atoms[place - 1].isspace():
            return place
    return stop


def _skip_space(atoms: list[str], place: int) -> int:
    while place < len(atoms) and atoms[place].isspace():
        place += 1
    return place


def _paragraph(atoms: list[str], place: int) -> bool:
    return _line(atoms, place) and (_is_line(atoms, place + 1) or _is_line(atoms, place - 1))


def _line(atoms: list[str], place: int) -> bool:
    return _is_line(atoms, place)


def _is_line(atoms: list[str], place: int) -> bool:
    return 0 <= place < len(atoms) and atoms[place] in {"\n", "\r\n", "\r"}


def _sentence(atoms: list[str], place: int) -> bool:
    if not atoms[place].isspace() and atoms[place - 1][-1] not in "。！？":
        return False
    last = place - 1
    while last > 0 and atoms[last][-1] in _CLOSERS:
        last -= 1
    return atoms[last][-1] in _SENTENCE_ENDS
