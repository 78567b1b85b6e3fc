"""The real server with a watch on where its CPU goes: `python -m tests.bench.profiled serve ...`.

SIGUSR1 starts the watch; the second one writes what was seen to the file that SAMTAL_PROFILE names
and stops. Threads are counted exactly, by the operating system; the event loop's own time is
divided by samples, one for each two milliseconds of the process's CPU.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections import Counter
from pathlib import Path
from types import FrameType

from bot.__main__ import main

_EVERY = 0.002  # seconds of CPU
_TICKS = os.sysconf("SC_CLK_TCK")
_IDLE = "selectors.py"

# From the innermost frame outwards, the first that is named here says what the time went to.
_STAGES = (
    ("/structlog/", "logging"),
    ("bot/edge/logs.py", "logging"),
    ("/prometheus_client/", "metrics"),
    ("bot/embedded/", "store: on the event loop"),
    ("bot/stores/", "store: on the event loop"),
    ("bot/buses/", "bus"),
    ("/nlu/", "reader: on the event loop"),
    ("channels/", "channel"),
    ("bot/kit/", "channel"),
    ("bot/hub/content/", "content"),
    ("bot/hub/voice.py", "content"),
    ("bot/hub/ingress.py", "ingress"),
    ("bot/hub/outbox.py", "outbox"),
    ("bot/hub/gate.py", "outbox"),
    ("bot/hub/", "converse"),
    ("bot/edge/wire.py", "wire: HTTP out"),
    ("/aiohttp/client", "wire: HTTP out"),
    ("/aiohttp/connector", "wire: HTTP out"),
    ("/aiohttp/tracing", "wire: HTTP out"),
    ("bot/edge/", "edge: HTTP in"),
    ("/aiohttp/", "edge: HTTP in"),
    ("/asyncio/", "event loop"),
)


class Watch:
    """Samples of the event loop's thread, and every thread's CPU."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._samples: Counter[str] = Counter()
        self._before: dict[str, float] | None = None
        signal.signal(signal.SIGPROF, self._sample)
        signal.siginterrupt(signal.SIGPROF, False)  # noqa: FBT003 - takes no keyword
        signal.signal(signal.SIGUSR1, self._turn)

    def _turn(self, _: int, __: FrameType | None) -> None:
        """Begin, or write down and end."""
        if self._before is None:
            self._before = _threads()
            signal.setitimer(signal.ITIMER_PROF, _EVERY, _EVERY)
            return
        signal.setitimer(signal.ITIMER_PROF, 0)
        now = _threads()
        spent = {name: now[name] - self._before.get(name, 0.0) for name in now}
        found = {"threads": spent, "samples": dict(self._samples)}
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(found), "utf-8")
        fresh.rename(self._path)

    def _sample(self, _: int, frame: FrameType | None) -> None:
        if frame is not None and not frame.f_code.co_filename.endswith(_IDLE):
            self._samples[_stage(frame)] += 1


def _stage(frame: FrameType | None) -> str:
    while frame is not None:
        name = frame.f_code.co_filename
        for part, stage in _STAGES:
            if part in name:
                return stage
        frame = frame.f_back
    return "other"


def _threads() -> dict[str, float]:
    """CPU seconds of each thread, those of a pool together."""
    spent: dict[str, float] = {}
    for thread in threading.enumerate():
        stat = Path(f"/proc/self/task/{thread.native_id}/stat")
        fields = stat.read_text("ascii").rpartition(")")[2].split()
        name = thread.name.rpartition("_")[0] or thread.name
        name = "event loop" if thread is threading.main_thread() else name
        spent[name] = spent.get(name, 0.0) + (int(fields[11]) + int(fields[12])) / _TICKS
    return spent


if __name__ == "__main__":
    watch = Watch(Path(os.environ["SAMTAL_PROFILE"]))
    main()
