"""`python -m tests.crash --kills 20 --rate 200 --seconds 60`: exit code 1 when anything is wrong.

Starts a real server with a provider played beside it, posts signed webhooks, kills the server
with SIGKILL at moments of chance, starts it again, repeats what got no 2xx and some that did, and
then compares what was accepted with what the threads hold and what the provider took.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from tests.bench.server import MODEL
from tests.crash.driver import Plan, Result, run

_SHOWN = 20


def main() -> int:
    """Run it and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--rate", type=float, default=200, help="messages a second")
    parser.add_argument("--seconds", type=float, default=60, help="the load lasts at least so long")
    parser.add_argument("--senders", type=int, default=400)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    given = parser.parse_args()
    if not given.model.is_dir():
        parser.error(f"no model in {given.model}: run `make test` once, or `samtal nlu train`")
    plan = Plan(
        kills=given.kills,
        rate=given.rate,
        seconds=given.seconds,
        senders=given.senders,
        seed=given.seed,
        model=given.model,
    )
    result = asyncio.run(run(plan))
    sys.stdout.write((as_json(plan, result) if given.json else as_text(plan, result)) + "\n")
    return 1 if result.problems else 0


def as_text(plan: Plan, result: Result) -> str:
    """The result for eyes."""
    starts = sorted(result.starts)
    tries = f"tries without a 2xx {result.retries}, repeats after a 2xx {result.repeats}"
    lines = [
        f"{plan.kills} kills, {plan.rate:g} messages/s, seed {plan.seed}",
        result.counts.line(),
        f"{tries}, provider too busy {result.busy}",
        f"start to ready: median {starts[len(starts) // 2]:.1f} s, longest {starts[-1]:.1f} s",
    ]
    if not result.problems:
        return "\n".join([*lines, "nothing lost, nothing doubled, everything in order"])
    lines.append(f"{len(result.problems)} PROBLEMS:")
    lines += result.problems[:_SHOWN]
    return "\n".join(lines)


def as_json(plan: Plan, result: Result) -> str:
    """The result for machines."""
    return json.dumps(
        {
            "plan": {**asdict(plan), "model": str(plan.model)},
            "counts": asdict(result.counts),
            "retries": result.retries,
            "repeats": result.repeats,
            "busy": result.busy,
            "starts": result.starts,
            "problems": result.problems,
        }
    )


if __name__ == "__main__":
    raise SystemExit(main())
