"""Reading JSON from outside, tolerantly: the few fields needed, whatever else is there."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.kit.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

# Far beyond what a provider nests, well below what exhausts the stack.
_DEEPEST = 100
_MOST_DIGITS = 30
# Unix times above this are milliseconds; as seconds it would be the year 5138.
_MILLISECONDS_FROM = 10**11


class Node:
    """One place in a JSON document; a place that is not there is empty, never an error."""

    __slots__ = ("_value",)

    def __init__(self, value: object = None) -> None:
        self._value = value

    def __getitem__(self, key: str | int) -> Node:
        """The member of an object or the item of a list, empty when there is none."""
        if isinstance(key, str) and isinstance(self._value, dict):
            return Node(self._value.get(key))
        if isinstance(key, int) and isinstance(self._value, list):
            return Node(self._value[key]) if -len(self._value) <= key < len(self._value) else Node()
        return Node()

    def __iter__(self) -> Iterator[Node]:
        """The items of a list; none when it is no list."""
        return map(Node, self._value if isinstance(self._value, list) else ())

    def __bool__(self) -> bool:
        """Whether there is anything but null here."""
        return self._value is not None

    def __contains__(self, key: str) -> bool:
        return isinstance(self._value, dict) and key in self._value

    @property
    def is_object(self) -> bool:
        """Whether this is an object."""
        return isinstance(self._value, dict)

    @property
    def is_list(self) -> bool:
        """Whether this is a list."""
        return isinstance(self._value, list)

    @property
    def is_text(self) -> bool:
        """Whether this is a string."""
        return isinstance(self._value, str)

    @property
    def is_true(self) -> bool:
        """Whether this is `true`."""
        return self._value is True

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of an object's members, in order."""
        return tuple(self._value) if isinstance(self._value, dict) else ()

    @property
    def text(self) -> str:
        """A string, or a number as written; empty for all else."""
        if isinstance(self._value, str):
            return self._value
        if isinstance(self._value, int | float) and not isinstance(self._value, bool):
            return str(self._value)
        return ""

    @property
    def words(self) -> str:
        """The same text, fit to be stored and shown."""
        return clean(self.text)

    @property
    def moment(self) -> datetime | None:
        """A Unix time in seconds or milliseconds; None for all else."""
        number = self.number
        if number is None:
            return None
        try:
            scale = 1000 if number >= _MILLISECONDS_FROM else 1
            return datetime.fromtimestamp(number / scale, UTC)
        except (ValueError, OverflowError, OSError):
            return None

    @property
    def number(self) -> float | None:
        """A finite number, also one written as a string; None for all else."""
        try:
            value = float(self.text)
        except ValueError:
            return None
        return value if math.isfinite(value) else None

    @property
    def integer(self) -> int | None:
        """A whole number, also one written as a string; None for all else."""
        text = self.text
        digits = text.removeprefix("-")
        if digits.isascii() and digits.isdecimal() and len(digits) <= _MOST_DIGITS:
            return int(text)
        number = self.number
        return int(number) if number is not None and number.is_integer() else None

    @property
    def json(self) -> str:
        """This place as JSON text, short form."""
        return json.dumps(self._value, ensure_ascii=False, separators=(",", ":"))


def read(body: bytes | str) -> Node | None:
    """Take a JSON document apart; None when it is none, or nested absurdly deep."""
    try:
        text = body.decode("utf-8-sig") if isinstance(body, bytes) else body
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return Node(value) if _deep(value) <= _DEEPEST else None


def _deep(value: object) -> int:
    depth, level = 0, [value]
    while level and depth <= _DEEPEST:
        depth += 1
        level = [
            inner
            for outer in level
            for inner in (
                outer.values()
                if isinstance(outer, dict)
                else outer
                if isinstance(outer, list)
                else ()
            )
            if isinstance(inner, dict | list)
        ]
    return depth
