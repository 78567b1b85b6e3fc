"""What goes wrong: faults of every kind, at moments of chance, each written down."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from tests.faults.estate import Estate, Node
from tests.faults.lab import Lab
from tests.faults.plan import Fault, Plan
from tests.faults.provider import MOODS, Moody
from tests.servers import Failed

_AT_ONCE = 3  # faults at a time
_SKEWED = 0.5  # of the restarts of ours come with another clock
_SKEW = 5.0  # seconds that a clock is wrong at most
_LOSS = 0.3  # of the packets of a bad link
_LEFT_TO_START = 0.8  # of those that are killed; the others may be hit again while they start
_DISK = 6.0  # seconds that a disk is full at most
_SLEEP = 100.0  # seconds that an outbox sleeps, longer than its claims hold
_LONG_RUN = 900.0  # seconds from which there is time for such a sleep
_READY = 20.0  # seconds after a restart in which the same part is left alone, if it takes so long
_PROVIDER = "provider"


@dataclass(slots=True)
class Devil:
    """Does so many faults within so many seconds; at most one at a time to one part."""

    plan: Plan
    estate: Estate
    lab: Lab
    provider: Moody
    chance: random.Random
    done: list[Fault] = field(default_factory=list)

    async def run(self) -> None:
        """Do them all; everything is mended in the end."""
        moments = sorted(self.chance.uniform(0, self.plan.seconds) for _ in range(self.plan.faults))
        kinds = self._kinds()
        room = asyncio.Semaphore(_AT_ONCE)
        start = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for moment in moments:
                await room.acquire()
                await asyncio.sleep(max(start + moment - time.monotonic(), 0))
                kind, target = await self._next(kinds)
                group.create_task(self._do(kind, target, room))

    def _kinds(self) -> Iterator[tuple[str, str]]:
        """Every kind on every target in turn, shuffled anew each time."""
        nodes = [node.name for node in self.estate.nodes]
        parts = ["mongod", "nats", *nodes]
        pairs = [("kill", name) for name in parts] + [("stop", name) for name in parts]
        pairs += [(mood, _PROVIDER) for mood in MOODS]
        if self.plan.seconds >= _LONG_RUN:
            pairs += [("sleep", name) for name in nodes if name.startswith("outbox")]
        if self.lab.can_cut:
            pairs += [("cut", name) for name in parts]
            pairs += [(self.chance.choice(["unplug", "lossy"]), name) for name in parts]
            pairs += [("full disk", name) for name in self.estate.disks]
        while True:
            yield from self.chance.sample(pairs, len(pairs))

    async def _next(self, kinds: Iterator[tuple[str, str]]) -> tuple[str, str]:
        """The next whose target has no fault now."""
        for kind, target in kinds:
            if target not in self.estate.hurt:
                self.estate.hurt.add(target)
                return kind, target
            await asyncio.sleep(0)
        raise RuntimeError("there are always more")

    async def _do(self, kind: str, target: str, room: asyncio.Semaphore) -> None:
        began = time.monotonic()
        deeds: dict[str, Callable[[str], Awaitable[str]]] = {
            "kill": self._kill,
            "stop": self._stop,
            "sleep": self._sleep,
            "cut": self._cut,
            "unplug": self._unplug,
            "lossy": self._lossy,
            "full disk": self._full_disk,
        }
        try:
            if target == _PROVIDER:
                note = await self._mood(kind)
            else:
                note = await deeds[kind](target)
            ended = time.monotonic()
            self.done.append(Fault(kind=kind, target=target, began=began, ended=ended, note=note))
            if kind == "kill" and self.chance.random() < _LEFT_TO_START:
                await self._ready(target)
        finally:
            self.estate.hurt.discard(target)
            room.release()

    # --- deeds -------------------------------------------------------------------------------

    async def _kill(self, name: str) -> str:
        self.estate.kill(name)
        note = ""
        if self.chance.random() < 0.5:
            await asyncio.sleep(self.chance.uniform(0.2, min(4.0, self.plan.longest)))
        part = self.estate.parts[name]
        if isinstance(part, Node) and self.chance.random() < _SKEWED:
            part.skew = self.chance.uniform(-_SKEW, _SKEW)
            note = f"clock {part.skew:+.1f} s"
        self.estate.start_again(name)
        return note

    async def _ready(self, name: str) -> None:
        # One that ends as it starts, since what it needs is away, is started again by the estate.
        with suppress(TimeoutError, RuntimeError, Failed):
            async with asyncio.timeout(_READY):
                await self.estate.parts[name].ready()

    async def _stop(self, name: str) -> str:
        self.estate.parts[name].signal(signal.SIGSTOP)
        await self._while()
        self.estate.parts[name].signal(signal.SIGCONT)
        return ""

    async def _sleep(self, name: str) -> str:
        self.estate.parts[name].signal(signal.SIGSTOP)
        await asyncio.sleep(_SLEEP)
        self.estate.parts[name].signal(signal.SIGCONT)
        return ""

    async def _cut(self, name: str) -> str:
        self.lab.cut(name)
        await self._while()
        self.lab.mend(name)
        return ""

    async def _unplug(self, name: str) -> str:
        self.lab.unplug(name)
        await self._while()
        self.lab.mend(name)
        return ""

    async def _lossy(self, name: str) -> str:
        self.lab.cut(name, share=_LOSS)
        await self._while()
        self.lab.mend(name)
        return ""

    async def _full_disk(self, name: str) -> str:
        """Full for some seconds; an edge's is written to while the database is out of its reach."""
        disk = self.estate.disks[name]
        if name.startswith("edge"):
            self.lab.cut("mongod")
        disk.fill()
        await self._while(most=_DISK)
        disk.empty()
        if name.startswith("edge"):
            self.lab.mend("mongod")
        return ""

    async def _mood(self, mood: str) -> str:
        self.provider.mood = mood
        await self._while()
        self.provider.mood = ""
        return ""

    async def _while(self, *, most: float | None = None) -> None:
        most = min(most or self.plan.longest, self.plan.longest)
        await asyncio.sleep(self.chance.uniform(min(1.0, most), most))
