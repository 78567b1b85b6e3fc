"""Tells whoever listens in this process what just changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal

from bot.model.ids import IdentityId, ThreadId
from bot.model.people import ChannelIdentity
from bot.model.thread import Entry, SendState, ThreadState
from bot.model.value import Value


class ThreadMoved(Value):
    """A thread got new entries; `absorbed` is the thread that went up in it, if one did."""

    kind: Literal["thread_moved"] = "thread_moved"
    state: ThreadState
    identities: tuple[ChannelIdentity, ...]
    entries: tuple[Entry, ...]
    absorbed: ThreadId | None = None


class SendMoved(Value):
    """A message out got further, or did not."""

    kind: Literal["send_moved"] = "send_moved"
    thread: ThreadId
    identity: IdentityId
    send: SendState


Announcement = ThreadMoved | SendMoved
Hear = Callable[[Announcement], None]


class Feed:
    """Hands announcements to listeners after they are durable; nobody waits for a listener."""

    def __init__(self) -> None:
        self._listeners: list[Hear] = []

    def subscribe(self, hear: Hear) -> Callable[[], None]:
        """Call `hear` for each announcement from now on; the result ends that."""
        self._listeners.append(hear)
        return lambda: self._listeners.remove(hear)

    def announce(self, announcement: Announcement) -> None:
        """Tell all listeners, after the current step of the event loop."""
        loop = asyncio.get_running_loop()
        for hear in self._listeners:
            loop.call_soon(hear, announcement)
