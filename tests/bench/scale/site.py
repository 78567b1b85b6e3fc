"""One installation of real processes: started, loaded, measured by process, and checked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from typing_extensions import override

from bot.model.channel import Address
from bot.model.ids import ThreadId
from bot.ports import Store
from bot.stores.mongo import MongoStore
from tests.bench import twilio
from tests.bench.checking import NoResult, refuse, wrong_with
from tests.bench.load import Order
from tests.bench.playing import Played, carry_out, read_posted
from tests.bench.provider import Call, Provider
from tests.bench.scale.figures import Look
from tests.bench.scale.servers import Servers
from tests.crash.facts import Facts, Posted
from tests.crash.gather import Reader, opened
from tests.roles.installation import SQLITE, Installation, Node

Driver = Literal["motor", "pymongo"]

WEBCHAT = "site"
_SHARED = """\
secret = "a secret that all processes of the bench share"
[store]
engine = "mongo"
url = "{mongo}"
database = "{name}"
driver = "{driver}"
[bus]
engine = "nats"
servers = ["{nats}"]
name = "{name}"
[spool]
path = "{{folder}}/{{node}}-spool.db"
"""
_LIMITS = """\
address_rate = { per_second = 1000000, burst = 1000000 }
account_rate = { per_second = 1000000, burst = 1000000 }
socket_rate = { per_second = 1000000, burst = 1000000 }
connect_rate = { per_second = 1000000, burst = 1000000 }
sockets_per_client = 1000000
"""
_CHAT = f"[channels.webchat.{WEBCHAT}]"
_AFTER = 0.4  # seconds for receipts that come after the last answer
_SETTLED = 15.0  # seconds in which all of them must have come
_ALL = 1_000_000
FAR = datetime(9000, 1, 1, tzinfo=UTC)


@dataclass(kw_only=True)
class Site(Installation):
    """Processes that share one store and one bus, and the load they get."""

    name: str
    played: Played
    servers: Servers | None = None

    @property
    def record(self) -> Path:
        """Where the load generator writes what it posted."""
        return self.folder / "posted.jsonl"

    @property
    def database(self) -> Path:
        """The file of an installation on SQLite."""
        return self.folder / "samtal.db"

    @override
    def configure(self, node: Node, **settings: str) -> None:
        super().configure(node, **{"edge": _LIMITS, "more": _CHAT, **settings})
        text = node.config.read_text("utf-8").replace("{node}", node.config.stem)
        node.config.write_text(text, "utf-8")

    async def begin(self) -> None:
        """Start all processes; returns when they are ready."""
        await self.start(*self.nodes)

    async def end(self) -> None:
        """Stop all processes; raises NoResult for one that does not end well."""
        codes = await asyncio.gather(*(node.stop() for node in self.nodes))
        for node, code in zip(self.nodes, codes, strict=True):
            if code:
                raise NoResult(f"{node.config.stem} of {self.name} ended with {code}: {node.log}")

    def kill(self) -> None:
        """End what still runs."""
        for node in self.nodes:
            if node.process is not None and node.process.running:
                node.process.kill()

    # --- measuring ---------------------------------------------------------------------------

    def labels(self) -> dict[str, Node]:
        """The processes by their role, numbered where there are several of one."""
        found: dict[str, Node] = {}
        for node in self.nodes:
            same = [one for one in self.nodes if one.role == node.role]
            number = f" {same.index(node) + 1}" if len(same) > 1 else ""
            found[node.role + number] = node
        return found

    def cpu(self) -> dict[str, float]:
        """CPU seconds until now by process, the servers' too."""
        ours = {label: node.running.cpu() for label, node in self.labels().items()}
        return ours | (self.servers.cpu() if self.servers else {})

    def rss(self) -> dict[str, float]:
        """Resident memory by process, MB."""
        ours = {label: node.running.rss() for label, node in self.labels().items()}
        return ours | (self.servers.rss() if self.servers else {})

    async def idle(self, seconds: float) -> dict[str, float]:
        """CPU-ms a second of each process that has nothing to do."""
        before = self.cpu()
        await asyncio.sleep(seconds)
        return {name: (now - before[name]) * 1000 / seconds for name, now in self.cpu().items()}

    async def look(self, order: Order) -> Look:
        """Carry out an order and see what it cost; raises NoResult."""
        before = self.cpu()
        took = await carry_out(order)
        await asyncio.sleep(_AFTER)
        after = self.cpu()
        if took.unanswered or took.refused or not took.messages:
            raise NoResult(
                f"{self.name}: {took.messages} messages, {took.unanswered} unanswered, "
                f"{took.refused} refused"
            )
        each = 1000 / took.messages
        return Look(
            messages=took.messages,
            rate=took.rate,
            cpu={name: (spent - before[name]) * each for name, spent in after.items()},
            rss=self.rss(),
            webhook=took.webhook,
            answer=took.answer,
        )

    def order(self, *, in_flight: int = 64, seconds: float, first: int, senders: int) -> Order:
        """So many customers at a time, of so many from a number on."""
        return Order(
            port=self.nodes[0].port,
            stream=self.played.stream,
            in_flight=in_flight,
            seconds=seconds,
            first=first,
            senders=senders,
            record=str(self.record),
        )

    # --- checking ----------------------------------------------------------------------------

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        """What the processes left, or share."""
        if self.servers is None:
            async with opened(self.database) as (_, store):
                yield store
            return
        shared = await MongoStore.open(self.servers.mongod.url, database=self.name)
        try:
            yield shared
        finally:
            await shared.close()

    def posted(self) -> list[Posted]:
        """What the load generator posted."""
        return read_posted(self.record) if self.record.exists() else []

    async def facts(self, posted: Sequence[Posted]) -> Facts:
        """What became of messages, in the threads of those who wrote them; without any calls."""
        async with self.store() as store:
            reader = Reader(store)
            for sender in sorted({one.sender for one in posted}):
                await reader.read(home_of(sender))
            waiting = await store.unprocessed(before=FAR, limit=_ALL)
            return await reader.facts(posted=posted, calls=(), waiting=len(waiting))


