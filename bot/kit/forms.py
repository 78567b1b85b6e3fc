"""Reading and writing `application/x-www-form-urlencoded`, whatever the bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes, urlencode

if TYPE_CHECKING:
    from collections.abc import Iterable

FORM_TYPE = "application/x-www-form-urlencoded"


class Form:
    """The names and values of a form as bytes, in order, repeats kept."""

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        self.pairs = tuple(pairs)

    def get(self, name: str) -> str:
        """The first value of this name, empty when absent; invalid UTF-8 reads as U+FFFD."""
        wanted = name.encode()
        return next((_text(value) for key, value in self.pairs if key == wanted), "")

    def all(self, name: str) -> tuple[str, ...]:
        """All values of this name, in order."""
        wanted = name.encode()
        return tuple(_text(value) for key, value in self.pairs if key == wanted)

    def __contains__(self, name: str) -> bool:
        wanted = name.encode()
        return any(key == wanted for key, _ in self.pairs)

    def __bool__(self) -> bool:
        return bool(self.pairs)


def read(body: bytes) -> Form:
    """Take a form apart; never raises, blank values are kept (WHATWG URL, section 5.1)."""
    return Form(_pair(piece) for piece in body.split(b"&") if piece)


def write(pairs: Iterable[tuple[str, str]]) -> bytes:
    """Put a form together as UTF-8; lone surrogates become U+FFFD."""
    return urlencode([(key, _sendable(value)) for key, value in pairs]).encode("ascii")


def _pair(piece: bytes) -> tuple[bytes, bytes]:
    name, _, value = piece.partition(b"=")
    return _unquoted(name), _unquoted(value)


def _unquoted(raw: bytes) -> bytes:
    return unquote_to_bytes(raw.replace(b"+", b" "))


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _sendable(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
