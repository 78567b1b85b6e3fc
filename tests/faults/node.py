"""`python -m tests.faults.node --skew SECONDS serve ...`: `samtal` with a clock that is wrong."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

from bot.__main__ import main
from bot.edge.clock import SystemClock

SKEW = "--skew"


def put_wrong(seconds: float) -> None:
    """Have every system clock of this process tell another time."""
    wrong = timedelta(seconds=seconds)

    def now(self: SystemClock) -> datetime:
        return datetime.now(UTC) + wrong

    setattr(SystemClock, "now", now)  # noqa: B010 - the very thing to be put wrong


if __name__ == "__main__":
    place = sys.argv.index(SKEW)
    put_wrong(float(sys.argv[place + 1]))
    del sys.argv[place : place + 2]
    main()
