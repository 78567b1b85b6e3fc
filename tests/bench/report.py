"""The figures as a table, against the targets, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from tests.bench.figures import Report, Row


@dataclass(frozen=True, slots=True)
class Target:
    """A budget: what was measured, and what is the most (or the least) it may be."""

    name: str
    value: float
    limit: float
    unit: str
    at_least: bool = False

    @property
    def met(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def line(self) -> str:
        """What came of it."""
        mark = "ok  " if self.met else "UNDER" if self.at_least else "OVER"
        bound = "at least" if self.at_least else "at most"
        return f"{mark} {self.name}: {self.value:.2f} {self.unit} ({bound} {self.limit:g})"


def targets(report: Report) -> list[Target]:
    """The budgets that this run says something about."""
    rows = report.rows
    loaded, fast, slow = rows["open, 70 %"], rows["open, 80/s"], rows["open, 80/s, slow provider"]
    short, long = rows["threads, short"], rows["threads, long"]
    cost = rows["closed, 64"].cpu / rows["floor D, 64"].cpu
    return [
        Target("CPU a message at 64 in flight", cost, 3, "x floor D"),
        Target(
            "p99 at 70 % of saturation", loaded.answer["p99"] / loaded.answer["p50"], 5, "x p50"
        ),
        Target("webhook answered, p99 at 70 %", loaded.webhook["p99"], 25, "ms"),
        Target(
            "webhook p99, slow provider", slow.webhook["p99"] / fast.webhook["p99"], 1.5, "x fast"
        ),
        Target("CPU a message, 10,000 entries", long.cpu / short.cpu, 1.2, "x short"),
        Target("start to ready", report.starts["start, empty store"], 3, "s"),
    ]


def as_text(report: Report) -> str:
    """Everything, for eyes."""
    return "\n".join(
        [*_head(report), "", *_table(report), "", *_profile(report), *_verdict(report)]
    )


def as_json(report: Report) -> str:
    """Everything, for machines."""
    judged = [{**asdict(target), "met": target.met} for target in targets(report)]
    return json.dumps({**asdict(report), "targets": judged}, indent=2)


def _head(report: Report) -> Iterator[str]:
    starts = ", ".join(f"{name[7:]} {seconds:.1f} s" for name, seconds in report.starts.items())
    before, after = report.load
    yield f"fdatasync p50 {report.sync_ms:.2f} ms; load before {before:.1f}, after {after:.1f}"
    yield f"start to ready: {starts}; resident when ready {report.ready_rss:.0f} MB"
    yield f"{report.checked} messages checked: none lost, none doubled, all in order"


def _table(report: Report) -> Iterator[str]:
    yield (
        f"{'':<27}{'msgs/s':>8} {'answer p50':>10} {'p99':>8} {'webhook p50':>11} {'p99':>8} "
        f"{'CPU-ms':>8} {'x A':>6} {'x D':>6} {'RSS MB':>7}"
    )
    for row in report.rows.values():
        yield _line(row, report)


def _line(row: Row, report: Report) -> str:
    floor_a, floor_d = report.rows["floor A, 64"].cpu, report.rows["floor D, 64"].cpu
    return (
        f"{row.name:<27}{row.rate:>8,.0f} {row.answer['p50']:>10.1f} {row.answer['p99']:>8.1f} "
        f"{row.webhook['p50']:>11.1f} {row.webhook['p99']:>8.1f} {row.cpu:>8.3f} "
        f"{row.cpu / floor_a:>6.1f} {row.cpu / floor_d:>6.2f} {row.rss:>7.0f}"
    )


def _profile(report: Report) -> Iterator[str]:
    if not report.stages:
        return
    yield f"where the CPU goes (64 in flight, watched: {report.profile_cpu:.3f} CPU-ms a message)"
    for name, cost in report.stages.items():
        yield f"  {name:<30}{cost:>8.3f} ms"
    yield ""


def _verdict(report: Report) -> Iterator[str]:
    yield from (target.line() for target in targets(report))
