"""What waits to be written to a socket, counted in bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeGuard

from typing_extensions import override

# A packet without text (a ping, the end) still takes memory.
_LEAST = 64


class _Texted(Protocol):
    data: str | bytes


class Backlog(asyncio.Queue[object]):
    """Engine.IO's queue of one socket; tells once when it holds more than `limit` bytes.

    From then on it keeps nothing: the socket is on its way out and only its end is let through.
    """

    def __init__(self, *, limit: int, overflow: Callable[[Backlog], None]) -> None:
        super().__init__()
        self._limit = limit
        self._overflow = overflow
        self._bytes = 0
        self.over = False

    @override
    def _put(self, item: object) -> None:
        super()._put(None if self.over else item)
        self._bytes += _LEAST if self.over else _size(item)
        if self._bytes > self._limit and not self.over:
            self.over = True
            self._overflow(self)

    @override
    def _get(self) -> object:
        item = super()._get()
        self._bytes -= _size(item)
        return item


def _size(packet: object) -> int:
    return max(_LEAST, len(packet.data)) if _has_text(packet) else _LEAST


def _has_text(packet: object) -> TypeGuard[_Texted]:
    return isinstance(getattr(packet, "data", None), str | bytes)
