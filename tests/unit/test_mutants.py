"""The faults that `make mutants` puts into a module: what they are, and what is left alone."""

from __future__ import annotations

import ast

import pytest

from tests.mutation.mutants import mutants


@pytest.mark.parametrize(
    ("source", "made"),
    [
        ("a = b == c", ["b != c"]),
        ("a = b < c <= d", ["b <= c <= d", "b < c < d"]),
        ("a = b in c", ["b not in c"]),
        ("a = b is None", ["b is not None"]),
        ("a = b and c", ["b or c"]),
        ("a = b + c", ["b - c"]),
        ("a = not b", ["+b"]),
        ("a = True", ["False"]),
        ("a = 7", ["8"]),
        ("a = 'x'", ["'Xx'"]),
        ("a = ''", []),
        ("def f():\n    return g()", ["return None"]),
    ],
)
def test_each_fault_is_made_once(source: str, made: list[str]) -> None:
    assert [one.after for one in mutants(source)] == made


def test_what_explains_and_what_is_typed_is_left_alone() -> None:
    source = '''"""Words."""
from x import y
__all__ = ["f"]
if TYPE_CHECKING:
    from z import w

def f(a: "int") -> "str":
    """Words."""
    raise ValueError("words")

b: "int" = Field(description="words", mend="words")
'''
    assert mutants(source) == []


def test_a_fault_says_where_it_is_and_changes_nothing_else() -> None:
    source = "a = 1\nb = 2\n"
    first, second = mutants(source)
    assert (first.line, first.before, first.after, first.source) == (1, "1", "2", "a = 2\nb = 2")
    assert (second.line, second.source) == (2, "a = 1\nb = 3")
    assert all(ast.parse(one.source) for one in (first, second))
