"""The whole installation: database, broker, edges, workers and outboxes, each on a machine."""

from __future__ import annotations

import asyncio
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import nats
import nats.errors

from tests.bench import twilio
from tests.bench.server import ROOT, Process
from tests.faults.lab import Lab, Loopback, Machine, SmallDisk
from tests.faults.plan import Plan
from tests.servers import Mongod, NatsServer, free_port

PUBLIC = "http://shop.test"  # what signatures cover; nobody listens there
WEBCHAT = "site"
_PORT = 8080
_PROBE_EVERY = 2.0  # seconds between looks at whether the broker answers
_DEAF = 8.0  # seconds without an answer after which it is started again
_WATCH = 0.25  # seconds between looks at what ended by itself
_PATIENCE = 180.0  # seconds that a process of ours may take to be ready on a busy machine
_MONGO_MB, _NATS_MB, _SPOOL_MB = 6000, 1000, 64

_CONFIG = """\
secret = "a secret that all processes of the fault suite share"
[store]
engine = "mongo"
url = "{mongo}"
[bus]
engine = "nats"
servers = ["{nats}"]
[spool]
path = "{folder}/spool/spool.db"
[nlu]
model = "{model}"
[content]
folder = "{root}/config/content"
forms = "{root}/config/forms"
[edge]
host = "{host}"
port = {port}
public_base_url = "{public}"
cookie_secure = false
address_rate = {{ per_second = 1000000, burst = 1000000 }}
account_rate = {{ per_second = 1000000, burst = 1000000 }}
visitor_rate = {{ per_second = 1000, burst = 1000 }}
socket_rate = {{ per_second = 1000, burst = 1000 }}
connect_rate = {{ per_second = 1000, burst = 1000 }}
[log]
level = "warning"
[channels.webchat.{webchat}]
[channels.twilio_sms.{account}]
account_sid = "{sid}"
auth_token = "{token}"
number = "{number}"
api_base = "http://{provider}"
"""


class Part(Protocol):
    """One process of the installation."""

    @property
    def name(self) -> str:
        """Its name, which is its machine's too."""

    @property
    def is_running(self) -> bool:
        """Whether it runs (standing still counts)."""

    def start(self) -> None:
        """Start it, or start it again; does not wait."""

    def kill(self) -> None:
        """SIGKILL."""

    def signal(self, number: signal.Signals) -> None:
        """SIGSTOP, SIGCONT."""

    async def ready(self) -> float:
        """Return when it serves; how many seconds it took since its start."""

    async def stop(self) -> int:
        """Let it end in order; its exit code."""


class Server:
    """The database or the broker."""

    def __init__(self, server: Mongod | NatsServer) -> None:
        self.name = server.name.removesuffix("-server")
        self._server = server
        self._began = 0.0

    @property
    def is_running(self) -> bool:
        return self._server.is_running

    def start(self) -> None:
        self._began = time.monotonic()
        self._server.start(wait=False)

    def kill(self) -> None:
        self._server.kill()

    def signal(self, number: signal.Signals) -> None:
        self._server.signal(number)

    async def ready(self) -> float:
        await asyncio.to_thread(self._server.wait_until_ready, _PATIENCE)
        return time.monotonic() - self._began

    async def stop(self) -> int:
        await asyncio.to_thread(self._server.stop)
        return 0


class Node:
    """One `samtal serve`."""

    def __init__(self, machine: Machine, role: str, *, folder: Path, port: int) -> None:
        self.name = machine.name
        self.role = role
        self.host, self.port = machine.address, port
        self.skew = 0.0
        self.folder = folder
        self._prefix = machine.prefix
        self._process: Process | None = None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.running

    def configure(self, values: Mapping[str, object]) -> None:
        """Write its configuration."""
        (self.folder / "spool").mkdir(parents=True, exist_ok=True)
        text = _CONFIG.format(folder=self.folder, host=self.host, port=self.port, **values)
        (self.folder / "samtal.toml").write_text(text, "utf-8")

    def start(self) -> None:
        module = ["bot"]
        if self.skew:
            module = ["tests.faults.node", "--skew", f"{self.skew:.3f}"]
        config = str(self.folder / "samtal.toml")
        command = [*self._prefix, sys.executable, "-m", *module]
        command += ["serve", "--role", self.role, "--config", config]
        self._process = Process(command, log=self.log)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()

    def signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.running:
            self._process.signal(number)

    async def ready(self) -> float:
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started")
        try:
            return await self._process.ready(self.port, host=self.host, patience=_PATIENCE)
        except RuntimeError as error:
            raise RuntimeError(f"{self.name}: {error}") from None

    async def stop(self) -> int:
        return await self._process.stop(patience=30) if self._process is not None else 0

    @property
    def log(self) -> Path:
        return self.folder / "server.log"


