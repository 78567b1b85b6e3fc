"""The corpus's rules of comparison: subsets, alternatives, phones by digits, times by moment."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

_NUMBER = re.compile(r"\+?[0-9][0-9 ()-]*")
_DIFFERENT_NAMES = {"document": "file"}
_CLOSE = 1e-9
_PEOPLE = frozenset({"from", "to", "phone", "new_identity"})

MISSING = object()


def same_person(expected: object, actual: object) -> bool:
    """The same id, where phone numbers compare by their digits."""
    if not isinstance(expected, str) or not isinstance(actual, str):
        return expected == actual
    both = _NUMBER.fullmatch(expected) and _NUMBER.fullmatch(actual)
    return expected == actual or (bool(both) and digits(expected) == digits(actual))


def same(expected: object, actual: object) -> bool:
    """Equal, and of the same type."""
    if isinstance(expected, float) and isinstance(actual, int | float):
        return abs(expected - actual) <= _CLOSE
    return type(expected) is type(actual) and expected == actual


def digits(text: str) -> str:
    return "".join(filter(str.isdecimal, text))


def same_moment(expected: str, actual: object) -> bool:
    """The same time to the millisecond; `actual` is ISO 8601 or nothing."""
    return isinstance(actual, str) and _moment(expected) == _moment(actual)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text).astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def subset(expected: dict[str, Any], actual: dict[str, Any], where: str) -> list[str]:
    """What of the fields named in `expected` is not so in `actual`; `x_any` lists alternatives."""
    problems = []
    for key, wanted in expected.items():
        if f"{key}_any" in expected:
            continue
        name = key.removesuffix("_any")
        options = wanted if key.endswith("_any") else [wanted]
        found = actual.get(name, MISSING)
        if not any(_field_matches(name, option, found) for option in options):
            shown = "nothing" if found is MISSING else _shown(found)
            problems.append(f"{where}.{name} is {shown}, expected {_shown(wanted)}")
    return problems


def _field_matches(name: str, wanted: object, found: object) -> bool:
    if name in {"timestamp", "watermark"}:
        return isinstance(wanted, str) and same_moment(wanted, found)
    if name in {"attachments", "from_alt"}:
        rule = _rows if name == "attachments" else _each_among
        return isinstance(wanted, list) and isinstance(found, list) and rule(wanted, found)
    if name == "type":
        return _DIFFERENT_NAMES.get(str(wanted), wanted) == found
    actual = None if found is MISSING else found
    if isinstance(wanted, dict) and isinstance(actual, dict):
        return _answers(wanted) == _answers(actual)
    return (same_person if name in _PEOPLE else same)(wanted, actual)


def _rows(wanted: list[Any], found: list[Any]) -> bool:
    return len(wanted) == len(found) and all(
        not subset(one, other, "") for one, other in zip(wanted, found, strict=True)
    )


def _each_among(wanted: list[Any], found: list[Any]) -> bool:
    return all(any(same_person(one, other) for other in found) for one in wanted)


def _answers(form: dict[str, Any]) -> dict[str, str]:
    return {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in form.items()
    }


def json_subset(expected: object, actual: object) -> bool:
    """JSON where objects name only what matters; lists have the same length and order."""
    if isinstance(expected, dict):
        if expected == {"$present": True}:
            return actual is not MISSING and actual is not None
        if set(expected) == {"$json_subset"}:
            return json_subset(expected["$json_subset"], _parsed(actual))
        if set(expected) == {"$json_equal"}:
            return bool(expected["$json_equal"] == _parsed(actual))
        return isinstance(actual, dict) and all(
            json_subset(value, actual.get(key, MISSING)) for key, value in expected.items()
        )
    if isinstance(expected, list):
        return (
            isinstance(actual, list)
            and len(expected) == len(actual)
            and all(json_subset(one, other) for one, other in zip(expected, actual, strict=True))
        )
    return bool(expected == actual) and isinstance(expected, bool) == isinstance(actual, bool)


def _parsed(text: object) -> object:
    try:
        return json.loads(text) if isinstance(text, str) else MISSING
    except ValueError:
        return MISSING


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 200 else text[:200] + "…"
