"""What was measured."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

SERVERS = frozenset({"mongod", "nats"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at one installation: CPU-ms a message and MB by process, times in ms."""

    messages: int
    rate: float
    cpu: dict[str, float]
    rss: dict[str, float]
    webhook: dict[str, float]
    answer: dict[str, float]

    @property
    def ours(self) -> float:
        """CPU-ms a message in our own processes."""
        return sum(cost for name, cost in self.cpu.items() if name not in SERVERS)

    @property
    def whole(self) -> float:
        """The same with the servers'."""
        return sum(self.cpu.values())


def together(looks: Sequence[Look]) -> Look:
    """Several looks at the same thing as one: medians, of times the best."""
    best = min(looks, key=lambda look: look.answer["p50"])
    return Look(
        messages=sum(look.messages for look in looks),
        rate=statistics.median(look.rate for look in looks),
        cpu={name: statistics.median(look.cpu[name] for look in looks) for name in best.cpu},
        rss={name: max(look.rss[name] for look in looks) for name in best.rss},
        webhook=best.webhook,
        answer=best.answer,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fans:
    """How long messages took to all who were to get one, in ms."""

    messages: int
    seconds: float
    times: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sockets:
    """Web chat sockets over two edges: memory of each in KiB."""

    sockets: int
    compressed: bool
    connect_seconds: float
    connect_cpu: float
    held_kib: float
    used_kib: float
    idle: dict[str, float]
    fans: dict[str, Fans]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeded:
    """A database that was filled: how many customers, how long it took, how large it is."""

    customers: int
    seconds: float
    megabytes: float


@dataclass(slots=True)
class Report:
    """Everything that was measured, by name."""

    sync_ms: float = 0.0
    cores: int = 0
    load: tuple[float, float] = (0.0, 0.0)
    share: float = 0.0
    many: dict[str, Look] = field(default_factory=dict)
    idle: dict[str, dict[str, float]] = field(default_factory=dict)
    sockets: Sockets | None = None
    seeded: dict[str, Seeded] = field(default_factory=dict)
    crowd: dict[str, Look] = field(default_factory=dict)
    checked: int = 0
