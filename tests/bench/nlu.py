"""How well and how fast the reader reads: `python -m tests.bench.nlu [SET ...] [--json FILE]`.

Without names every set is measured that lies in the folder ($SAMTAL_SHARED/nlu, or shared/nlu
beside the project); a name that ends in `*` means all that begin so. Training and reading use the
defaults of `samtal nlu train`. Figures known to be reachable stand beside the measured ones.

`python -m tests.bench.nlu DATA ROWS` trains on one file or folder and reads another file.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from nlu.commands import evaluate, train
from tests.bench.nlu_figures import Figures, measured
from tests.bench.nlu_sets import Absent, Goal, Set, every_set

_MOST_MS = 3.0
_SLACK = 0.005  # of a share: less is chance


_COLUMNS = (
    "set", "rows", "read", "acc", "known", "F1", "recall", "AUROC", "known", "tuned acc",
    "recall", "known", "ECE", "train s", "p50", "p99", "batch/s", "RSS", "MB", "",
)  # fmt: skip
_WIDTHS = (22, 6, 5, 6, 6, 6, 6, 6, 6, 9, 6, 6, 5, 7, 6, 6, 7, 4, 5, 4)


def _share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.2f}"


def _passed(found: Figures, goal: Goal) -> bool:
    pairs = (
        (found.accuracy, goal.accuracy),
        (found.auroc, goal.auroc),
        (found.tuned_recall, goal.recall),
    )
    reached = all(
        known is None or (value is not None and value >= known - _SLACK) for value, known in pairs
    )
    return reached and found.p99 < _MOST_MS


def _row(cells: Sequence[str]) -> str:
    first = f"{cells[0]:<{_WIDTHS[0]}}"
    rest = zip(cells[1:], _WIDTHS[1:], strict=True)
    return " ".join([first, *(f"{cell:>{width}}" for cell, width in rest)])


def _cells(found: Figures, goal: Goal) -> tuple[str, ...]:
    return (
        found.name, str(found.train_rows), str(found.test_rows), _share(found.accuracy),
        _share(goal.accuracy), _share(found.macro_f1), _share(found.recall), _share(found.auroc),
        _share(goal.auroc), _share(found.tuned_accuracy), _share(found.tuned_recall),
        _share(goal.recall), f"{100 * found.calibration_error:.1f}", f"{found.train_seconds:.1f}",
        f"{found.p50:.2f}", f"{found.p99:.2f}", f"{found.batched_per_second:.0f}",
        f"{found.memory_mb:.0f}", f"{found.folder_mb:.1f}",
        "ok" if _passed(found, goal) else "miss",
    )  # fmt: skip


def _measured(one: Set, folder: Path) -> Figures | None:
    try:
        folds = one.build(folder)
    except Absent as missing:
        print(f"{one.name:<{_WIDTHS[0]}} skipped: {missing} is not there")
        return None
    found = measured(one.name, folds)
    print(_row(_cells(found, one.goal)), flush=True)
    return found


def _one(data: Path, rows: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        report = train(data, Path(place) / "model")
        print(f"train {report.seconds:.1f} s: {report.examples} examples, {report.intents} intents")
        print(evaluate(Path(place) / "model", rows).text())


def main(arguments: Sequence[str]) -> int:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    shared = Path(os.environ.get("SAMTAL_SHARED", Path(__file__).parents[3] / "shared"))
    parser.add_argument("names", nargs="*", metavar="SET", help="only these sets")
    parser.add_argument("--folder", type=Path, default=shared / "nlu", help="where the sets lie")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    given = parser.parse_args(arguments)
    paths = [Path(name) for name in given.names]
    if len(paths) == 2 and all(path.exists() for path in paths):
        _one(*paths)
        return 0
    sets = every_set(given.folder)
    chosen = [s for s in sets if any(fnmatch(s.name, name) for name in given.names or ["*"])]
    if not chosen:
        parser.error(f"no such set; there are {', '.join(one.name for one in sets)}")
    print(_row(_COLUMNS))
    found = [one for one in (_measured(s, given.folder) for s in chosen) if one is not None]
    if given.json:
        given.json.write_text(
            json.dumps([one.model_dump(mode="json") for one in found], indent=1), "utf-8"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
