"""A table of facts, in CSV: one a line, read one by one."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, get_args

from pydantic import JsonValue
from pydantic_core import from_json

from bot.errors import ConfigError
from bot.hub.telling import Misfit, ToldFact, Wrong, is_source, read_told
from bot.model.fact import TOLD_KINDS, Told, ToldKind
from bot.model.value import Value

_OF_THE_FACT: Final = ("id", "at", "version", "partner", "legal_basis", "facet")
_OF_THE_SUBJECT: Final = ("realm", "sub", "identity")
_REQUIRED: Final = ("id", "at")
# Bytes that are no UTF-8, as `surrogateescape` reads them.
_ESCAPED: Final = re.compile(r"[\udc80-\udcff]")
_BOOLEANS: Final[dict[str, JsonValue]] = {"true": True, "false": False}


class Line(NamedTuple):
    """One line of the table: where it begins, and what it tells."""

    number: int
    told: ToldFact | Misfit


def columns(kind: ToldKind) -> tuple[str, ...]:
    """The columns that a table of this kind may have."""
    bodies: tuple[type[Value], ...] = get_args(Told)
    fields = next(body.model_fields for body in bodies if body.model_fields["kind"].default == kind)
    data = [name for name in fields if name not in {"kind", "version"}]
    return (*_OF_THE_FACT, *_OF_THE_SUBJECT, *data)


def read_table(lines: Iterable[str], *, source: str, kind: str, name: str) -> Iterator[Line]:
    """Read a table of facts of one kind; its first line names the columns.

    Cells are parted by commas or semicolons; an empty one tells nothing; `items` is JSON. Raises
    ConfigError for a source, a kind or a first line that makes no sense.
    """
    known = _kind(kind)
    if not is_source(source):
        raise ConfigError(
            "is no name for a source",
            where=f"--source {source}",
            mend="Take up to 64 small letters, digits, and . _ -",
        )
    rows = iter(lines)
    first = next(rows, "").removeprefix("\ufeff")
    delimiter = ";" if first.count(";") > first.count(",") else ","
    names = _header(first, delimiter=delimiter, kind=known, name=name)
    reader = csv.reader(rows, delimiter=delimiter, strict=True)
    while True:
        number = reader.line_num + 2
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield Line(number, _misfit(f"cannot be read: {error}"))
            continue
        if cells is None:
            return
        if cells:
            yield Line(number, _fact(names, cells, source=source, kind=known))


def _kind(kind: str) -> ToldKind:
    found = next((one for one in TOLD_KINDS if one == kind), None)
    if found is None:
        raise ConfigError(
            "no such kind", where=f"--kind {kind}", mend=f"One of {', '.join(TOLD_KINDS)}."
        )
    return found


def _header(first: str, *, delimiter: str, kind: ToldKind, name: str) -> list[str]:
    names = [cell.strip() for cell in next(csv.reader([first], delimiter=delimiter), [])]
    allowed = columns(kind)
    strange = [one for one in names if one not in allowed]
    missing = [one for one in _REQUIRED if one not in names]
    twice = sorted({one for one in names if names.count(one) > 1})
    for what, found in (
        ("has unknown columns", strange),
        ("lacks columns", missing),
        ("names columns twice", twice),
    ):
        if found:
            raise ConfigError(
                f"{what}: {', '.join(map(repr, found))}",
                where=f"{name}:1",
                mend=f"The first line names columns of: {', '.join(allowed)}.",
            )
    return names


def _fact(names: list[str], cells: list[str], *, source: str, kind: ToldKind) -> ToldFact | Misfit:
    if len(cells) != len(names):
        return _misfit(f"{len(cells)} cells, and not {len(names)} as the first line")
    told = {name: cell.strip() for name, cell in zip(names, cells, strict=True) if cell.strip()}
    if any(_ESCAPED.search(cell) for cell in told.values()):
        return _misfit("not in UTF-8")
    fact: dict[str, JsonValue] = {"source": source, "kind": kind, "version": 1}
    subject: dict[str, JsonValue] = {}
    data: dict[str, JsonValue] = {}
    for name, cell in told.items():
        if name in _OF_THE_SUBJECT:
            subject[name] = cell
        elif name in _OF_THE_FACT:
            fact[name] = cell
        else:
            data[name] = _value(name, cell)
    return read_told({**fact, "subject": subject, "data": data})


def _value(name: str, cell: str) -> JsonValue:
    """A cell as JSON would have it; what cannot be read stays as it is, and is refused later."""
    if name == "items":
        try:
            found: JsonValue = from_json(cell)
        except ValueError:
            return cell
        return found
    return _BOOLEANS.get(cell.lower(), cell) if name == "verified" else cell


def _misfit(what: str) -> Misfit:
    return Misfit(raw=None, wrong=(Wrong(field="", what=what),))
