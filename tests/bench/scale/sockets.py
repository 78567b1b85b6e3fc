"""Thousands of web chat sockets over two edges: what each holds, and how fast they are told."""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime

from pydantic import JsonValue

from bot.buses.nats import NatsConnection, NatsFanout
from bot.edge.auth import token_hash
from bot.edge.fanout import FanoutEmitter
from bot.model.ids import EntryId
from bot.model.people import ApiToken, Role
from tests.bench.checking import NoResult, refuse, wrong_with
from tests.bench.client import Client
from tests.bench.load import QUESTIONS, percentiles
from tests.bench.scale.figures import Fans, Report, Sockets
from tests.bench.scale.plan import Plan
from tests.bench.scale.site import WEBCHAT, Site, Sites, home_of, merged, running, visitor
from tests.bench.scale.visitors import Here, Told, Visitors, Wrote, visitors
from tests.bench.twilio import Signed
from tests.crash.facts import Posted
from tests.roles.installation import until

BOT = "a question answered: written -> on the page"
AGENT = "an agent's reply at the other edge: asked -> on the page"
DECIDED = "the same: turn of the worker -> on the page"
CLAIMED = "the same: taken up by the outbox -> on the page"
BURST = "told at once: fan-out -> on the page"
PACED = "told one after the other: fan-out -> on the page"

_WARM = 40
_SETTLE = 2.0
_LATE = 30.0  # seconds after which what has not come counts as lost
_TWICE = 0.5  # seconds for what comes twice
_QUESTION = QUESTIONS[0]
_NAMESPACE = "/chat"


