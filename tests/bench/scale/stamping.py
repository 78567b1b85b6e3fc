"""Many customers made of one: what a real conversation left behind, copied under other names.

So the copies have the form that the store itself writes, whatever that is. An identity and its
thread have the ids that follow from the phone; events are named so that a check can tell them from
what came later (`SEEDED`); numbers rise over all copies.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bot.model.ids import IdentityId, ThreadId
from tests.bench.scale.site import phone
from tests.crash.gather import SEEDED

Row = Mapping[str, object]
Pattern = Mapping[str, Sequence[Row]]

Names = dict[str, str]
Make = Callable[[Names, int], object]

# What is different for every customer: ids of ours, ids of the provider's, phones.
TOKEN: Final = re.compile(
    r"(?:idn|thr|evt|ent|snd|epi)_[0-9a-f]{24}|SM[0-9a-f]{32}|\+4670\d{7}|(?<=\"seq\":)\d+"
)
# Fields with numbers that rise over the whole store, where they are not documents.
_NUMBERS: Final = frozenset({"seq", "since", "place", "entry_seq", "request"})
_KEYED: Final = ("requests", "id")


def number_of(customer: int) -> str:
    """The phone of a customer."""
    return f"+4670{customer:07d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """Makes rows of any customer out of the rows of one; `span` is how far numbers rise by each."""

    tables: Mapping[str, Sequence[Make]]
    tokens: tuple[str, ...]
    span: int

    @classmethod
    def of(cls, pattern: Pattern) -> Stamp:
        """What can be made of this one's rows."""
        tokens: dict[str, None] = {}
        tables = {
            table: [_row(row, table, tokens) for row in rows] for table, rows in pattern.items()
        }
        highest = max((number for rows in pattern.values() for number in _numbers(rows)), default=0)
        return cls(tables=tables, tokens=tuple(tokens), span=highest + 1)

    def rows(self, customer: int) -> Iterator[tuple[str, object]]:
        """Every row of a customer, with its table."""
        shift = (customer + 1) * self.span
        names = {token: _renamed(token, place, customer, shift) for place, token in self._places()}
        for table, makes in self.tables.items():
            for make in makes:
                yield table, make(names, shift)

    def last(self, customer: int) -> int:
        """The highest number that the rows of a customer may have."""
        return (customer + 2) * self.span

    def _places(self) -> Iterator[tuple[int, str]]:
        return enumerate(self.tokens)


def _renamed(token: str, place: int, customer: int, shift: int) -> str:
    """The name that a customer has for what the pattern calls so."""
    if token.startswith("+"):
        return number_of(customer)
    if token.isdigit():
        return str(int(token) + shift)
    kind = token[:3]
    if kind in {IdentityId.prefix, ThreadId.prefix}:
        address = phone(number_of(customer))
        return address.identity if kind == IdentityId.prefix else address.home_thread
    if kind == "evt":
        return f"{SEEDED}_{place}_{customer:012x}"
    if kind.startswith("SM"):  # as long as it was: the store frames it with its length
        return f"{token[:-8]}{customer:08x}"
    return f"{token[:-12]}{customer:012x}"


# --- making a row ----------------------------------------------------------------------------


def _row(row: Row, table: str, tokens: dict[str, None]) -> Make:
    makes = {key: _value(key, value, table, tokens) for key, value in row.items()}

    def make(names: Names, shift: int) -> object:
        return {key: part(names, shift) for key, part in makes.items()}

    return make


def _value(key: str, value: object, table: str, tokens: dict[str, None]) -> Make:
    match value:
        case bool() | bytes() | None | float():
            return lambda _names, _shift: value
        case int():
            rises = key in _NUMBERS or (table, key) == _KEYED
            return (lambda _, shift: value + shift) if rises else (lambda _names, _shift: value)
        case str():
            return _text(value, tokens)
        case Mapping():
            return _row(value, table, tokens)
        case list():
            parts = [_value(key, one, table, tokens) for one in value]
            return lambda names, shift: [part(names, shift) for part in parts]
        case _:
            raise TypeError(f"{table}.{key}: cannot copy a {type(value).__name__}")


def _text(text: str, tokens: dict[str, None]) -> Make:
    found = TOKEN.findall(text)
    tokens.update(dict.fromkeys(found))
    pieces = TOKEN.split(text)
    if not found:
        return lambda _names, _shift: text
    if len(found) == 1:
        (token,), (before, after) = found, pieces
        return lambda names, _shift: before + names[token] + after
    form = "".join(
        f"{piece.replace('%', '%%')}%({token})s"
        for piece, token in zip(pieces, [*found, ""], strict=True)
    ).removesuffix("%()s")
    return lambda names, _shift: form % names


def _numbers(value: object, key: str = "") -> Iterator[int]:
    """Every number that rises."""
    match value:
        case bool():
            pass
        case int() if key in _NUMBERS or key == _KEYED[1]:
            yield value
        case Mapping():
            for name, one in value.items():
                yield from _numbers(one, name)
        case list():
            for one in value:
                yield from _numbers(one, key)
        case _:
            pass
