"""Token buckets: how often one address, account or visitor may ask."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime

from bot.edge.settings import Rate
from bot.ports import Clock

# More keys than this at once are an attack by numbers; the ones idle longest are forgotten.
_KEYS = 50_000


class Buckets:
    """One token bucket for each key, all of the same rate; a forgotten bucket is a full one."""

    def __init__(self, rate: Rate, *, clock: Clock, keys: int = _KEYS) -> None:
        self._rate = rate
        self._clock = clock
        self._keys = keys
        self._levels: OrderedDict[str, tuple[float, datetime]] = OrderedDict()

    def retune(self, rate: Rate) -> None:
        """Fill at another rate from now on."""
        self._rate = rate

    def take(self, key: str) -> float:
        """Take one token; returns 0, or the seconds until there is one (then none was taken)."""
        now = self._clock.now()
        level, since = self._levels.pop(key, (float(self._rate.burst), now))
        passed = max(0.0, (now - since).total_seconds())
        level = min(float(self._rate.burst), level + passed * self._rate.per_second)
        allowed = level >= 1
        self._levels[key] = (level - 1 if allowed else level, now)
        if len(self._levels) > self._keys:
            self._levels.popitem(last=False)
        return 0.0 if allowed else (1 - level) / self._rate.per_second