class Chat:
    """One run of it."""

    def __init__(self, plan: Plan, sites: Sites, report: Report) -> None:
        self._plan = plan
        self._report = report
        self._played = sites.played
        self._site = sites.on_servers("chat", "edge", "edge", "worker", "outbox")
        self._edges = self._site.nodes[:2]
        self._chance = random.Random(plan.sockets)
        self._posted: list[Posted] = []
        self._fans: dict[str, Fans] = {}

    async def run(self) -> None:
        """Measure; raises NoResult."""
        await self._played.behave(receipts=True, forget=True)
        async with running(self._site), visitors() as pages:
            await self._get_warm(pages)
            empty = self._memory()
            seconds, cpu = await self._connect(pages)
            idle = await self._site.idle(self._plan.hold)
            held = self._memory()
            await self._ask_and_reply(pages)
            async with _emitter(self._site) as emitter:
                await self._tell(pages, emitter, BURST, await self._some(pages), pace=0)
                await self._tell(pages, emitter, PACED, await pages.here(), pace=self._plan.pace)
            used = self._memory()
            await self._all_there(await pages.here())
            await pages.leave()
        await self._right()
        count = self._plan.sockets
        self._report.sockets = Sockets(
            sockets=count,
            compressed=self._plan.deflate,
            connect_seconds=seconds,
            connect_cpu=cpu * 1000 / count,
            held_kib=(held - empty) * 1024 / count,
            used_kib=(used - empty) * 1024 / count,
            idle=idle,
            fans=self._fans,
        )

    # --- coming ------------------------------------------------------------------------------

    async def _get_warm(self, pages: Visitors) -> None:
        """What a first socket brings into memory is not what each of them takes."""
        await pages.connect(self._ports, _WARM, account=WEBCHAT, deflate=self._plan.deflate)
        here = await pages.here()
        await self._write(pages, [one.number for one in here], here)
        await pages.leave()
        await until(self._nobody, _LATE)
        await asyncio.sleep(_SETTLE)

    async def _connect(self, pages: Visitors) -> tuple[float, float]:
        """Have all come; returns the seconds and the edges' CPU seconds that took."""
        began, before = time.monotonic(), self._edges_cpu()
        count = self._plan.sockets
        await pages.connect(self._ports, count, account=WEBCHAT, deflate=self._plan.deflate)
        took, cpu = time.monotonic() - began, self._edges_cpu() - before
        await self._all_there(await pages.here())
        await asyncio.sleep(_SETTLE)
        return took, cpu

    async def _all_there(self, here: Sequence[Here]) -> None:
        """Raise NoResult unless all have been connected all the time."""
        refuse([f"visitor {one.number} is not connected: {one.lost}" for one in here if one.lost])
        there = await self._sockets()
        if there != self._plan.sockets or len(here) != self._plan.sockets:
            raise NoResult(f"{self._plan.sockets} sockets were made, the edges know of {there}")

    async def _nobody(self) -> bool:
        return await self._sockets() == 0

    async def _sockets(self) -> float:
        name = f'samtal_sockets{{namespace="{_NAMESPACE}"}}'
        return sum([await edge.figure(name) for edge in self._edges])

    # --- talking -----------------------------------------------------------------------------

    async def _ask_and_reply(self, pages: Visitors) -> None:
        """Visitors of the second edge ask the bot; an agent at the first one writes to them."""
        here = await pages.here()
        chosen = [one for one in here if one.edge == 1][: self._plan.replies]
        began = time.monotonic()
        wrote, told = await self._write(pages, [one.number for one in chosen], here)
        first = {one.visitor: one.first_at for one in wrote}
        times = [one.arrived - first[one.visitor] for one in told]
        self._fans[BOT] = _fans(times, time.monotonic() - began)
        await self._reply(pages, chosen)

    async def _write(
        self, pages: Visitors, numbers: Sequence[int], here: Sequence[Here]
    ) -> tuple[list[Wrote], list[Told]]:
        """Each asks the bot once; returns when all were answered, once."""
        names = {one.number: one.name for one in here}
        wrote = await pages.write(numbers, _QUESTION)
        self._posted += [
            Posted(one.sid, names[one.visitor], one.text, one.first_at, one.accepted_at)
            for one in wrote
        ]
        return wrote, await _each_once(pages, numbers, author="bot")

    async def _reply(self, pages: Visitors, chosen: Sequence[Here]) -> None:
        token = await self._token()
        client, asked = Client("127.0.0.1", self._edges[0].port), dict[int, float]()
        began = time.monotonic()
        for one in chosen:
            asked[one.number] = time.monotonic()
            await _post_reply(client, one, token)
        client.close()
        told = await _each_once(pages, [one.number for one in chosen], author="agent")
        seconds = time.monotonic() - began
        refuse([f"{one.visitor} was shown {one.text!r}" for one in told if one.text != _said(one)])
        self._fans[AGENT] = _fans([one.arrived - asked[one.visitor] for one in told], seconds)
        decided = [one.clock - moment for one, moment in await self._decided(told)]
        self._fans[DECIDED] = _fans(decided, seconds)
        claimed = [one.clock - datetime.fromisoformat(one.at).timestamp() for one in told]
        self._fans[CLAIMED] = _fans(claimed, seconds)

    async def _decided(self, told: Sequence[Told]) -> list[tuple[Told, float]]:
        """What was told, with the moment that the store has for it: just before the commit."""
        found: list[tuple[Told, float]] = []
        async with self._site.store() as store:
            for one in told:
                entry = await store.entry(EntryId(one.id))
                if entry is None:
                    raise NoResult(f"visitor {one.visitor} was told {one.id}, which is not there")
                found.append((one, entry.at.timestamp()))
        return found

    async def _token(self) -> str:
        token = secrets.token_urlsafe(16)
        async with self._site.store() as store:
            hashed = token_hash(token)
            await store.put_token(ApiToken(token_hash=hashed, name="Eva", role=Role.AGENT))
        return token

    # --- telling -----------------------------------------------------------------------------

    async def _some(self, pages: Visitors) -> list[Here]:
        return self._chance.sample(await pages.here(), self._plan.burst)

    async def _tell(
        self,
        pages: Visitors,
        emitter: FanoutEmitter,
        name: str,
        chosen: Sequence[Here],
        *,
        pace: float,
    ) -> None:
        """Emit to each one's room as an outbox does; so many a second, 0: at once."""
        began = time.monotonic()
        for place, one in enumerate(chosen):
            if pace:
                await asyncio.sleep(max(began + place / pace - time.monotonic(), 0))
            data: JsonValue = {
                "id": f"{len(self._fans)}-{one.number}",
                "author": "system",
                "text": _text(one.number),
                "sent": time.monotonic(),
            }
            await emitter.emit(_NAMESPACE, f"visitor:{one.name}", "message", data)
        told = await _each_once(pages, [one.number for one in chosen], author="system")
        seconds = time.monotonic() - began
        times = [one.arrived - one.sent for one in told if one.sent is not None]
        self._fans[name] = _fans(times, seconds)

    # --- checking ----------------------------------------------------------------------------

    async def _right(self) -> None:
        """The store must hold what was written and replied; pages were looked at on the way."""
        facts = await self._site.facts(self._posted)
        replied = sum(one.author == "Eva" for one in facts.answered)
        problems = wrong_with(merged([facts], await self._played.calls()), receipts=0)
        if replied != self._plan.replies:
            problems.append(f"{self._plan.replies} replies were asked for, {replied} are there")
        refuse(problems)
        self._report.checked += len(facts.shown)

    @property
    def _ports(self) -> list[int]:
        return [edge.port for edge in self._edges]

    def _memory(self) -> float:
        """Of both edges, MB."""
        return sum(edge.running.rss() for edge in self._edges)

    def _edges_cpu(self) -> float:
        return sum(edge.running.cpu() for edge in self._edges)


