"""What is wrong with content, in a form that people and tools read."""

from __future__ import annotations

from enum import StrEnum

from bot.model.value import Value


class Severity(StrEnum):
    """Whether content with this problem may go live."""

    ERROR = "error"
    WARNING = "warning"


class Problem(Value):
    """One finding; `line` counts from 1, `rule` is stable and can be searched for."""

    file: str
    line: int
    rule: str
    message: str
    severity: Severity = Severity.ERROR


def format_problems(problems: list[Problem]) -> str:
    """One line for each problem and one with the sum, for a terminal."""
    errors = sum(problem.severity is Severity.ERROR for problem in problems)
    warnings = len(problems) - errors
    lines = [
        f"{each.file}:{each.line}: {each.severity} [{each.rule}] {each.message}"
        for each in problems
    ]
    return "\n".join((*lines, f"{_many(errors, 'error')}, {_many(warnings, 'warning')}"))


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
