"""The played provider with its moods, and with reports that it repeats until they are accepted."""

from __future__ import annotations

import asyncio
import itertools
import random
from http import HTTPStatus
from urllib.parse import urlsplit

from typing_extensions import override

from tests.bench import twilio
from tests.bench.provider import Behaviour, Provider
from tests.crash.load import Door

MOODS = ("errors", "busy", "hangs", "resets", "slow")
_HANG = 40.0  # seconds, longer than a call's own time-out


class Moody(Provider):
    """Mostly quick; in a mood, most calls meet it. Half of the recipients tell of deliveries."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__(self._behave)
        self.mood = ""
        self.receipts = True
        self.delivered: set[str] = set()
        self._chance = chance
        self._doors: list[Door] = []
        self._turn = itertools.count()

    def report_to(self, doors: list[Door]) -> None:
        """Where reports go, in turn."""
        self._doors = doors

    @property
    def unreported(self) -> int:
        """How many deliveries are still to be reported."""
        return sum(_is_told(call.to) for call in self.calls) - len(self.delivered)

    def _behave(self) -> Behaviour:
        drawn = self._chance.random()
        quick = Behaviour(delay=self._chance.uniform(0.0, 0.03))
        match self.mood if drawn < 0.8 else "":
            case "errors":
                return Behaviour(refuse=self._chance.choice([500, 502, 503]))
            case "busy":
                return Behaviour(refuse=429, after=self._chance.randint(1, 8))
            case "hangs":
                return Behaviour(delay=_HANG, cut=self._chance.choice(["before", "after"]))
            case "resets":
                return Behaviour(cut=self._chance.choice(["before", "after"]))
            case "slow":
                return Behaviour(delay=self._chance.uniform(1.0, 6.0))
            case _:
                return quick

    @override
    async def report(self, sid: str, *, to: str, callback: str) -> bool:
        if not _is_told(to):
            return False
        path = urlsplit(callback).path
        base = callback.removesuffix(path)
        request = twilio.receipt(base, path, sid=sid, to=to, status="delivered")
        while True:
            door = self._doors[next(self._turn) % len(self._doors)]
            if await door.post(request) == HTTPStatus.OK:
                self.delivered.add(sid)
                return True
            await asyncio.sleep(self._chance.uniform(0.2, 0.8))


def _is_told(recipient: str) -> bool:
    return int(recipient[-2]) % 2 == 0