class Estate:
    """All parts; what ends by itself is started again, as an operator's supervisor does."""

    def __init__(self, plan: Plan, lab: Lab, folder: Path, chance: random.Random) -> None:
        self.ended: Counter[str] = Counter()
        self.starts: Counter[str] = Counter()
        self.disks: dict[str, SmallDisk] = {}
        self.hurt: set[str] = set()  # parts that have a fault now
        self._down: set[str] = set()
        self._lab, self._folder, self._chance = lab, folder, chance
        self.mongod = self._mongod()
        self.nats = self._nats()
        self.nodes = [
            self._node(f"{role}{number}", role)
            for role, most in (
                ("edge", plan.edges),
                ("worker", plan.workers),
                ("outbox", plan.outboxes),
            )
            for number in range(1, most + 1)
        ]
        self.parts: dict[str, Part] = {
            "mongod": Server(self.mongod),
            "nats": Server(self.nats),
            **{node.name: node for node in self.nodes},
        }

    @property
    def edges(self) -> list[Node]:
        return [node for node in self.nodes if node.role == "edge"]

    async def start(self, plan: Plan, *, provider: str) -> dict[str, float]:
        """Configure and start everything; returns when all are ready, with how long each took."""
        values = {
            "mongo": self.mongod.url,
            "nats": self.nats.url,
            "model": plan.model,
            "root": ROOT,
            "public": PUBLIC,
            "webchat": WEBCHAT,
            "account": twilio.ACCOUNT,
            "sid": twilio.ACCOUNT_SID,
            "token": twilio.TOKEN,
            "number": twilio.NUMBER,
            "provider": provider,
        }
        for node in self.nodes:
            node.configure(values)
        for name in ("mongod", "nats"):
            self.parts[name].start()
            await self.parts[name].ready()
        for node in self.nodes:
            node.start()
        took = await asyncio.gather(*(node.ready() for node in self.nodes))
        return {node.name: each for node, each in zip(self.nodes, took, strict=True)}

    async def watch(self) -> None:
        """Start again what ended by itself, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._mind_all())
            group.create_task(self._mind_nats())

    async def _mind_nats(self) -> None:
        """Start the broker again when it answers nothing any more though nobody hurts it.

        nats-server 2.9.10 locks itself out when its disk is full: `writeMsgRecord` calls
        `rebuildStateLocked` under the lock that this one takes. An operator's probe does the same.
        """
        deaf_since = None
        while True:
            await asyncio.sleep(_PROBE_EVERY)
            hurt = {"nats"} & (self.hurt | self._down)
            if hurt or not self.nats.is_running or await answers(self.nats.url):
                deaf_since = None
            elif deaf_since is None:
                deaf_since = time.monotonic()
            elif time.monotonic() - deaf_since > _DEAF:
                self.ended["nats, which was deaf"] += 1
                self.kill("nats")
                self.start_again("nats")

    async def _mind_all(self) -> None:
        while True:
            for name, part in self.parts.items():
                if not part.is_running and name not in self._down:
                    self.ended[name] += 1
                    await asyncio.sleep(1)
                    part.start()
            await asyncio.sleep(_WATCH)

    def kill(self, name: str) -> None:
        """End a part, not to be started again before `start_again`."""
        self._down.add(name)
        self.parts[name].kill()

    def start_again(self, name: str) -> None:
        """Start a part that was killed; one of ours with another clock, now and then."""
        self.starts[name] += 1
        self.parts[name].start()
        self._down.discard(name)

    async def all_ready(self) -> None:
        """Return when every part serves."""
        await asyncio.gather(*(part.ready() for part in self.parts.values()))

    async def stop(self) -> dict[str, int]:
        """End ours in order; returns the exit codes that were not 0."""
        self._down |= set(self.parts)
        codes = await asyncio.gather(*(node.stop() for node in self.nodes))
        return {node.name: code for node, code in zip(self.nodes, codes, strict=True) if code}

    def close(self, *, logs: Path | None = None) -> None:
        """End everything, however it stands; the logs of all parts may be kept."""
        self._down |= set(self.parts)
        for part in self.parts.values():
            part.kill()
        if logs is not None:
            logs.mkdir(parents=True, exist_ok=True)
            for log in self._folder.glob("*/*.log"):
                shutil.copy(log, logs / f"{log.parent.name}.log")
        for disk in self.disks.values():
            disk.close()

    # --- making ------------------------------------------------------------------------------

    def _disk(self, name: str, folder: Path, megabytes: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if self._lab.can_cut:
            self.disks[name] = SmallDisk(folder, megabytes=megabytes)

    def _port(self, usual: int) -> int:
        return free_port() if isinstance(self._lab, Loopback) else usual

    def _mongod(self) -> Mongod:
        machine, folder = self._lab.machine("mongod"), self._folder / "mongod"
        self._disk("mongod", folder / "data", _MONGO_MB)
        port = self._port(27017)
        return Mongod(folder, port, host=machine.address, prefix=machine.prefix)

    def _nats(self) -> NatsServer:
        machine, folder = self._lab.machine("nats"), self._folder / "nats"
        self._disk("nats", folder / "jetstream", _NATS_MB)
        port = self._port(4222)
        return NatsServer(folder, port, host=machine.address, prefix=machine.prefix)

    def _node(self, name: str, role: str) -> Node:
        folder = self._folder / name
        node = Node(self._lab.machine(name), role, folder=folder, port=self._port(_PORT))
        if role == "edge":
            self._disk(name, folder / "spool", _SPOOL_MB)
        return node


async def answers(url: str) -> bool:
    """Whether a broker's JetStream says anything."""
    try:
        client = await nats.connect(
            url, connect_timeout=2, allow_reconnect=False, error_cb=_said_nothing
        )
    except (nats.errors.Error, OSError, TimeoutError):
        return False
    try:
        await client.request("$JS.API.INFO", timeout=2)
    except (nats.errors.Error, OSError, TimeoutError):
        return False
    finally:
        await client.close()
    return True


async def _said_nothing(_: Exception) -> None:
    """What goes wrong shows in the answer."""
