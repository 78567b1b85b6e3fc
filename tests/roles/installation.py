"""A small installation of real processes: its configuration, its roles, and their ends."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.bench import twilio
from tests.bench.client import Client
from tests.bench.provider import Provider
from tests.bench.server import MODEL, ROOT, Process
from tests.servers import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

QUESTION = "när har ni öppet? {}"
ANSWER = "Öppet vardagar"
SQLITE = """\
[store]
path = "{folder}/samtal.db"
"""
DISTRIBUTED = """\
secret = "a secret that all processes share"
[store]
engine = "mongo"
url = "{mongo}"
database = "{name}"
start_patience = "PT2S"
[bus]
engine = "nats"
servers = ["{nats}"]
name = "{name}"
partitions = 4
[spool]
path = "{folder}/spool.db"
"""
_REST = """\
[nlu]
model = "{model}"
{nlu}
[content]
folder = "{content}"
forms = "{root}/config/forms"
[edge]
host = "127.0.0.1"
port = {port}
public_base_url = "{public}"
cookie_secure = false
{edge}
[hub]
{hub}
[log]
level = "{level}"
[channels.twilio_sms.{account}]
account_sid = "{sid}"
auth_token = "{token}"
number = "{number}"
api_base = "http://127.0.0.1:{provider}"
{more}
"""


@dataclass(kw_only=True)
class Node:
    """One process and where it is probed."""

    role: str
    port: int
    config: Path
    log: Path
    process: Process | None = None

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def running(self) -> Process:
        assert self.process is not None, f"{self.role} was not started"
        return self.process

    def start(self) -> None:
        """Start it, or start it again at the same port."""
        command = [sys.executable, "-m", "bot", "serve", "--config", str(self.config)]
        self.process = Process([*command, "--role", self.role], log=self.log)

    async def ready(self) -> None:
        await self.running.ready(self.port, patience=90)

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        return await self.running.stop(patience=25)

    async def ended(self) -> int:
        """Wait until it ends by itself; the exit code."""
        await until(lambda: not self.running.running, 60)
        return await self.stop()

    async def get(self, path: str) -> tuple[int, str]:
        """The status and the body."""
        client = Client("127.0.0.1", self.port)
        try:
            answer = await client.get(path)
            return answer.status, answer.body.decode()
        finally:
            client.close()

    async def probe(self) -> tuple[int, dict[str, Any]]:
        status, body = await self.get("/readyz")
        return status, json.loads(body)

    async def figure(self, name: str) -> float:
        """One figure of `/metrics`, by its name with labels."""
        _, body = await self.get("/metrics")
        found = [line for line in body.splitlines() if line.startswith(f"{name} ")]
        assert len(found) == 1, f"{name} is {len(found)} times in the metrics"
        return float(found[0].rpartition(" ")[2])

    def lines(self) -> list[dict[str, Any]]:
        """What it logged, line by line."""
        text = self.log.read_text("utf-8")
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def events(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.lines() if line["event"] == event]


@dataclass(kw_only=True)
class Installation:
    """Processes that share engines, and the provider they talk to."""

    folder: Path
    provider: Provider
    provider_port: int
    engines: str
    public: str | None = None
    nodes: list[Node] = field(default_factory=list)

    def node(self, role: str, **settings: str) -> Node:
        """One more process of a role; `nlu`, `edge`, `hub` and `more` are TOML lines."""
        name = f"{role}{len(self.nodes) + 1}"
        port = free_port()
        node = Node(
            role=role,
            port=port,
            config=self.folder / f"{name}.toml",
            log=self.folder / f"{name}.log",
        )
        if self.public is None:
            self.public = node.base
        self.configure(node, **settings)
        self.nodes.append(node)
        return node

    def configure(self, node: Node, **settings: str) -> None:
        """Write a process's configuration, anew perhaps."""
        rest = {
            "model": str(MODEL),
            "root": str(ROOT),
            "content": f"{ROOT}/config/content",
            "port": str(node.port),
            "public": str(self.public),
            "account": twilio.ACCOUNT,
            "sid": twilio.ACCOUNT_SID,
            "token": twilio.TOKEN,
            "number": twilio.NUMBER,
            "provider": str(self.provider_port),
            "level": "info",
            **dict.fromkeys(("nlu", "edge", "hub", "more"), ""),
            **settings,
        }
        text = self.engines.replace("{folder}", str(self.folder)) + _REST.format(**rest)
        node.config.write_text(text, "utf-8")

    async def start(self, *nodes: Node) -> None:
        """Start these, and wait until they are ready."""
        for node in nodes:
            node.start()
        await asyncio.gather(*(node.ready() for node in nodes))

    async def post(self, node: Node, *, sid: str, sender: str, text: str) -> int:
        """What a process answers to one webhook; 0 when it does not."""
        client = Client("127.0.0.1", node.port)
        request = twilio.message(str(self.public), sid=sid, sender=sender, text=text)
        try:
            async with asyncio.timeout(10):
                return (await client.post(request)).status
        except (OSError, TimeoutError):
            return 0
        finally:
            client.close()

    def shown(self, sender: str) -> list[str]:
        """What the provider was given for a phone, in order."""
        return [call.body for call in self.provider.calls if call.to == sender]


@asynccontextmanager
async def installation(folder: Path, engines: str) -> AsyncIterator[Installation]:
    """An installation; whatever still runs at the end is killed."""
    provider = Provider()
    port = await provider.start()
    place = Installation(folder=folder, provider=provider, provider_port=port, engines=engines)
    try:
        yield place
    finally:
        for node in place.nodes:
            if node.process is not None and node.process.running:
                node.process.kill()
        await provider.close()


def distributed(*, mongo: str, nats: str, name: str) -> str:
    """The engines' part of the configuration, `{folder}` left open."""
    return DISTRIBUTED.format(mongo=mongo, nats=nats, name=name, folder="{folder}")


async def until(look: Callable[[], Awaitable[bool]] | Callable[[], bool], seconds: float) -> None:
    """Return when it is so; raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while True:
            found = look()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.05)
