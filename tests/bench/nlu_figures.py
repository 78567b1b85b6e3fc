"""One set's figures: trained and read as the commands do it, each in a process of its own."""

from __future__ import annotations

import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from bot.model.understanding import Utterance
from bot.model.value import Value
from nlu.commands import train
from nlu.data import OUT_OF_SCOPE
from nlu.measure import Judged, figures
from nlu.reader import Reader
from tests.bench.nlu_sets import Fold, Line

_TIMED = 1_000
_BATCH = 64


class Figures(Value):
    """One set's figures; several folds are read together.

    `p50` and `p99` are milliseconds of processor a message: other work of the machine is not in it.
    """

    name: str
    train_rows: int
    test_rows: int
    accuracy: float
    macro_f1: float
    calibration_error: float
    accepted: float
    recall: float | None = None
    auroc: float | None = None
    tuned_accuracy: float | None = None
    tuned_recall: float | None = None
    train_seconds: float
    p50: float
    p99: float
    batched_per_second: float
    memory_mb: float
    folder_mb: float


class Measured(Value):
    """What one process found out about one fold."""

    judged: tuple[Judged, ...]
    tuning: tuple[Judged, ...]
    times: tuple[float, ...]
    batched_per_second: float
    memory_mb: float


def _train(rows: Sequence[Line], place: Path) -> float:
    data = place / "rows.jsonl"
    data.write_text("".join(json.dumps(row._asdict()) + "\n" for row in rows), "utf-8")
    return train(data, place / "model").seconds


def _judged(reader: Reader, rows: Sequence[Line]) -> tuple[Judged, ...]:
    read = reader.in_batches([Utterance(text=row.text) for row in rows], _BATCH)
    return tuple(Judged(label=row.label, read=one) for row, one in zip(rows, read, strict=True))


def _measure(model: Path, test: Sequence[Line], tuning: Sequence[Line]) -> Measured:
    reader = Reader.load(model)
    some = [Utterance(text=row.text) for row in test[:_TIMED]]
    times = []
    for utterance in some:
        begun = time.thread_time()
        reader.read([utterance])
        times.append(1000 * (time.thread_time() - begun))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    begun = time.perf_counter()
    count = sum(1 for _ in reader.in_batches(some, _BATCH))
    return Measured(
        judged=_judged(reader, test),
        tuning=_judged(reader, tuning),
        times=tuple(times),
        batched_per_second=count / (time.perf_counter() - begun),
        memory_mb=memory,
    )


def _apart() -> ProcessPoolExecutor:
    """A process for one task, so that memory is that of the task alone."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["nlu.commands"])
    return ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1)


def measured(name: str, folds: Iterable[Fold]) -> Figures:
    found: list[Measured] = []
    seconds: list[float] = []
    rows, size = 0, 0
    for fold in folds:
        with tempfile.TemporaryDirectory() as folder, _apart() as process:
            place = Path(folder)
            seconds.append(process.submit(_train, fold.train, place).result())
            files = (place / "model").rglob("*")
            size = sum(file.stat().st_size for file in files if file.is_file())
            found.append(process.submit(_measure, place / "model", fold.test, fold.tuning).result())
            rows = len(fold.train)
    judged = [one for part in found for one in part.judged]
    times = sorted(taken for part in found for taken in part.times)
    read = figures(judged)
    measured_figures = Figures(
        name=name,
        train_rows=rows,
        test_rows=len(judged),
        accuracy=read.accuracy,
        macro_f1=read.macro_f1,
        calibration_error=read.calibration_error,
        accepted=read.accepted,
        recall=read.out_of_scope_recall,
        auroc=read.out_of_scope_auroc,
        train_seconds=round(sum(seconds) / len(seconds), 2),
        p50=round(times[len(times) // 2], 3),
        p99=round(times[int(len(times) * 0.99)], 3),
        batched_per_second=round(min(one.batched_per_second for one in found), 0),
        memory_mb=round(max(one.memory_mb for one in found), 0),
        folder_mb=round(size / 1e6, 2),
    )
    if not found[0].tuning:
        return measured_figures
    accuracy, recall = _tuned(found[0])
    return measured_figures.model_copy(update={"tuned_accuracy": accuracy, "tuned_recall": recall})


def _tuned(measured: Measured) -> tuple[float, float]:
    """Accuracy and recall of what is out of scope, at the threshold best on the tuning rows.

    Best is the most rows right in all, those out of scope being right when they are rejected.
    """

    def right(rows: Sequence[Judged], line: float) -> tuple[list[bool], list[bool]]:
        inside = [
            r.best == r.label and r.read.scope >= line for r in rows if r.label != OUT_OF_SCOPE
        ]
        outside = [r.read.scope < line for r in rows if r.label == OUT_OF_SCOPE]
        return inside, outside

    lines = np.quantile([row.read.scope for row in measured.tuning], np.linspace(0, 0.5, 101))
    line = max(lines.tolist(), key=lambda line: sum(map(sum, right(measured.tuning, line))))
    inside, outside = right(measured.judged, line)
    return round(sum(inside) / len(inside), 4), round(sum(outside) / max(len(outside), 1), 4)
