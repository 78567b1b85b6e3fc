"""What a press of a LINE button says: its payload, and the title that LINE does not send along.

Source: https://developers.line.biz/en/reference/messaging-api/#postback-action
"""

from __future__ import annotations

LONGEST_DATA = 300

_BETWEEN = "\n"


def packed(payload: str, title: str) -> str | None:
    """The `data` of a postback that brings both back, or None where they are too long."""
    whole = f"{payload}{_BETWEEN}{title}"
    if _BETWEEN in payload or not payload or _units(whole) > LONGEST_DATA:
        return None
    return whole


def unpacked(data: str) -> tuple[str, str]:
    """The payload and the title of a `data`; one that is not ours has no title."""
    payload, _, title = data.partition(_BETWEEN)
    return payload, title


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
