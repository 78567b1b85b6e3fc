"""Ending a process in good order, and reloading it: what the operating system's signals say."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from datetime import timedelta

import structlog

log = structlog.get_logger("samtal.stopping")

_ENDS = (signal.SIGTERM, signal.SIGINT)
_FAULT = 1


class Signals:
    """What this process was told: to stop (SIGTERM, SIGINT) or to reload (SIGHUP).

    The first asks for an end in good order, a second one is that end at once. While the process
    starts, being told to stop cancels `starting`.
    """

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.reload = asyncio.Event()
        self._starting: asyncio.Task[object] | None = asyncio.current_task()
        self._loop = asyncio.get_running_loop()

    def listen(self) -> None:
        """Hear signals from now on."""
        for number in _ENDS:
            self._loop.add_signal_handler(number, self._told_to_stop, number)
        self._loop.add_signal_handler(signal.SIGHUP, self.reload.set)

    def forget(self) -> None:
        """Hear nothing more."""
        for number in (*_ENDS, signal.SIGHUP):
            self._loop.remove_signal_handler(number)

    def started(self) -> None:
        """The process has started: from now on it looks at `stop` itself."""
        self._starting = None

    def _told_to_stop(self, number: signal.Signals) -> None:
        if self.stop.is_set():
            log.warning("ending at once", signal=number.name)
            os._exit(128 + number)
        self.stop.set()
        if self._starting is not None:
            self._starting.cancel()


def bounded(limit: timedelta) -> threading.Timer:
    """End the process after this long, whatever hangs: cancel it when the end was in good order."""
    timer = threading.Timer(limit.total_seconds(), _give_up, [limit])
    timer.daemon = True
    timer.start()
    return timer


def _give_up(limit: timedelta) -> None:
    log.error("did not stop in time", seconds=limit.total_seconds())
    os._exit(_FAULT)
