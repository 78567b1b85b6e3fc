"""`make faults`, `python -m tests.faults --faults 200 --messages 50000`: exit code 1 for a problem.

A whole installation (MongoDB, NATS, edges, workers, outboxes), each part on a machine of its own
(a network namespace), under load of customers, agents and browsers. Parts are killed, stopped, cut
off, given full disks and wrong clocks; the provider refuses, hangs and breaks connections. Then it
rests, and what everybody saw is compared with what the store holds.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from pathlib import Path

from tests.bench.server import MODEL
from tests.faults.ordeal import run
from tests.faults.plan import Plan
from tests.faults.report import as_json, as_text
from tests.servers import Missing, find_mongod, find_nats_server


def main() -> int:
    """Run it and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--messages", type=int, default=50_000)
    parser.add_argument("--seconds", type=float, default=1800, help="how long the load lasts")
    parser.add_argument("--senders", type=int, default=400)
    parser.add_argument("--visitors", type=int, default=6, help="customers in browsers")
    parser.add_argument("--longest", type=float, default=20, help="most seconds a fault lasts")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--folder", type=Path, help="where to put the run's own folder")
    parser.add_argument("--logs", type=Path, help="folder for the logs of all parts")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the outcome here too")
    given = parser.parse_args()
    if not given.model.is_dir():
        parser.error(f"no model in {given.model}: run `make test` once, or `samtal nlu train`")
    try:
        find_mongod(), find_nats_server()
    except Missing as missing:
        parser.error(str(missing))
    plan = Plan(
        faults=given.faults,
        messages=given.messages,
        seconds=given.seconds,
        senders=given.senders,
        visitors=given.visitors,
        longest=given.longest,
        seed=given.seed,
        model=given.model.resolve(),
        folder=given.folder,
        logs=given.logs,
    )
    # Ended by a signal, the run still takes its machines away.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    outcome = asyncio.run(run(plan))
    if given.json is not None:
        given.json.write_text(as_json(plan, outcome), "utf-8")
    sys.stdout.write(as_text(plan, outcome) + "\n")
    return 1 if outcome.problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
