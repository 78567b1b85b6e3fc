"""Kills a real server again and again under load, as its provider sees it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench import twilio
from tests.bench.client import Client
from tests.bench.provider import Behaviour, Provider
from tests.bench.server import MODEL, Place, free_port, serve
from tests.crash.checker import Counts, check, count
from tests.crash.facts import Facts, Posted
from tests.crash.gather import gather, moving

# Each is a question that the shop's content answers by itself, with a number to tell it by.
_QUESTIONS = (
    "när har ni öppet? {}",
    "vad kostar frakten? {}",
    "hur lång är leveranstiden? {}",
    "vilka betalsätt har ni? {}",
    "var ligger butiken? {}",
)
_AT_ONCE = 64  # webhooks under way at a time, retries included
_MOST_OPEN = 1000  # messages without a 2xx: a machine that is too slow must not pile up more
_REPEATED = 0.05  # of the accepted messages come once more
_EARLY = 0.15  # of the kills come while the server starts
_LEAST_ALIVE = 1.0  # seconds that a server lives on average once it is ready
_SLOW, _BUSY = 0.02, 0.01
_STUCK = 30.0  # seconds without any progress at the end


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How hard to try."""

    kills: int = 20
    rate: float = 200.0
    seconds: float = 60.0
    senders: int = 400
    seed: int = 0
    model: Path = MODEL


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of it."""

    facts: Facts
    counts: Counts
    problems: tuple[str, ...]
    starts: tuple[float, ...]
    retries: int
    repeats: int
    busy: int
    exit_code: int


@dataclass(slots=True)
class Tally:
    """What the load met."""

    retries: int = 0
    repeats: int = 0
    statuses: Counter[int] = field(default_factory=Counter)


class Load:
    """Posts numbered messages of many senders at a steady rate, and each until it is accepted.

    Every other sender waits for the 2xx before the next message; the others do not.
    """

    def __init__(self, place: Place, plan: Plan, chance: random.Random) -> None:
        self.posted: list[Posted] = []
        self.tally = Tally()
        self._place = place
        self._plan = plan
        self._chance = chance
        self._client = Client("127.0.0.1", place.port)
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._open = asyncio.Semaphore(_MOST_OPEN)
        self._turns: dict[str, asyncio.Lock] = {}
        self._counts: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, enough: asyncio.Event) -> None:
        """Post by the clock until told that it is enough."""
        meant = time.monotonic()
        for number in itertools.count():
            meant = max(meant + 1 / self._plan.rate, time.monotonic() - 1)
            await asyncio.sleep(max(meant - time.monotonic(), 0))
            await self._open.acquire()
            if enough.is_set():
                return
            self._start(self._message(number % self._plan.senders, number))

    async def finish(self) -> None:
        """Return when everything was accepted and repeated."""
        await until_none(self._under_way)
        self._client.close()

    async def _under_way(self) -> int:
        return len(self._tasks)

    def stop(self) -> None:
        """Drop what is under way."""
        for task in self._tasks:
            task.cancel()

    async def _message(self, sender: int, number: int) -> None:
        phone = f"+4670{sender:07d}"
        self._counts[phone] += 1
        text = _QUESTIONS[number % len(_QUESTIONS)].format(self._counts[phone])
        waits = sender % 2 == 0
        async with self._turns.setdefault(phone, asyncio.Lock()) if waits else _no_lock():
            one = Posted(f"SM{number:032x}", phone, text, time.monotonic())
            self.posted.append(one)
            await self._post(one)
            one.accepted_at = time.monotonic()
            self._open.release()
        if self._chance.random() < _REPEATED:
            self.tally.repeats += 1
            self._start(self._again(one))

    async def _again(self, one: Posted) -> None:
        await asyncio.sleep(self._chance.uniform(0, 3))
        await self._post(one)

    async def _post(self, one: Posted) -> None:
        """Post until there is a 2xx, as a provider does."""
        request = twilio.message(self._place.base, sid=one.sid, sender=one.sender, text=one.text)
        while True:
            async with self._room:
                status = await self._try(request)
                self.tally.statuses[status] += 1
                if 200 <= status < 300:
                    return
                self.tally.retries += 1
                # Within the room: a storm of tries would keep the server from starting.
                await asyncio.sleep(self._chance.uniform(0.2, 0.8))

    async def _try(self, request: twilio.Signed) -> int:
        """The status, 0 for none."""
        try:
            async with asyncio.timeout(10):
                return (await self._client.post(request)).status
        except (OSError, TimeoutError):
            return 0

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class Killer:
    """Keeps a server running, kills it at moments of chance and starts it again at once."""

    def __init__(self, place: Place, plan: Plan, chance: random.Random) -> None:
        self.starts: list[float] = []
        self._place = place
        self._plan = plan
        self._chance = chance
        self.process = serve(place)

    async def run(self) -> None:
        """Kill as often as planned; the server runs in the end."""
        started = time.monotonic()
        await self._until_ready()
        for left in range(self._plan.kills, 0, -1):
            ahead = self._plan.seconds - (time.monotonic() - started)
            alive = max(ahead / left - statistics.median(self.starts), _LEAST_ALIVE)
            await asyncio.sleep(self._chance.uniform(0.1, 2 * alive))
            await self._kill()
            if self._chance.random() >= _EARLY:
                await self._until_ready()
        await self._until_ready()
        await asyncio.sleep(max(self._plan.seconds - (time.monotonic() - started), 0.0))

    async def _kill(self) -> None:
        await asyncio.to_thread(self.process.kill)
        self.process = serve(self._place)

    async def _until_ready(self) -> None:
        self.starts.append(await self.process.ready(self._place.port))


def behave(chance: random.Random) -> Behaviour:
    """A provider as they are: mostly quick, sometimes slow, now and then too busy."""
    drawn = chance.random()
    if drawn < _BUSY:
        return Behaviour(busy=True)
    if drawn < _BUSY + _SLOW:
        return Behaviour(delay=chance.uniform(0.5, 1.5))
    return Behaviour(delay=chance.uniform(0.0, 0.03))


async def run(plan: Plan) -> Result:
    """Do it, and check what is left."""
    with tempfile.TemporaryDirectory(prefix="samtal-crash-") as folder:
        chance = random.Random(plan.seed)
        provider = Provider(lambda: behave(chance))
        place = Place(
            folder=Path(folder),
            port=free_port(),
            provider=await provider.start(),
            model=plan.model,
        )
        load, killer = Load(place, plan, chance), Killer(place, plan, chance)
        try:
            code = await _ordeal(load, killer, place)
        except BaseException:
            load.stop()
            killer.process.kill()
            raise
        finally:
            await provider.close()
        facts = await gather(place.database, posted=load.posted, calls=provider.calls)
        return _result(facts, load, killer, provider=provider, exit_code=code)


async def _ordeal(load: Load, killer: Killer, place: Place) -> int:
    """The load, the kills and the quiet after them; returns the server's exit code."""
    enough = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        posting = group.create_task(load.run(enough))
        await killer.run()
        enough.set()
        await posting
    await load.finish()
    await until_none(lambda: moving(place.database))
    return await killer.process.stop()


async def until_none(look: Callable[[], Awaitable[int]]) -> None:
    """Return when nothing is left, or nothing moves any more: the check tells what that was."""
    left, since = await look(), time.monotonic()
    while left and time.monotonic() - since < _STUCK:
        await asyncio.sleep(0.2)
        now = await look()
        if now != left:
            left, since = now, time.monotonic()


def _result(
    facts: Facts, load: Load, killer: Killer, *, provider: Provider, exit_code: int
) -> Result:
    problems = check(facts)
    strange = {s: n for s, n in load.tally.statuses.items() if s not in {0, 200, 503}}
    if strange:
        problems.append(f"webhooks were answered with {strange}")
    if exit_code != 0:
        problems.append(f"the server ended with {exit_code} when it was told to stop")
    return Result(
        facts=facts,
        counts=count(facts),
        problems=tuple(problems),
        starts=tuple(killer.starts),
        retries=load.tally.retries,
        repeats=load.tally.repeats,
        busy=provider.refused,
        exit_code=exit_code,
    )


def _no_lock() -> contextlib.AbstractAsyncContextManager[None]:
    return contextlib.nullcontext()
