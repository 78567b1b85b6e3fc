"""What a process remembers of what cannot change: a few thousand facts, the latest used."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Hashable
from typing import Generic, TypeVar

_MOST = 20_000

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
A = TypeVar("A")
B = TypeVar("B")


class Remembered(Generic[K, V]):
    """Facts by their key; what was not used for long is forgotten."""

    def __init__(self, most: int = _MOST) -> None:
        self._facts: OrderedDict[K, V] = OrderedDict()
        self._most = most

    def put(self, key: K, fact: V) -> None:
        """Remember a fact."""
        self._facts[key] = fact
        self._facts.move_to_end(key)
        if len(self._facts) > self._most:
            self._facts.popitem(last=False)

    def get(self, key: K) -> V | None:
        """The fact, or None when it is not remembered."""
        fact = self._facts.get(key)
        if fact is not None:
            self._facts.move_to_end(key)
        return fact


async def together(*work: Awaitable[object]) -> None:
    """Do all of it at the same time; raises the first error, and not before all has ended."""
    for ended in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(ended, BaseException):
            raise ended


async def both(one: Awaitable[A], other: Awaitable[B]) -> tuple[A, B]:
    """The answers to two questions asked at the same time; likewise."""
    first, second = asyncio.ensure_future(one), asyncio.ensure_future(other)
    await together(first, second)
    return first.result(), second.result()
