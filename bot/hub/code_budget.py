"""How many codes go out by SMS: each costs money, and numbers abroad are pumped for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import structlog

from bot.hub.numbers import calling_code
from bot.hub.settings import HubSettings

log = structlog.get_logger("samtal.codes")

HOUR: Final = timedelta(hours=1)
# Why a code was not sent.
SPENT: Final = "too many codes by sms"
Count = Callable[[str], Awaitable[int]]


class CodeBudget:
    """The limits of the whole installation, over all visitors and phones."""

    def __init__(self, settings: HubSettings) -> None:
        self.settings = settings

    async def allows(self, number: str, *, count: Count) -> bool:
        """Whether one more code may go to this number; `count` counts under a key, in an hour.

        Numbers of another country have a limit of their own for each, and are counted there first.
        """
        settings = self.settings
        country, home = calling_code(number), calling_code(None, region=settings.phone_region)
        limits = [("codes", settings.sms_codes_an_hour)]
        if country != home:
            limits.insert(0, (f"codes:{country}", settings.foreign_sms_codes_an_hour))
        for key, most in limits:
            if await count(f"sms_{key}") > most:
                log.warning("no more codes by sms this hour", limit=key, most=most)
                return False
        return True
