"""The real server as a process of its own: configured, started, measured, ended."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench import twilio
from tests.bench.client import Client

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "var" / "model"
_TICKS = os.sysconf("SC_CLK_TCK")
_LOOK = 0.01  # seconds between looks at a server that starts

_CONFIG = """\
[store]
path = "{folder}/samtal.db"
[nlu]
model = "{model}"
[content]
folder = "{root}/config/content"
forms = "{root}/config/forms"
[edge]
host = "127.0.0.1"
port = {port}
public_base_url = "http://127.0.0.1:{port}"
cookie_secure = false
address_rate = {{ per_second = 1000000, burst = 1000000 }}
account_rate = {{ per_second = 1000000, burst = 1000000 }}
[log]
level = "{level}"
[channels.twilio_sms.{account}]
account_sid = "{sid}"
auth_token = "{token}"
number = "{number}"
api_base = "http://127.0.0.1:{provider}"
"""


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a server lives: its folder, its port, its provider's port, its model."""

    folder: Path
    port: int
    provider: int
    model: Path = MODEL
    level: str = "info"

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> Path:
        return self.folder / "samtal.db"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    def configure(self) -> Path:
        """Write the configuration; returns its file."""
        path = self.folder / "samtal.toml"
        path.write_text(
            _CONFIG.format(
                folder=self.folder,
                model=self.model,
                root=ROOT,
                port=self.port,
                level=self.level,
                account=twilio.ACCOUNT,
                sid=twilio.ACCOUNT_SID,
                token=twilio.TOKEN,
                number=twilio.NUMBER,
                provider=self.provider,
            ),
            "utf-8",
        )
        return path


def cpu_seconds(pid: int) -> float:
    """CPU seconds that a process has taken until now, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident(pid: int) -> float:
    """Resident memory of a process, MB."""
    for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


class Process:
    """A process of ours, its cost by the operating system, and its end."""

    def __init__(
        self, command: list[str], *, log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        """`environment` is added to ours."""
        self.started = time.monotonic()
        self._log = log
        whole = os.environ | dict(environment or {})
        with log.open("ab") as out:
            self._process = subprocess.Popen(command, stdout=out, stderr=out, cwd=ROOT, env=whole)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def cpu(self) -> float:
        """CPU seconds until now, user and system."""
        return cpu_seconds(self.pid)

    def rss(self) -> float:
        """Resident memory, MB."""
        return resident(self.pid)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it without a word (SIGKILL)."""
        self._process.kill()
        self._process.wait()

    async def stop(self, *, patience: float = 15.0) -> int:
        """End it in good order (SIGTERM); returns its exit code."""
        if self.running:
            self._process.send_signal(signal.SIGTERM)
        try:
            return await asyncio.to_thread(self._process.wait, patience)
        except subprocess.TimeoutExpired:
            self.kill()
            return -signal.SIGKILL

    async def ready(
        self,
        port: int,
        path: str = "/readyz",
        *,
        host: str = "127.0.0.1",
        patience: float = 60.0,
    ) -> float:
        """Wait for a 200; returns the seconds since the start, raises RuntimeError."""
        deadline = time.monotonic() + patience
        client, said = Client(host, port), "no answer"
        try:
            while time.monotonic() < deadline:
                if not self.running:
                    last = self._log.read_text("utf-8", "replace")[-1000:]
                    raise RuntimeError(
                        f"it ended with {self._process.returncode} while starting: {last}"
                    )
                try:
                    async with asyncio.timeout(5):
                        answer = await client.get(path)
                    if answer.status == 200:
                        return time.monotonic() - self.started
                    said = answer.body.decode("utf-8", "replace")
                except (OSError, TimeoutError):
                    pass
                await asyncio.sleep(_LOOK)
        finally:
            client.close()
        raise RuntimeError(f"it was not ready within {patience:.0f} s: {said}")


def serve(place: Place, *, module: str = "bot", extra: tuple[str, ...] = ()) -> Process:
    """Start `samtal serve`, or another module that takes the same arguments."""
    config = place.configure()
    command = [sys.executable, "-m", module, "serve", "--config", str(config), *extra]
    return Process(command, log=place.log)
