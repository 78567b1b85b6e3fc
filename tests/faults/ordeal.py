"""One run: start the installation, load it, hurt it, let it rest, and look at what is left."""

from __future__ import annotations

import asyncio
import random
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from bot.edge.auth import token_hash
from bot.errors import SamtalError
from bot.model.people import ApiToken, Role
from bot.stores.mongo import MongoStore
from tests.crash.facts import Facts, Posted
from tests.crash.gather import Reader
from tests.crash.load import Load, Pace, until_none
from tests.faults.agents import NAMES, Desk
from tests.faults.browsers import Browser, View
from tests.faults.checker import History, lines_of, problems
from tests.faults.devil import Devil
from tests.faults.doors import Balancer, EdgeDoor
from tests.faults.estate import PUBLIC, Estate
from tests.faults.lab import Lab, Loopback, Namespaces, clear_away, folder_name, why_not
from tests.faults.plan import Fault, Plan
from tests.faults.provider import Moody

_ALL = 1_000_000
_UNSETTLED = {"status": {"$lt": 2}}  # queued or being sent: bot/stores/mongo/schema.py
_FAR = datetime(9000, 1, 1, tzinfo=UTC)
# Longer than a claim takes to lapse, and than the last wait of a send that is refused each time.
_STUCK = 400.0
_VIEW = 60.0  # seconds that a page gets to show what is there
_TELL_EVERY = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a run."""

    history: History
    problems: tuple[str, ...]
    faults: tuple[Fault, ...]
    ended: dict[str, int]
    statuses: dict[int, int]
    retries: int
    repeats: int
    moves: int
    refused: int
    calm_seconds: float
    took_seconds: float
    logged: dict[str, int]
    can_cut: bool


@dataclass(slots=True, kw_only=True)
class _Actors:
    """Everybody who takes part."""

    load: Load
    desk: Desk
    browsers: list[Browser]
    devil: Devil
    provider: Moody
    balancer: Balancer
    estate: Estate
    store: MongoStore
    client: AsyncMongoClient[Mapping[str, object]]


async def run(plan: Plan) -> Outcome:
    """Do it, and check what is left."""
    began = time.monotonic()
    async with _installation(plan) as actors:
        estate = actors.estate
        watching = asyncio.create_task(estate.watch())
        telling = asyncio.create_task(_tell(actors, plan))
        try:
            _say(f"all parts serve after {time.monotonic() - began:.0f} s")
            await _ordeal(actors)
            rested = time.monotonic()
            await _rest(actors)
            calm = time.monotonic() - rested
            _say(f"at rest after {calm:.0f} s")
            facts = await _facts(actors)
            views = await _views(actors, facts)
        finally:
            telling.cancel()
            watching.cancel()
        codes = await estate.stop()
        _say("all ended")
        history = History(
            facts=facts,
            acts=tuple(actors.desk.acts),
            views=views,
            delivered=frozenset(actors.provider.delivered),
        )
        return Outcome(
            history=history,
            problems=(*problems(history), *_strange(actors, codes)),
            faults=tuple(actors.devil.done),
            ended=dict(estate.ended),
            statuses=dict(actors.load.tally.statuses),
            retries=actors.load.tally.retries,
            repeats=actors.load.tally.repeats,
            moves=actors.balancer.moves,
            refused=actors.provider.refused,
            calm_seconds=calm,
            took_seconds=time.monotonic() - began,
            logged=dict(_logged(estate)),
            can_cut=actors.devil.lab.can_cut,
        )


@asynccontextmanager
async def _installation(plan: Plan) -> AsyncIterator[_Actors]:
    """Everything started; taken away in the end, whatever happens."""
    chance = random.Random(plan.seed)
    clear_away()
    lab = _lab()
    provider = Moody(random.Random(plan.seed + 1))
    with tempfile.TemporaryDirectory(
        prefix=folder_name(), dir=plan.folder, ignore_cleanup_errors=True
    ) as folder:
        try:
            estate = Estate(plan, lab, Path(folder), chance)
        except BaseException:
            lab.close()
            raise
        try:
            port = await provider.start(host=lab.outside)
            took = await estate.start(plan, provider=f"{lab.outside}:{port}")
            _say("ready: " + ", ".join(f"{name} {seconds:.0f} s" for name, seconds in took.items()))
            store = await MongoStore.open(estate.mongod.url)
            client: AsyncMongoClient[Mapping[str, object]] = AsyncMongoClient(estate.mongod.url)
            doors = [EdgeDoor(node) for node in estate.edges]
            provider.report_to([*doors])
            balancer = Balancer(doors, store)
            pace = Pace(rate=plan.messages / plan.seconds, senders=plan.senders, most=plan.messages)
            yield _Actors(
                load=Load(balancer, pace, random.Random(plan.seed + 2), base=PUBLIC),
                desk=Desk(estate.edges, await _tokens(store), random.Random(plan.seed + 3)),
                browsers=[
                    Browser(number, estate.edges, balancer, random.Random(plan.seed + 10 + number))
                    for number in range(plan.visitors)
                ],
                devil=Devil(plan, estate, lab, provider, chance),
                provider=provider,
                balancer=balancer,
                estate=estate,
                store=store,
                client=client,
            )
            await client.close()
            await store.close()
        finally:
            estate.close(logs=plan.logs)
            lab.close()
            await provider.close()


def _lab() -> Lab:
    reason = why_not()
    if reason is None:
        return Namespaces()
    _say(f"on the loopback, without cuts and full disks: {reason}")
    return Loopback()


async def _tokens(store: MongoStore) -> dict[str, str]:
    tokens = {name: secrets.token_urlsafe(16) for name in NAMES}
    for name, token in tokens.items():
        await store.put_token(ApiToken(token_hash=token_hash(token), name=name, role=Role.AGENT))
    return tokens


async def _ordeal(actors: _Actors) -> None:
    """The load and the faults; the load goes on until both have had their fill."""
    enough = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(actors.desk.run(enough))
        for browser in actors.browsers:
            group.create_task(browser.run(enough))
        loading = group.create_task(actors.load.run(asyncio.Event()))
        await actors.devil.run()
        await loading
        enough.set()


async def _rest(actors: _Actors) -> None:
    """Everything works again: wait until nothing is left to do."""
    await actors.estate.all_ready()
    await actors.load.finish()
    await until_none(lambda: _left(actors), stuck=_STUCK)


async def _left(actors: _Actors) -> int:
    """Events and sends that are not final, and reports that were not accepted."""
    try:
        events = await actors.store.unprocessed(before=_FAR, limit=_ALL)
        sends = await actors.client.samtal.sends.count_documents(_UNSETTLED)
    except (SamtalError, PyMongoError):
        return -1
    return len(events) + sends + actors.provider.unreported


async def _facts(actors: _Actors) -> Facts:
    reader = Reader(actors.store)
    await reader.read_all()
    posted: list[Posted] = list(actors.load.posted)
    for browser in actors.browsers:
        posted += browser.posted
    waiting = await actors.store.unprocessed(before=_FAR, limit=_ALL)
    return await reader.facts(posted=posted, calls=actors.provider.calls, waiting=len(waiting))


async def _views(actors: _Actors, facts: Facts) -> tuple[View, ...]:
    def expected(visitor: str) -> int:
        return len(lines_of(facts, visitor))

    views = (browser.finish(expected, patience=_VIEW) for browser in actors.browsers)
    return tuple(await asyncio.gather(*views))


async def _tell(actors: _Actors, plan: Plan) -> None:
    """Say how far it is, now and then."""
    began = time.monotonic()
    while True:
        await asyncio.sleep(_TELL_EVERY)
        accepted = sum(one.accepted_at is not None for one in actors.load.posted)
        _say(
            f"{time.monotonic() - began:5.0f} s: {len(actors.devil.done)} of {plan.faults} faults, "
            f"{accepted} of {plan.messages} messages accepted, "
            f"{len(actors.provider.calls)} calls taken"
        )


def _say(line: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {line}\n")
    sys.stderr.flush()


def _strange(actors: _Actors, codes: dict[str, int]) -> list[str]:
    """What ended as it should not."""
    wrong = [f"{name} ended with {code} when told to stop" for name, code in codes.items()]
    odd = {s: n for s, n in actors.load.tally.statuses.items() if s not in {0, 200, 502, 503}}
    if odd:
        wrong.append(f"webhooks were answered with {odd}")
    return wrong


def _logged(estate: Estate) -> Counter[str]:
    """How often each event was logged as an error by ours."""
    found: Counter[str] = Counter()
    for node in estate.nodes:
        for line in node.log.read_text("utf-8", "replace").splitlines():
            if '"level": "error"' in line:
                found[line.partition('"event": "')[2].partition('"')[0]] += 1
            elif line.startswith("Traceback"):
                found["traceback"] += 1
    return found
