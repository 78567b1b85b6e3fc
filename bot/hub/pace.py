"""How fast an account may send."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.ports import Channel, Clock


class Pace:
    """Keeps each account within its provider's calls a second; a second's worth may go at once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._spent_until: dict[tuple[str, str], datetime] = {}

    async def turn(self, channel: Channel) -> bool:
        """Return when it is this account's turn; True when that took time."""
        rate = channel.capabilities.rate
        if rate is None:
            return False
        key = (channel.name, channel.account)
        now = self._clock.now()
        burst = max(timedelta(seconds=1), timedelta(seconds=1) / rate)
        spent = max(self._spent_until.get(key, now), now) + timedelta(seconds=1) / rate
        self._spent_until[key] = spent
        if spent - now <= burst:
            return False
        await self._clock.sleep(spent - now - burst)
        return True
