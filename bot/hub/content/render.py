"""Fills in a text's variables, in a sandbox: no code, no loops, bounded output.

What a template may use is a short list of harmless tags and filters. Loops are left out: the
library turns `(1..300000000) reversed` into a list before it counts iterations, and no text of a
chat needs them. Filters that multiply text (`replace`, `split`, `join`) are left out for the same
reason. Escaping is the channel's business: what comes out is plain text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, TypeAlias
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from liquid import BoundTemplate, Environment, FalsyStrictUndefined, is_undefined
from liquid.exceptions import FilterArgumentError, LiquidError, UndefinedError

from bot.hub.content.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

Scalar: TypeAlias = str | int | float | bool | date | datetime
Tree: TypeAlias = "dict[str, Tree | Scalar]"

_TAGS = frozenset({"if", "unless", "case", "assign", "comment"})
# The parser's own: plain text, `{{ ... }}`, and the refusal of any other tag.
_PARTS = frozenset({"content", "output", "illegal"})
_LIBRARY_FILTERS = frozenset({"capitalize", "upcase", "downcase", "strip"})
_NAME = re.compile(r"[\w.-]+")
# The library puts the real clock there, which would make a reply impossible to explain later.
_NOT_OURS = frozenset({"now", "today"})


@dataclass(frozen=True, slots=True)
class Variables:
    """What a text may be filled in with, by dotted name: `customer.first_name`.

    None and blank texts count as absent, so that they can never be printed.
    """

    pairs: tuple[tuple[str, Scalar], ...] = ()
    tree: Tree = field(init=False, repr=False, compare=False)
    groups: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        tree: Tree = {}
        groups: set[str] = set()
        for name, value in self.pairs:
            _plant(tree, groups, name, value)
        object.__setattr__(self, "tree", tree)
        object.__setattr__(self, "groups", frozenset(groups))

    @classmethod
    def of(cls, values: Mapping[str, Scalar | None]) -> Variables:
        """The variables of a mapping, without those that are None or blank."""
        return cls(
            tuple(
                (name, value)
                for name, value in values.items()
                if value is not None and not (isinstance(value, str) and not value.strip())
            )
        )

    def get(self, name: str) -> Scalar | None:
        """The variable of this dotted name, or None."""
        return next((value for key, value in self.pairs if key == name), None)


def _plant(tree: Tree, groups: set[str], name: str, value: Scalar) -> None:
    *branches, leaf = name.split(".")
    for depth, branch in enumerate(branches, 1):
        groups.add(".".join(branches[:depth]))
        below = tree.setdefault(branch, {})
        tree = below if isinstance(below, dict) else {}
    tree.setdefault(leaf, value)


@dataclass(frozen=True, slots=True)
class Unfit:
    """A text that cannot be said now, and why; `missing` names the variable that is not known."""

    reason: str
    missing: str | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """A text ready to be filled in; `names` are the variables it looks at."""

    text: str
    names: frozenset[str] = frozenset()
    bound: BoundTemplate | None = None

    def render(self, variables: Variables) -> str | Unfit:
        """The text filled in, or why it cannot be said; never raises, whatever the variables."""
        if self.bound is None:
            return self.text or Unfit(Verdict.EMPTY.of())
        if not self.names.isdisjoint(variables.groups):
            group = min(self.names & variables.groups)
            return Unfit(Verdict.GROUP.of(name=group))
        try:
            text = self.bound.render(variables.tree).strip()
        except UndefinedError as error:
            missing = _name_at(self.text, error)
            return Unfit(Verdict.UNKNOWN.of(name=missing), missing)
        except LiquidError as error:
            return Unfit(Verdict.BROKEN.of(problem=str(error.message)))
        return text or Unfit(Verdict.EMPTY.of())


def _name_at(text: str, error: UndefinedError) -> str:
    """The whole dotted name; the library names only as much of it as it came to look at."""
    token = error.token
    found = _NAME.match(text, token.start_index) if token is not None else None
    return found[0] if found else str(error.message)


class _Sandbox(Environment):
    """The template language, cut down; one for each locale and time zone."""

    output_stream_limit: ClassVar[int | None] = 16_000
    local_namespace_limit: ClassVar[int | None] = 16_000
    loop_iteration_limit: ClassVar[int | None] = 100
    context_depth_limit: ClassVar[int] = 10
    block_nesting_limit: ClassVar[int] = 5

    def __init__(self, *, locale: str, time_zone: ZoneInfo) -> None:
        super().__init__(undefined=FalsyStrictUndefined)
        self._locale = locale.replace("-", "_")
        self._zone = time_zone
        self.tags = {name: tag for name, tag in self.tags.items() if name in _TAGS | _PARTS}
        self.filters = {
            name: found for name, found in self.filters.items() if name in _LIBRARY_FILTERS
        } | {"fallback": _fallback, "date": self._date}

    def _date(self, value: object, pattern: object = "d MMMM") -> str:
        """A date as its locale writes it, by a Unicode pattern (LDML) or short/medium/long."""
        if is_undefined(value):
            return str(value)  # raises, naming the variable
        when = _read_date(value)
        try:
            if isinstance(when, datetime):
                local = when.astimezone(self._zone) if when.tzinfo else when
                return format_datetime(
                    local.replace(tzinfo=None), str(pattern), locale=self._locale
                )
            return format_date(when, str(pattern), locale=self._locale)
        except (AttributeError, KeyError, ValueError):
            raise FilterArgumentError(f"date pattern {pattern!r} is unknown", token=None) from None


def _read_date(value: object) -> date | datetime:
    if isinstance(value, date):
        return value
    try:
        if isinstance(value, str) and len(value) <= len("2026-03-01"):
            return date.fromisoformat(value)
        return datetime.fromisoformat(str(value))
    except ValueError:
        raise FilterArgumentError(f"{value!r} is no date", token=None) from None


def _fallback(value: object, instead: object = None) -> object:
    """The value, or what to write instead when it is not known."""
    if instead is None:
        raise FilterArgumentError("fallback says not what to write instead", token=None)
    return instead if is_undefined(value) or value is None or value == "" else value


@lru_cache(maxsize=64)
def _sandbox(locale: str, time_zone: str) -> _Sandbox:
    return _Sandbox(locale=locale, time_zone=ZoneInfo(time_zone))


@dataclass(frozen=True, slots=True)
class Broken:
    """A text that is no template: what is wrong, and on which of its lines (from 0)."""

    problem: str
    line: int


def compile_text(text: str, *, locale: str, time_zone: str) -> Template | Broken:
    """Prepare a text; unknown tags and filters and wrong syntax are found here."""
    if "{{" not in text and "{%" not in text:
        return Template(text)
    sandbox = _sandbox(locale, time_zone)
    try:
        bound = sandbox.from_string(text)
        found = bound.analyze()
    except LiquidError as error:
        at = error.token.start_index if error.token else 0
        return Broken(str(error.message), text.count("\n", 0, max(at, 0)))
    except RecursionError:
        return Broken("nested too deep", 0)
    for name, spans in found.filters.items():
        if name not in sandbox.filters:
            return Broken(f"unknown filter '{name}'", text.count("\n", 0, spans[0].index))
    for name in sorted(_NOT_OURS & found.globals.keys()):
        return Broken(f"'{name}' is not available", 0)
    names = frozenset(str(each) for group in found.globals.values() for each in group)
    return Template(text, names, bound)
