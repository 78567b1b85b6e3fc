"""`python -m tests.bench [--quick] [--json FILE]`: what a message costs; `make bench` runs it.

Exit code 1 when a message was lost, doubled or out of order: then there is no result. A target
that is missed is told and changes nothing: the machine may have been busy.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from tests.bench.checking import NoResult
from tests.bench.report import as_json, as_text
from tests.bench.scenario import QUICK, Bench, Plan
from tests.bench.server import MODEL


def main() -> int:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter looks, no profile")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    parser.add_argument("--model", type=Path, default=MODEL)
    given = parser.parse_args()
    if not given.model.is_dir():
        parser.error(f"no model in {given.model}: `make bench` trains one")
    plan = replace(QUICK if given.quick else Plan(), model=given.model)
    with tempfile.TemporaryDirectory(prefix="samtal-bench-") as folder:
        try:
            report = asyncio.run(Bench(plan, Path(folder)).run())
        except NoResult as wrong:
            print(f"NO RESULT: {wrong}", file=sys.stderr)
            return 1
    if given.json:
        given.json.write_text(as_json(report), "utf-8")
    print(as_text(report))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
