"""Put small faults into channels and see which the tests notice.

    python -m tests.mutation [--channel NAME]... [--sample N] [--seed N] [--corpus FOLDER]

Of each channel N faults are tried, drawn with the seed; those that survive are listed. Judged by
the contract suite with the channel's samples, its own tests, and recorded traffic where there is a
folder.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.mutation.judging import ROOT, Judge, Verdict, names
from tests.mutation.mutants import Mutant, mutants

_LONG = 20.0  # times as long as the tests take: they hang
_PLAYED = "sandbox.py"  # a provider for trying things out, no part of the channel
_RECORDED = ROOT.parent / "shared" / "corpus"


def main() -> int:
    """Try what the command line asks for; 1 when the tests fail without any fault."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument(
        "--channel", action="append", choices=names(), help="only this (repeatable)"
    )
    parser.add_argument("--sample", type=int, default=60, help="faults a channel")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, default=_RECORDED, help="folder of recorded traffic")
    asked = parser.parse_args()
    recorded = asked.corpus if asked.corpus.is_dir() else None
    _say(f"judged by recorded traffic too: {'yes' if recorded else 'no, there is none'}")
    for name in asked.channel or names():
        if not _channel(name, sample=asked.sample, seed=asked.seed, recorded=recorded):
            return 1
    return 0


def _channel(name: str, *, sample: int, seed: int, recorded: Path | None) -> bool:
    folder = ROOT / "channels" / name
    found: list[tuple[str, Mutant]] = [
        (path.name, mutant)
        for path in sorted(folder.glob("*.py"))
        if path.name != _PLAYED
        for mutant in mutants(path.read_text("utf-8"))
    ]
    tried = random.Random(seed).sample(found, min(sample, len(found)))
    tally: Counter[Verdict] = Counter()
    with tempfile.TemporaryDirectory() as place:
        began = time.monotonic()
        judge = Judge(name, Path(place), recorded=recorded, patience=300)
        if judge.judge() is not Verdict.SURVIVED:
            _say(f"{name}: its tests fail without any fault")
            return False
        judge.patience = max(10.0, _LONG * (time.monotonic() - began))
        for module, mutant in sorted(tried, key=lambda one: (one[0], one[1].line)):
            verdict = judge.judge(module, mutant.source)
            tally[verdict] += 1
            if verdict is Verdict.SURVIVED:
                place_of = f"channels/{name}/{module}:{mutant.line}"
                _say(f"  {place_of}: {mutant.before}  ->  {mutant.after}")
    told = ", ".join(f"{tally[verdict]} {verdict}" for verdict in Verdict)
    _say(f"{name}: {len(tried)} of {len(found)} faults tried: {told}")
    return True


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
