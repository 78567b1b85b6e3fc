"""How hard to try, and what was done."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.bench.server import MODEL


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The run: so many faults and messages over so many seconds, by how many processes.

    No fault that lasts is longer than `longest` seconds. The logs of all parts go to `logs`.
    """

    faults: int = 200
    messages: int = 50_000
    seconds: float = 1800.0
    senders: int = 400
    visitors: int = 6
    edges: int = 2
    workers: int = 2
    outboxes: int = 2
    longest: float = 20.0
    seed: int = 0
    model: Path = MODEL
    folder: Path | None = None
    logs: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that went wrong: when it began and ended, in monotonic seconds."""

    kind: str
    target: str
    began: float
    ended: float
    note: str = ""
