"""Whoever catches everything says why, on that line or in a comment right under it."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from tests.rules.tree import ROOT, product_files

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDE = {"BaseException", "Exception"}
WORDS_OF_A_REASON = 3
MARK = re.compile(r"#\s*(?:noqa(?::\s*[A-Z]+\d+(?:[\s,]+[A-Z]+\d+)*)?)?(?P<reason>.*)")


def names(caught: ast.expr | None) -> Iterator[str]:
    """The names an except clause catches; a bare one catches everything."""
    if caught is None:
        yield "BaseException"
    elif isinstance(caught, ast.Tuple):
        for one in caught.elts:
            yield from names(one)
    elif isinstance(caught, ast.Name | ast.Attribute):
        yield ast.unparse(caught).removeprefix("builtins.")


def unexplained(text: str) -> list[int]:
    """The lines that catch everything without a reason."""
    lines = text.splitlines()
    return [
        node.lineno
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ExceptHandler)
        and WIDE & set(names(node.type))
        and not has_reason(lines[node.lineno - 1])
        and not has_reason(lines[node.lineno].lstrip(), whole=True)
    ]


def has_reason(line: str, *, whole: bool = False) -> bool:
    mark = MARK.match(line) if whole else MARK.search(line)
    return mark is not None and len(re.findall(r"\w+", mark["reason"])) >= WORDS_OF_A_REASON


def test_everything_is_caught_only_with_a_reason() -> None:
    found = {
        str(path): lines
        for path in product_files()
        if (lines := unexplained((ROOT / path).read_text(encoding="utf-8")))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("clause", "refused"),
    [
        ("except ValueError:", False),
        ("except:", True),
        ("except Exception:", True),
        ("except (ValueError, Exception) as e:", True),
        ("except BaseException:  # noqa: BLE001", True),
        ("except Exception:  # noqa: BLE001, S110 - why", True),
        ("except Exception:  # noqa: BLE001 - one bad event must not stop the worker", False),
        ("except Exception:  # one bad event must not stop the worker", False),
        ("except Exception:\n    # one bad event must not stop the worker", False),
        ("except Exception:\n    # why", True),
    ],
)
def test_the_rule(clause: str, *, refused: bool) -> None:
    assert unexplained(f"try:\n    pass\n{clause}\n    pass\n") == ([3] if refused else [])
