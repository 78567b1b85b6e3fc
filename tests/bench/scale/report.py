"""The figures as a table, against the targets, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from tests.bench.report import Target
from tests.bench.scale import crowd, many
from tests.bench.scale.figures import Look, Report, Sockets


def targets(report: Report) -> list[Target]:
    """The budgets that this run says something about."""
    return [*_of_processes(report), *_of_sockets(report), *_of_crowd(report)]


def as_text(report: Report) -> str:
    """Everything, for eyes."""
    parts = (_head(report), _processes(report), _sockets(report), _crowd(report))
    lines = [line for part in parts for line in (*part, "")]
    return "\n".join([*lines, *(target.line() for target in targets(report))])


def as_json(report: Report) -> str:
    """Everything, for machines."""
    judged = [{**asdict(target), "met": target.met} for target in targets(report)]
    return json.dumps({**asdict(report), "targets": judged}, indent=2)


def _of_processes(report: Report) -> Iterator[Target]:
    rows = report.many
    if not rows:
        return
    base = rows[many.SQLITE].ours
    yield Target("MongoDB+NATS, our CPU a message", rows[many.SPLIT].ours / base, 2.5, "x SQLite")
    one, two = rows[many.SPLIT + many.SCARCE].rate, rows[many.SECOND + many.SCARCE].rate
    named = f"second worker, each held to {report.share:g} of a core"
    yield Target(named, two / one, 1.6, "x messages/s", at_least=True)


def _of_sockets(report: Report) -> Iterator[Target]:
    found = report.sockets
    if found is not None:
        held = max(found.held_kib, found.used_kib)
        yield Target(f"memory a socket, {found.sockets} held", held, 48, "KiB")


def _of_crowd(report: Report) -> Iterator[Target]:
    for engine in crowd.ENGINES:
        few, crowded = (report.crowd.get(f"{engine}, {size}") for size in crowd.SIZES)
        if few is not None and crowded is not None:
            count = report.seeded[f"{engine}, {crowd.CROWD}"].customers
            name = f"CPU a message at {count:,} customers, {engine}"
            yield Target(name, crowded.whole / few.whole, 1.2, "x a few")


def _head(report: Report) -> Iterator[str]:
    before, after = report.load
    yield (
        f"fdatasync p50 {report.sync_ms:.2f} ms; load before {before:.1f}, after {after:.1f}; "
        f"{report.cores} cores for ours, mongod, nats, the provider and the load"
    )
    yield f"{report.checked} messages checked: none lost, none doubled, all in order"


# --- many processes --------------------------------------------------------------------------


def _processes(report: Report) -> Iterator[str]:
    rows = report.many
    if not rows:
        return
    base = rows[many.SQLITE]
    yield _heading("many processes, 64 in flight", "x SQLite")
    for name, look in rows.items():
        ratio = "" if many.LONG in name else f"{look.ours / base.ours:.2f}"
        yield _line(name, look, ratio)
    yield ""
    yield "second worker, messages/s"
    for kind in ("", many.LONG, many.SCARCE):
        one, two = rows[many.SPLIT + kind], rows[many.SECOND + kind]
        title = kind.removeprefix(", ") or "short texts"
        yield f"  {title:<32}{two.rate / one.rate:>6.2f} x"
    yield ""
    yield "nothing to do, CPU-ms a second"
    for name, idle in report.idle.items():
        yield f"  {name:<32}{_each(idle)}"


def _heading(title: str, ratio: str) -> str:
    return (
        f"{title:<54}{'msgs/s':>7} {'answer p50':>10} {'p99':>7} {'webhook p50':>11} {'p99':>7} "
        f"{'CPU-ms':>7} {'servers':>7} {ratio:>9}  by process"
    )


def _line(name: str, look: Look, ratio: str) -> str:
    return (
        f"{name:<54}{look.rate:>7,.0f} {look.answer['p50']:>10.1f} {look.answer['p99']:>7.1f} "
        f"{look.webhook['p50']:>11.1f} {look.webhook['p99']:>7.1f} {look.ours:>7.2f} "
        f"{look.whole - look.ours:>7.2f} {ratio:>9}  {_each(look.cpu)}"
    )


def _each(costs: dict[str, float]) -> str:
    return ", ".join(f"{name} {cost:.2f}" for name, cost in costs.items())


# --- sockets ---------------------------------------------------------------------------------


def _sockets(report: Report) -> Iterator[str]:
    found = report.sockets
    if found is None:
        return
    yield f"{found.sockets:,} web chat sockets over two edges{_offer(found)}"
    yield (
        f"  memory each: {found.held_kib:.1f} KiB held, {found.used_kib:.1f} KiB after messages; "
        f"connecting: {found.sockets / found.connect_seconds:,.0f}/s, "
        f"{found.connect_cpu:.2f} CPU-ms of the edges each"
    )
    yield f"  held, CPU-ms a second: {_each(found.idle)}"
    for name, fans in found.fans.items():
        times = " ".join(f"{mark} {value:.1f}" for mark, value in fans.times.items())
        yield f"  {name:<58}{fans.messages:>6} in {fans.seconds:5.1f} s  ms: {times}"


def _offer(found: Sockets) -> str:
    return ", compression offered as browsers do" if found.compressed else ", no compression"


# --- a crowd ---------------------------------------------------------------------------------


def _crowd(report: Report) -> Iterator[str]:
    if not report.crowd:
        return
    for name, seeded in report.seeded.items():
        yield (
            f"{name}: {seeded.customers:,} customers put in within {seeded.seconds:.0f} s, "
            f"{seeded.megabytes:,.0f} MB"
        )
    yield _heading("old customers, at random, 64 in flight", "x few")
    for engine in crowd.ENGINES:
        few = report.crowd[f"{engine}, {crowd.FEW}"]
        for size in crowd.SIZES:
            look = report.crowd[f"{engine}, {size}"]
            yield _line(f"{engine}, {size}", look, f"{look.whole / few.whole:.2f}")
