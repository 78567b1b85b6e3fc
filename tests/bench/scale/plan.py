"""How long to look at what."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.bench.server import MODEL

PARTS = ("many", "sockets", "crowd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Seconds, numbers of looks at each thing (in turn), and how many of what."""

    parts: tuple[str, ...] = PARTS
    model: Path = MODEL
    # --- many processes ---
    warm: float = 2.0
    look: float = 4.0
    looks: int = 3
    senders: int = 500
    drivers: bool = True  # also pymongo beside motor
    long: int = 8000  # characters of a long text
    share: float = 0.25  # of a core for each worker, where workers are to be what is scarce
    # --- sockets ---
    sockets: int = 5000
    deflate: bool = True  # offer compression, as browsers do
    hold: float = 30.0  # a ping goes to each every 25 s
    replies: int = 100
    burst: int = 500
    pace: float = 500.0  # messages a second
    # --- a crowd ---
    crowd: int = 1_000_000
    few: int = 64
    crowd_look: float = 3.0
    crowd_looks: int = 4


QUICK = Plan(
    warm=0.5,
    look=1.0,
    looks=1,
    senders=64,
    drivers=False,
    long=2000,
    sockets=60,
    hold=2.0,
    replies=5,
    burst=20,
    pace=50.0,
    crowd=2000,
    crowd_look=1.0,
    crowd_looks=1,
)
