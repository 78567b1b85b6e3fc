"""Small faults of a module, made from its syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

_COMPARISONS: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_OPERATORS: Final[dict[type[ast.AST], type[ast.AST]]] = {
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
}
# What no test of behaviour can or should see.
_SILENT_WORDS: Final = frozenset({"description", "mend", "where"})


@dataclass(frozen=True)
class Mutant:
    """One fault: where it is, what stood there, what stands there now, and the whole module."""

    line: int
    before: str
    after: str
    source: str


def mutants(source: str) -> list[Mutant]:
    """Every fault that can be put into a module, in the order of its lines."""
    tree = ast.parse(source)
    places = [node for node in _live(tree) for _ in _changes(node)]
    found = [_mutant(source, number) for number in range(len(places))]
    return sorted((one for one in found if one.before != one.after), key=lambda one: one.line)


def _mutant(source: str, number: int) -> Mutant:
    """The fault of this number, in a tree of its own."""
    tree = ast.parse(source)
    change = [(node, make) for node in _live(tree) for make in _changes(node)][number]
    node, make = change
    before = ast.unparse(node)
    make()
    ast.fix_missing_locations(tree)
    line: int = getattr(node, "lineno", 0)
    return Mutant(line=line, before=before, after=ast.unparse(node), source=ast.unparse(tree))


def _live(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that do something: no annotations, docstrings, imports or explanations."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "bases"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_silent(child):
                yield from _live(child)


def _is_silent(node: ast.AST) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Raise() | ast.Expr(value=ast.Constant(str())):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")) | ast.Assign(targets=[ast.Name("__all__")]):
            return True
        case ast.keyword(arg=str(name)):
            return name in _SILENT_WORDS
        case _:
            return False


def _changes(node: ast.AST) -> Iterator[Callable[[], None]]:
    """What can be done to a node, each as something to call."""
    match node:
        case ast.Compare():
            yield from (_swap(node.ops, place) for place in range(len(node.ops)))
        case ast.BoolOp() | ast.BinOp() if type(node.op) in _OPERATORS:
            yield lambda: setattr(node, "op", _OPERATORS[type(node.op)]())
        case ast.UnaryOp(op=ast.Not()):
            yield lambda: setattr(node, "op", ast.UAdd())
        case ast.Constant(value=bool() | int() | str() as value) if value != "":
            yield lambda: setattr(node, "value", _other(value))
        case ast.Return(value=ast.AST() as given) if not isinstance(given, ast.Constant):
            yield lambda: setattr(node, "value", ast.Constant(value=None))
        case _:
            return


def _other(value: bool | int | str) -> bool | int | str:
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case _:
            return f"X{value}"


def _swap(ops: list[ast.cmpop], place: int) -> Callable[[], None]:
    return lambda: ops.__setitem__(place, _COMPARISONS[type(ops[place])]())
