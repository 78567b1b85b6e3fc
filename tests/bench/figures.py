"""What was measured."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field, replace

Seen = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measurement. Times in ms, `cpu` in CPU-ms of the server a message."""

    name: str
    messages: int
    rate: float
    cpu: float
    rss: float
    webhook: dict[str, float]
    answer: dict[str, float]


@dataclass(slots=True)
class Report:
    """Everything that was measured, by name."""

    sync_ms: float = 0.0
    load: tuple[float, float] = (0.0, 0.0)
    rows: dict[str, Row] = field(default_factory=dict)
    starts: dict[str, float] = field(default_factory=dict)
    ready_rss: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)
    profile_cpu: float = 0.0
    checked: int = 0


def together(name: str, rows: list[Row]) -> Row:
    """Several looks at the same thing as one: the medians of rate and cost, the best of times."""
    best = min(rows, key=lambda row: row.answer["p50"])
    return replace(
        best,
        name=name,
        messages=sum(row.messages for row in rows),
        rate=statistics.median(row.rate for row in rows),
        cpu=statistics.median(row.cpu for row in rows),
    )


def stages(seen: Seen, messages: int) -> dict[str, float]:
    """CPU-ms a message by stage: the loop's own divided by samples, other threads as counted."""
    threads, samples = seen["threads"], seen["samples"]
    each = 1000 / max(messages, 1)
    loop = threads.pop("event loop", 0.0) * each / max(sum(samples.values()), 1)
    found = {name: share * loop for name, share in samples.items()}
    found |= {f"thread: {name}": spent * each for name, spent in threads.items() if spent}
    return dict(sorted(found.items(), key=lambda item: -item[1]))
