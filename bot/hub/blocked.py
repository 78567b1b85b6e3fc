"""Values that a fault or a form fills in for many people at once: nobody's identity (R10)."""

from __future__ import annotations

_NOBODY = frozenset(
    {
        "",
        "-",
        "[object object]",
        "anonym",
        "anonymous",
        "false",
        "guest",
        "n/a",
        "nan",
        "nil",
        "none",
        "null",
        "okänd",
        "test",
        "true",
        "undefined",
        "unknown",
        "user",
    }
)


def is_nobodys(value: str) -> bool:
    """Whether this stands for nobody in particular: `null`, `undefined`, `0`, `anonymous` ..."""
    plain = value.strip().casefold()
    return plain in _NOBODY or not plain.strip("0-. ")
