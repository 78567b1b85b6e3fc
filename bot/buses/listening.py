"""Those who listen to a fan-out within this process."""

from __future__ import annotations

import asyncio
import re
from collections import deque

MOST = 1_000
MOST_BYTES = 16 * 2**20
_SUBJECT = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")


def checked(subject: str) -> str:
    """The subject, if it is one; raises ValueError."""
    if _SUBJECT.fullmatch(subject) is None:
        raise ValueError(
            f"{subject!r} is no subject: use words of a-z, 0-9 and _, joined by dots, as chat.feed"
        )
    return subject


class Listener:
    """An async iterator of what is heard; None where messages may have been missed.

    It keeps `most` messages and `most_bytes` at the most: a listener that is slower misses the
    oldest and holds up nobody.
    """

    def __init__(self, *, most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        self._heard: deque[bytes | None] = deque()
        self._bytes = 0
        self._most = most
        self._most_bytes = most_bytes
        self._news = asyncio.Event()
        self._ended = False

    def hear(self, message: bytes) -> None:
        """Keep one more, letting go of the oldest when there are too many."""
        if self._ended:
            return
        self._heard.append(message)
        self._bytes += len(message)
        # The newest stays, however large it is.
        too_many = False
        while len(self._heard) > 1 and self._is_full():
            self._bytes -= len(self._heard.popleft() or b"")
            too_many = True
        if too_many:
            self._heard.appendleft(None)
        self._news.set()

    def miss(self) -> None:
        """Say once, after what was heard so far, that something may have been missed."""
        if not self._ended and (not self._heard or self._heard[-1] is not None):
            self._heard.append(None)
            self._news.set()

    def end(self) -> None:
        """Hear nothing more; what was heard can still be read."""
        self._ended = True
        self._news.set()

    def _is_full(self) -> bool:
        # The mark at the front for what was let go of does not count.
        count = len(self._heard) - (self._heard[0] is None)
        return count > self._most or self._bytes > self._most_bytes

    def __aiter__(self) -> Listener:
        return self

    async def __anext__(self) -> bytes | None:
        while not self._heard:
            if self._ended:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        message = self._heard.popleft()
        self._bytes -= len(message or b"")
        return message


class Listeners:
    """All listeners of a process, by subject."""

    def __init__(self, *, most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._by_subject: dict[str, set[Listener]] = {}
        self._ended = False

    @property
    def subjects(self) -> list[str]:
        """What is listened to."""
        return list(self._by_subject)

    def add(self, subject: str) -> Listener:
        """One more listener; after the end, one that hears nothing."""
        listener = Listener(most=self._most, most_bytes=self._most_bytes)
        if self._ended:
            listener.end()
        else:
            self._by_subject.setdefault(checked(subject), set()).add(listener)
        return listener

    def remove(self, subject: str, listener: Listener) -> None:
        """Forget a listener."""
        listener.end()
        left = self._by_subject.get(subject, set())
        left.discard(listener)
        if not left:
            self._by_subject.pop(subject, None)

    def hear(self, subject: str, message: bytes) -> None:
        """Hand a message to everyone who listens to its subject."""
        for listener in self._by_subject.get(subject, ()):
            listener.hear(message)

    def miss(self, subject: str | None = None) -> None:
        """Say that messages of a subject, or of all, may have been missed."""
        for one in self.subjects if subject is None else [subject]:
            for listener in self._by_subject.get(one, ()):
                listener.miss()

    def end(self) -> None:
        """End every listener, also those to come."""
        self._ended = True
        for listeners in self._by_subject.values():
            for listener in listeners:
                listener.end()
