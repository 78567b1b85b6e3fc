"""Tells whoever listens in this process what just changed, here or in another process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal

from bot.model.event import Outcome
from bot.model.ids import EventId, IdentityId, ThreadId
from bot.model.people import ChannelIdentity
from bot.model.thread import Entry, SendState, ThreadState
from bot.model.value import Value


class ThreadMoved(Value):
    """A thread got new entries; `absorbed` is the thread that went up in it, if one did.

    `parted`: it was one with another thread until now, and what was that one's is not shown here
    any more. Many entries may come in several of these, in order, each with the same state.
    """

    kind: Literal["thread_moved"] = "thread_moved"
    state: ThreadState
    identities: tuple[ChannelIdentity, ...]
    entries: tuple[Entry, ...]
    absorbed: ThreadId | None = None
    parted: bool = False


class SendMoved(Value):
    """A message out got further, or did not; may come before its ThreadMoved."""

    kind: Literal["send_moved"] = "send_moved"
    thread: ThreadId
    identity: IdentityId
    send: SendState


class EventEnded(Value):
    """An event was processed."""

    kind: Literal["event_ended"] = "event_ended"
    event: EventId
    outcome: Outcome


class Missed(Value):
    """Other processes may have announced something that was not heard here."""

    kind: Literal["missed"] = "missed"


Announcement = ThreadMoved | SendMoved | EventEnded | Missed
Hear = Callable[[Announcement], None]


class Feed:
    """Hands announcements to listeners after they are durable; nobody waits for a listener."""

    def __init__(self) -> None:
        self._listeners: list[Hear] = []
        self._own: list[Hear] = []

    def subscribe(self, hear: Hear, *, own: bool = False) -> Callable[[], None]:
        """Call `hear` for each announcement from now on; the result ends that.

        With `own` only for those that this process makes.
        """
        listeners = self._own if own else self._listeners
        listeners.append(hear)
        return lambda: listeners.remove(hear)

    def announce(self, announcement: Announcement) -> None:
        """Tell all listeners, after the current step of the event loop."""
        self._tell(self._own, announcement)
        self._tell(self._listeners, announcement)

    def pass_on(self, announcement: Announcement) -> None:
        """Tell listeners what another process announced."""
        self._tell(self._listeners, announcement)

    def _tell(self, listeners: list[Hear], announcement: Announcement) -> None:
        if listeners:
            loop = asyncio.get_running_loop()
            for hear in listeners:
                loop.call_soon(hear, announcement)
