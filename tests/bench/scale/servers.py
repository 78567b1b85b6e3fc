"""The database and the broker that all installations of a run share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import override

from tests.bench.server import cpu_seconds, resident
from tests.servers import Mongod, NatsServer

_CACHE = "--wiredTigerCacheSizeGB"
_GIGABYTES = "2"  # a million customers are to fit, as they would where somebody has so many


class RoomyMongod(Mongod):
    """A mongod with room for many documents in memory."""

    @override
    def command(self) -> list[str]:
        command = super().command()
        command[command.index(_CACHE) + 1] = _GIGABYTES
        return command


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """Both, running."""

    mongod: Mongod
    nats: NatsServer

    def cpu(self) -> dict[str, float]:
        """CPU seconds of each until now."""
        return {"mongod": cpu_seconds(self.mongod.pid), "nats": cpu_seconds(self.nats.pid)}

    def rss(self) -> dict[str, float]:
        """Resident memory of each, MB."""
        return {"mongod": resident(self.mongod.pid), "nats": resident(self.nats.pid)}


@contextmanager
def servers(folder: Path) -> Iterator[Servers]:
    """Both, started in a folder; raises Missing, Failed."""
    with RoomyMongod(folder / "mongod") as mongod, NatsServer(folder / "nats") as nats:
        yield Servers(mongod=mongod, nats=nats)