@asynccontextmanager
async def _emitter(site: Site) -> AsyncIterator[FanoutEmitter]:
    """What an outbox emits through."""
    if site.servers is None:
        raise ValueError(f"{site.name} has no fan-out")
    connection = await NatsConnection.open([site.servers.nats.url], name=site.name)
    fanout = NatsFanout(connection, name=site.name)
    try:
        yield FanoutEmitter(fanout)
    finally:
        await fanout.close()
        await connection.close()


async def _post_reply(client: Client, one: Here, token: str) -> None:
    thread = home_of(one.name)
    body = json.dumps({"text": _text(one.number), "client_id": f"reply-{one.number}"}).encode()
    headers = (("Authorization", f"Bearer {token}"), ("Content-Type", "application/json"))
    answer = await client.post(Signed(f"/api/v1/threads/{thread}/reply", headers, body))
    if answer.status != 200:
        said = answer.body.decode("utf-8", "replace")
        raise NoResult(f"the reply to {visitor(one.name).user} got {answer.status}: {said}")


async def _each_once(pages: Visitors, numbers: Sequence[int], *, author: str) -> list[Told]:
    """Wait until each was told one message; raises NoResult for one told none, or two."""

    async def all_told() -> bool:
        return await pages.count() >= len(numbers)

    with suppress(TimeoutError):  # the check below names them
        await until(all_told, _LATE)
    await asyncio.sleep(_TWICE)
    told = await pages.told()
    times = Counter(one.visitor for one in told)
    wrong = [f"visitor {n} was told {times[n]} messages" for n in numbers if times[n] != 1]
    wrong += [f"visitor {n} was told something" for n in times.keys() - set(numbers)]
    wrong += [f"visitor {one.visitor} heard {one.author}" for one in told if one.author != author]
    refuse(wrong)
    return told


def _fans(times: Sequence[float], seconds: float) -> Fans:
    return Fans(messages=len(times), seconds=seconds, times=percentiles(times))


def _text(number: int) -> str:
    return f"Svar till besökare {number}: ditt paket kommer i morgon mellan 9 och 12."


def _said(one: Told) -> str:
    return _text(one.visitor)
