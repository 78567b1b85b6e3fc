"""What every bus does alike when a handler raises."""

from __future__ import annotations

import asyncio
from datetime import timedelta


def delay_after(tries: int, *, first: timedelta, longest: timedelta) -> timedelta:
    """How long to wait after so many failed tries: `first`, doubling up to `longest`."""
    doubled: timedelta = first * 2 ** max(min(tries - 1, 30), 0)
    return min(doubled, longest)


def cancellations() -> int:
    """How often this task was told to stop so far."""
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


def is_cancelled() -> bool:
    """Whether this task was told to stop (and not only something that it awaited)."""
    return cancellations() > 0


def heed_cancelling(before: int) -> None:
    """Raise CancelledError if this task was told to stop meanwhile, and a library hid it.

    `asyncio.wait_for` does so before Python 3.12 when the answer comes at the same moment.
    """
    if cancellations() > before:
        raise asyncio.CancelledError


def place_of(error: BaseException) -> str:
    """The file and line where an error was raised; its text may quote a message."""
    place = "unknown"
    trace = error.__traceback__
    while trace is not None:
        place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
