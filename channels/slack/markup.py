"""Slack's way of writing text: three characters are escaped, and angle brackets say what is meant.

Source: https://docs.slack.dev/messaging/formatting-message-text/#escaping and #retrieving-messages
"""

from __future__ import annotations

import re

_MEANT = re.compile(r"<([^<>|]+)(?:\|([^<>]*))?>")
_ESCAPES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"))


def escaped(text: str) -> str:
    """A text that Slack shows as it is; nothing in it names people, channels or links."""
    for char, entity in _ESCAPES:
        text = text.replace(char, entity)
    return text


def unescaped(text: str) -> str:
    """The characters that Slack had escaped."""
    for char, entity in reversed(_ESCAPES):
        text = text.replace(entity, char)
    return text


def read(text: str) -> str:
    """What a person wrote, in plain text."""
    return unescaped(_MEANT.sub(_plain, text))


def _plain(found: re.Match[str]) -> str:
    meant, label = found[1], found[2] or ""
    match meant[0]:
        case "@" | "#":
            return meant[0] + (label or meant[1:])
        case "!":
            # A group, @here, or a date with what to show for it.
            return label or "@" + meant[1:].partition("^")[0]
        case _:
            return _link(meant, label)


def _link(url: str, label: str) -> str:
    bare = url.removeprefix("mailto:").removeprefix("tel:")
    if not label or label in {url, bare} or url.rstrip("/").endswith(f"//{label}"):
        return bare
    return f"{label} ({bare})"
