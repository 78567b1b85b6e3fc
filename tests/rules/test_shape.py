"""Names and sizes: small files, small functions, named by what they do."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from tests.rules.tree import ROOT, product_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINES_A_FILE = 500
LINES_A_FUNCTION = 60
EMPTY_WORDS = {"common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"}

# "path" or "path:Class.function" -> why it is longer than the rest.
EXEMPT: dict[str, str] = {}


def functions(body: list[ast.stmt], scope: str = "") -> Iterator[tuple[str, int]]:
    """Every function below, by its qualified name, with its length in lines."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            name = f"{scope}{node.name}"
            yield name, (node.end_lineno or node.lineno) - node.lineno + 1
            yield from functions(node.body, f"{name}.")
        elif isinstance(node, ast.ClassDef):
            yield from functions(node.body, f"{scope}{node.name}.")
        elif isinstance(node, ast.If | ast.Try | ast.With):
            yield from functions(node.body, scope)


def too_long(path: Path, text: str) -> Iterator[tuple[str, int]]:
    """What in this file is longer than it may be, and by how many lines it is long."""
    if (lines := len(text.splitlines())) > LINES_A_FILE:
        yield str(path), lines
    for name, length in functions(ast.parse(text).body):
        if length > LINES_A_FUNCTION:
            yield f"{path}:{name}", length


def all_too_long() -> dict[str, int]:
    return {
        place: lines
        for path in product_files()
        for place, lines in too_long(path, (ROOT / path).read_text(encoding="utf-8"))
    }


def test_nothing_is_too_long() -> None:
    assert {place: n for place, n in all_too_long().items() if place not in EXEMPT} == {}


def test_exemptions_are_needed_and_have_a_reason() -> None:
    long = all_too_long()
    assert [place for place in EXEMPT if place not in long] == []
    assert [place for place, reason in EXEMPT.items() if len(reason.split()) <= 2] == []


def test_modules_are_named_by_what_they_do() -> None:
    names = {path: set(path.with_suffix("").as_posix().split("/")) for path in product_files()}
    words = {
        path: {word for part in parts for word in part.strip("_").split("_")}
        for path, parts in names.items()
    }
    assert [str(path) for path, found in words.items() if found & EMPTY_WORDS] == []


@pytest.mark.parametrize(("lines", "found"), [(60, []), (61, ["a.py:A.b"])])
def test_the_measure_of_a_function(tmp_path: Path, lines: int, found: list[str]) -> None:
    text = "class A:\n    def b(self):\n" + "        pass\n" * (lines - 1)
    place = (tmp_path / "a.py").relative_to(tmp_path)
    assert [name for name, _ in too_long(place, text)] == found


@pytest.mark.parametrize(("lines", "found"), [(500, []), (501, ["a.py"])])
def test_the_measure_of_a_file(tmp_path: Path, lines: int, found: list[str]) -> None:
    place = (tmp_path / "a.py").relative_to(tmp_path)
    assert [name for name, _ in too_long(place, "a = 1\n" * lines)] == found
