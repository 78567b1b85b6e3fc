"""Run corpus cases against our channels.

    python -m tests.corpus PATH... [--channel NAME]... [--kind KIND]... [--engines E] [--json]

PATH is a corpus file or a folder of them. Exits 1 when a core case fails, 2 on wrong use.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from tests.corpus import runner
from tests.corpus.cases import KINDS, BadCorpus, load

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.corpus.cases import Case
    from tests.corpus.hub_under_test import MakeHub

FAILED = 1
WRONG_USE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.corpus",
        description="Run corpus cases against our channels.",
        epilog="Exit status: 1 when a core case fails, 2 on wrong use.",
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="corpus file or folder")
    parser.add_argument("--channel", action="append", help="only this channel (repeatable)")
    parser.add_argument(
        "--kind", action="append", choices=KINDS, help="only this kind (repeatable)"
    )
    parser.add_argument(
        "--engines",
        choices=("sqlite", "mongo+nats"),
        default="sqlite",
        help="what sequences run on; servers of their own are started",
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    asked = parser.parse_args(arguments)
    try:
        cases = _chosen(asked)
    except BadCorpus as error:
        sys.stderr.write(f"error: {error}\n")
        return WRONG_USE
    with _hubs(asked.engines) as make_hub:
        outcomes = [runner.run(case, make_hub) for case in cases]
    lines = [runner.as_json(outcomes)] if asked.json else runner.report(outcomes)
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return FAILED if runner.sums(outcomes)["core"][1] else 0


def _chosen(asked: argparse.Namespace) -> list[Case]:
    cases = load(asked.paths)
    known = {case.channel for case in cases}
    for channel in asked.channel or []:
        if channel not in known:
            there = ", ".join(sorted(known))
            raise BadCorpus(f"no case of channel {channel!r}; there are: {there}")
    chosen = [
        case
        for case in cases
        if (not asked.channel or case.channel in asked.channel)
        and (not asked.kind or case.kind in asked.kind)
    ]
    if not chosen:
        raise BadCorpus("no case is of that channel and kind")
    return chosen


@contextlib.contextmanager
def _hubs(engines: str) -> Iterator[MakeHub | None]:
    """What makes the sequences' hubs; None is the usual."""
    if engines == "sqlite":
        yield None
        return
    # Loaded for these alone: all else runs without servers.
    from tests.corpus.our_hub import make_hub_on  # noqa: PLC0415 - loaded only where it is needed
    from tests.records import Servers  # noqa: PLC0415 - loaded only where it is needed
    from tests.servers import Mongod, NatsServer  # noqa: PLC0415 - loaded only where it is needed

    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        mongo = stack.enter_context(Mongod(folder / "mongo"))
        nats = stack.enter_context(NatsServer(folder / "nats"))
        yield make_hub_on(engines, Servers(mongo=mongo.url, nats=nats.url))


if __name__ == "__main__":
    # Standard output is the report's: the hub's own log would stand between its lines.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    sys.exit(main())
