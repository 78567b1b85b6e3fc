"""How fast an account may send."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.model.ids import SendId
from bot.ports import Channel

_NOW = timedelta()


class Pace:
    """Keeps each account within its provider's calls a second; a second's worth may go at once.

    Whoever comes too early gets a later moment that is kept for it, and comes back then: nobody
    waits here, so that one account's queue holds up no other's.
    """

    def __init__(self) -> None:
        self._spent_until: dict[tuple[str, str], datetime] = {}
        self._kept: set[SendId] = set()

    def wait(self, channel: Channel, send: SendId, *, now: datetime) -> timedelta:
        """How long this send has to wait; no time when it is its turn."""
        rate = channel.capabilities.rate
        if rate is None:
            return _NOW
        if send in self._kept:
            self._kept.remove(send)
            return _NOW
        key = (channel.name, channel.account)
        burst = max(timedelta(seconds=1), timedelta(seconds=1) / rate)
        spent = max(self._spent_until.get(key, now), now) + timedelta(seconds=1) / rate
        self._spent_until[key] = spent
        early = spent - now - burst
        if early <= _NOW:
            return _NOW
        self._kept.add(send)
        return early
