"""`python -m tests.bench.scale [--quick] [--json FILE] [--only PART]`: `make bench-scale` runs it.

Many processes on MongoDB and NATS against one on SQLite, thousands of sockets over two edges, and a
million customers. Exit code 1 when a message was lost, doubled or out of order: then there is no
result. A target that is missed is told and changes nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from bot.edge.logs import configure
from tests.bench.checking import NoResult
from tests.bench.playing import played
from tests.bench.scale.crowd import Crowd
from tests.bench.scale.figures import Report
from tests.bench.scale.many import Many
from tests.bench.scale.plan import PARTS, QUICK, Plan
from tests.bench.scale.report import as_json, as_text
from tests.bench.scale.servers import servers
from tests.bench.scale.site import Sites
from tests.bench.scale.sockets import Chat
from tests.bench.server import MODEL
from tests.bench.store import sync_time
from tests.servers import Failed, Missing, find_mongod, find_nats_server


class Part(Protocol):
    """One kind of measurement."""

    async def run(self) -> None:
        """Measure; raises NoResult."""


_KINDS: dict[str, Callable[[Plan, Sites, Report], Part]] = {
    "many": Many,
    "sockets": Chat,
    "crowd": Crowd,
}


def main() -> int:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short looks at little")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    parser.add_argument("--only", action="append", choices=PARTS, help="leave the others out")
    parser.add_argument("--crowd", type=int, help="customers in the large databases")
    parser.add_argument("--sockets", type=int, help="web chat sockets to hold")
    parser.add_argument("--plain", action="store_true", help="sockets that offer no compression")
    parser.add_argument("--folder", type=Path, help="where to put the run's own folder")
    parser.add_argument("--model", type=Path, default=MODEL)
    given = parser.parse_args()
    if not given.model.is_dir():
        parser.error(f"no model in {given.model}: `make bench` trains one")
    try:
        find_mongod(), find_nats_server()
    except Missing as missing:
        parser.error(str(missing))
    # Ended by a signal, the run still ends its processes.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        report = asyncio.run(measure(_plan(given), given.folder))
    except (NoResult, Failed, RuntimeError) as wrong:  # the last: a process that did not start
        print(f"NO RESULT: {wrong}", file=sys.stderr)
        return 1
    if given.json:
        given.json.write_text(as_json(report), "utf-8")
    print(as_text(report))
    return 0


def _plan(given: argparse.Namespace) -> Plan:
    plan = QUICK if given.quick else Plan()
    return replace(
        plan,
        model=given.model.resolve(),
        parts=tuple(given.only or PARTS),
        crowd=given.crowd or plan.crowd,
        sockets=given.sockets or plan.sockets,
        deflate=not given.plain,
    )


async def measure(plan: Plan, where: Path | None = None) -> Report:
    """Carry out a plan; raises NoResult, and Failed when a server does not start."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # those we start have the same
    configure(level="warning", as_json=False)
    report = Report(cores=len(os.sched_getaffinity(0)), share=plan.share)
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(
        prefix="samtal-scale-", dir=where, ignore_cleanup_errors=True
    ) as name:
        folder = Path(name)
        report.sync_ms = sync_time(folder)
        with servers(folder) as both:
            async with played() as provider:
                sites = Sites(folder=folder, played=provider, model=plan.model, servers=both)
                for part in plan.parts:
                    began = time.monotonic()
                    await _KINDS[part](plan, sites, report).run()
                    print(f"{part}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    report.load = (before, os.getloadavg()[0])
    return report


if __name__ == "__main__":
    raise SystemExit(main())
