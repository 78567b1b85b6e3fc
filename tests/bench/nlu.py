"""How fast and how well the reader reads: python -m tests.bench.nlu DATA ROWS.

DATA is a .jsonl file or a folder to train on, ROWS a .jsonl file of text and label.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

from nlu.commands import evaluate, train
from nlu.reader import Reader


def main(data: Path, rows: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        model = Path(place) / "model"
        begun = time.process_time()
        report = train(data, model)
        print(f"train    {report.seconds:.1f} s, {time.process_time() - begun:.1f} s of processor")
        print(f"         {report.examples} examples, {report.intents} intents")
        begun = time.perf_counter()
        Reader.load(model)
        print(f"load     {time.perf_counter() - begun:.2f} s")
        measured = evaluate(model, rows)
        print(measured.text())
        size = sum(file.stat().st_size for file in model.rglob("*") if file.is_file())
        print(f"folder   {size / 1e6:.1f} MB")
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"memory   {used:.0f} MB at most, training included")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
