"""What a message costs among a million customers, against among a few."""

from __future__ import annotations

import shutil
from dataclasses import replace

from bot.embedded.database import Database
from bot.stores.mongo import MongoStore
from bot.stores.sqlite import SqliteStore
from tests.bench import twilio
from tests.bench.checking import NoResult
from tests.bench.client import Client
from tests.bench.load import QUESTIONS
from tests.bench.scale.figures import Look, Report, together
from tests.bench.scale.plan import Plan
from tests.bench.scale.seeding import fill_mongo, fill_sqlite, mongo_pattern, sqlite_pattern
from tests.bench.scale.site import FAR, Site, Sites, right, running, settled
from tests.bench.scale.stamping import number_of
from tests.roles.installation import until

MONGO, SQLITE = ENGINES = ("MongoDB+NATS", "SQLite")
FEW, CROWD = SIZES = ("a few", "a crowd")

_PATTERN = 9_999_999  # the customer that all are made of
_APART = 2_000_000  # nobody is a customer of two installations
_STEP = 611_953  # a prime: one after the other, customers far apart
_PATIENCE = 20.0


class Crowd:
    """One run of it."""

    def __init__(self, plan: Plan, sites: Sites, report: Report) -> None:
        self._plan = plan
        self._report = report
        self._played = sites.played
        self._url = sites.servers.mongod.url
        self._sites = {
            (MONGO, FEW): sites.on_servers("few", "all"),
            (MONGO, CROWD): sites.on_servers("crowd", "all"),
            (SQLITE, FEW): sites.on_sqlite("few-file"),
            (SQLITE, CROWD): sites.on_sqlite("crowd-file"),
        }
        sizes = {FEW: plan.few, CROWD: plan.crowd}
        self._customers = {
            key: range(place * _APART, place * _APART + sizes[key[1]])
            for place, key in enumerate(self._sites)
        }

    async def run(self) -> None:
        """Measure; raises NoResult."""
        await self._played.behave(receipts=True, forget=True)
        first = [self._sites[engine, FEW] for engine in ENGINES]
        async with running(*first):
            for site in first:
                await self._converse(site)
        await self._grow_old()
        await self._fill_mongo()
        await self._fill_sqlite()
        await self._played.behave(receipts=True, forget=True)
        async with running(*self._sites.values()):
            await self._in_turn()
            await settled(self._played)
        self._report.checked += await right(list(self._sites.values()), self._played)

    async def _converse(self, site: Site) -> None:
        """One customer asks, is answered, and the answer is reported as delivered."""
        taken, told = await self._played.counts()
        sid, sender = f"SM{_PATTERN:032x}", number_of(_PATTERN)
        text = QUESTIONS[0].format(1)
        client = Client("127.0.0.1", site.nodes[0].port)
        await client.post(twilio.message(site.nodes[0].base, sid=sid, sender=sender, text=text))
        client.close()

        async def reported() -> bool:
            return await self._played.counts() == (taken + 1, told + 1)

        await until(reported, _PATIENCE)

    async def _grow_old(self) -> None:
        """Let both stores forget the raw request, as they do after a month."""
        shared = await MongoStore.open(self._url, database=self._sites[MONGO, FEW].name)
        own = SqliteStore(Database.open(self._sites[SQLITE, FEW].database))
        for store in (shared, own):
            while await store.prune(before=FAR):
                pass
            await store.close()

    async def _fill_mongo(self) -> None:
        pattern = mongo_pattern(self._url, self._sites[MONGO, FEW].name, number_of(_PATTERN))
        for size in SIZES:
            name, customers = self._sites[MONGO, size].name, self._customers[MONGO, size]
            self._report.seeded[f"{MONGO}, {size}"] = await fill_mongo(
                self._url, name, pattern, customers=customers
            )

    async def _fill_sqlite(self) -> None:
        few, crowd = (self._sites[SQLITE, size] for size in SIZES)
        pattern = sqlite_pattern(few.database, number_of(_PATTERN))
        shutil.copy(few.database, crowd.database)  # with the schema, and the one customer
        for size in SIZES:
            path, customers = self._sites[SQLITE, size].database, self._customers[SQLITE, size]
            self._report.seeded[f"{SQLITE}, {size}"] = await fill_sqlite(
                path, pattern, customers=customers
            )

    async def _in_turn(self) -> None:
        found: dict[tuple[str, str], list[Look]] = {key: [] for key in self._sites}
        for turn in range(-1, self._plan.crowd_looks):
            rows = list(self._sites.items())
            for key, site in reversed(rows) if turn % 2 else rows:
                look = await self._look(site, self._customers[key], turn + 1)
                if turn >= 0:  # the first one is to get warm
                    found[key].append(look)
        if any(not looks for looks in found.values()):
            raise NoResult("nothing was looked at")
        self._report.crowd = {", ".join(key): together(looks) for key, looks in found.items()}

    async def _look(self, site: Site, customers: range, turn: int) -> Look:
        seconds, count = self._plan.crowd_look, len(customers)
        order = site.order(seconds=seconds, first=customers[0], senders=count)
        start = turn * count // (self._plan.crowd_looks + 1)
        return await site.look(replace(order, step=_STEP, start=start))
