"""Kills a real server again and again under load, as its provider sees it."""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.provider import Behaviour, Provider
from tests.bench.server import MODEL, Place, free_port, serve
from tests.crash.checker import Counts, check, count
from tests.crash.facts import Facts
from tests.crash.gather import gather, moving
from tests.crash.load import Door, Load, OneDoor, Pace, until_none

_EARLY = 0.15  # of the kills come while the server starts
_LEAST_ALIVE = 1.0  # seconds that a server lives on average once it is ready
_SLOW, _BUSY = 0.02, 0.01


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
        return Behaviour(refuse=429)
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
        doors = OneDoor(Door("127.0.0.1", place.port))
        pace = Pace(rate=plan.rate, senders=plan.senders)
        load = Load(doors, pace, chance, base=place.base)
        killer = Killer(place, plan, chance)
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