def home_of(sender: str) -> ThreadId:
    """The thread of a phone, or of a visitor of the web chat."""
    if sender.startswith("+"):
        return phone(sender).home_thread
    return visitor(sender).home_thread


def phone(number: str) -> Address:
    """Where a phone is reached."""
    return Address(channel="twilio_sms", account=twilio.ACCOUNT, user=number)


def visitor(name: str) -> Address:
    """Where a visitor of the web chat is reached."""
    return Address(channel="webchat", account=WEBCHAT, user=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sites:
    """Makes installations in a folder, all with the same provider."""

    folder: Path
    played: Played
    model: Path
    servers: Servers

    def on_sqlite(self, name: str) -> Site:
        """One process on one file."""
        return self._site(name, SQLITE, None, ("all",))

    def on_servers(self, name: str, *roles: str, driver: Driver = "motor") -> Site:
        """Processes of these roles, the one that is to be loaded first."""
        engines = _SHARED.format(
            mongo=self.servers.mongod.url, nats=self.servers.nats.url, name=name, driver=driver
        )
        return self._site(name, engines, self.servers, roles)

    def _site(self, name: str, engines: str, servers: Servers | None, roles: Sequence[str]) -> Site:
        folder = self.folder / name
        folder.mkdir()
        site = Site(
            folder=folder,
            provider=Provider(),  # never started: the provider is a process of its own
            provider_port=self.played.port,
            engines=engines,
            name=name,
            played=self.played,
            servers=servers,
        )
        for role in roles:
            site.node(role, model=str(self.model))
        return site


@asynccontextmanager
async def running(*sites: Site) -> AsyncIterator[None]:
    """Installations at work, one started after the other; in the end all have ended well."""
    try:
        for site in sites:
            await site.begin()
        yield
        for site in sites:
            await site.end()
    finally:
        for site in sites:
            site.kill()


async def right(sites: Sequence[Site], played: Played) -> int:
    """Check what became of everything that was posted and taken; raises NoResult.

    Of all installations together, as they share the provider. Returns how many messages were shown.
    """
    each = [await site.facts(site.posted()) for site in sites]
    facts = merged(each, await played.calls())
    refuse(wrong_with(facts, receipts=(await played.counts())[1]))
    return len(facts.shown)


def merged(each: Sequence[Facts], calls: Sequence[Call]) -> Facts:
    """The facts of several installations as those of one, with what the provider took."""
    return Facts(
        posted=tuple(one for facts in each for one in facts.posted),
        shown=tuple(one for facts in each for one in facts.shown),
        answered=tuple(one for facts in each for one in facts.answered),
        calls=tuple(calls),
        waiting=sum(facts.waiting for facts in each),
        dead=tuple(one for facts in each for one in facts.dead),
        differing=tuple(one for facts in each for one in facts.differing),
        turned=tuple(one for facts in each for one in facts.turned),
    )


async def settled(played: Played) -> int:
    """How many receipts were accepted, once no more come; raises NoResult."""
    limit = time.monotonic() + _SETTLED
    while time.monotonic() < limit:
        before = await played.counts()
        await asyncio.sleep(_AFTER)
        if before == await played.counts():
            return before[1]
    raise NoResult(f"receipts keep coming: {await played.counts()} messages and receipts")
