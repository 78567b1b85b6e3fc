"""Reads YAML that people write: every scalar is text, every mistake has a line.

Scalars are not typed by YAML, so that `no` stays the locale `no` and a date keeps its time zone.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from bot.errors import ConfigError

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

_NULL = "tag:yaml.org,2002:null"
_LIMIT = 64_000


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file, counted from 1."""

    file: str
    line: int

    def error(self, what: str, mend: str) -> ConfigError:
        """The error that something is wrong here."""
        return ConfigError(what, where=f"{self.file}:{self.line}", mend=mend)


class Fields:
    """A mapping of a YAML document; asking for a field of another shape is an error with a line."""

    def __init__(self, node: Node, *, file: str, offset: int) -> None:
        self._file = file
        self._offset = offset
        self.place = self._place(node)
        if not isinstance(node, MappingNode):
            raise self.place.error("fields are expected here", "Write `name: value` lines.")
        self._nodes: dict[str, Node] = {}
        self._places: dict[str, Place] = {}
        for key, value in node.value:
            self._keep(key, value)

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def at(self, name: str) -> Place:
        """Where a field stands, or where its mapping begins when it is absent."""
        return self._places.get(name, self.place)

    def only(self, *known: str) -> None:
        """Refuse fields of other names."""
        for name in self._nodes:
            if name in known:
                continue
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean '{close[0]}'? " if close else ""
            raise self.at(name).error(
                f"field '{name}' is unknown", f"{hint}Known fields: {', '.join(known)}."
            )

    def text(self, name: str) -> str | None:
        """A field with one value, None when absent or null."""
        node = self._nodes.get(name)
        if node is None or node.tag == _NULL:
            return None
        return self._scalar(name, node)

    def required(self, name: str, *, example: str) -> str:
        """A field with one value that must be there and must not be blank."""
        value = self.text(name)
        if value is None or not value.strip():
            raise self.at(name).error(f"field '{name}' is missing", f"Add `{name}: {example}`.")
        return value.strip()

    def shaped(self, name: str, shape: re.Pattern[str], *, example: str) -> str:
        """A field with one value that must be there and must match the shape as a whole."""
        value = self.required(name, example=example)
        if not shape.fullmatch(value):
            raise self.at(name).error(
                f"field '{name}' cannot be '{value}'", f"Write it like `{name}: {example}`."
            )
        return value

    def count(self, name: str, *, instead: int) -> int:
        """A field with a whole number above zero; `instead` when absent."""
        value = self.text(name)
        if value is None:
            return instead
        if not value.isascii() or not value.isdecimal() or not int(value):
            raise self.at(name).error(
                f"field '{name}' cannot be '{value}'", f"Write it like `{name}: {instead}`."
            )
        return int(value)

    def texts(self, name: str) -> tuple[str, ...]:
        """A field with one value or a list of them; empty when absent."""
        node = self._nodes.get(name)
        if node is None or node.tag == _NULL:
            return ()
        if isinstance(node, SequenceNode):
            return tuple(self._scalar(name, item) for item in node.value)
        return (self._scalar(name, node),)

    def inner(self, name: str) -> Fields | None:
        """A field with fields of its own, None when absent."""
        node = self._nodes.get(name)
        if node is None or node.tag == _NULL:
            return None
        return Fields(node, file=self._file, offset=self._offset)

    def items(self, name: str) -> tuple[Fields | str, ...]:
        """A field with a list, each item one value or fields; empty when absent."""
        node = self._nodes.get(name)
        if node is None or node.tag == _NULL:
            return ()
        if not isinstance(node, SequenceNode):
            raise self.at(name).error(f"field '{name}' is no list", "Begin each item with `- `.")
        return tuple(self._item(name, item) for item in node.value)

    def _item(self, name: str, node: Node) -> Fields | str:
        if isinstance(node, MappingNode):
            return Fields(node, file=self._file, offset=self._offset)
        return self._scalar(name, node)

    def _scalar(self, name: str, node: Node) -> str:
        if isinstance(node, ScalarNode) and node.tag != _NULL:
            return str(node.value)
        raise self._place(node).error(f"field '{name}' needs plain text", "Write one value there.")

    def _keep(self, key: Node, value: Node) -> None:
        place = self._place(key)
        if not isinstance(key, ScalarNode):
            raise place.error("a field's name must be plain text", "Write `name: value`.")
        name = str(key.value)
        if name in self._nodes:
            raise place.error(f"field '{name}' stands twice", "Keep one of the two.")
        self._nodes[name] = value
        self._places[name] = place

    def _place(self, node: Node) -> Place:
        return Place(self._file, node.start_mark.line + 1 + self._offset)


def read_fields(text: str, *, file: str, offset: int = 0) -> Fields:
    """Read a YAML document that is a mapping; `offset` lines of the file stand before the text."""
    if len(text) > _LIMIT:
        raise Place(file, 1).error(f"longer than {_LIMIT} characters", "Split it in several files.")
    try:
        node = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        line = mark.line + 1 + offset if mark else 1 + offset
        problem = error.problem or "it cannot be read"
        raise Place(file, line).error(f"not YAML: {problem}", "Check quotes and indents.") from None
    except YAMLError:
        place = Place(file, 1 + offset)
        raise place.error("not YAML: a character is not allowed", "Remove it.") from None
    except RecursionError:
        place = Place(file, 1 + offset)
        raise place.error("nested too deep", "Write it flatter.") from None
    if node is None:
        raise Place(file, 1 + offset).error("there are no fields", "Write `name: value` lines.")
    return Fields(node, file=file, offset=offset)
