"""Everything that is said of a model: its figures, where it errs, and what its curves look like."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from bot.model.value import Value
from nlu.commands import evaluate
from nlu.comparing import judged
from nlu.data import (
    OUT_OF_SCOPE,
    Corpus,
    Example,
    Overlap,
    comparable,
    load_corpus,
    overlaps,
    read_rows,
)
from nlu.measure import Judged, Report
from nlu.pipeline import Caution
from nlu.reader import Reader

_BINS = 10
_POINTS = 100
_CONFUSIONS = 20


class Point(Value):
    """One place of a curve, both ways from 0 to 1."""

    x: float
    y: float


class FullReport(Value):
    """Figures and curves of a model on labelled rows.

    `calibration`: how often it is right (y) where it is so sure (x). `coverage`: how often it is
    right (y) in the surest share (x). `roc`: strange texts refused (y) when so many known ones
    are (x). `confusions`: label, what it was read as, how often. `overlaps` and `repeats` are of
    the training data, where that was named.
    """

    figures: Report
    caution: Caution | None
    confusions: tuple[tuple[str, str, int], ...]
    calibration: tuple[Point, ...]
    coverage: tuple[Point, ...]
    roc: tuple[Point, ...]
    overlaps: tuple[Overlap, ...] = ()
    repeats: tuple[Overlap, ...] = ()


def report(
    model: Path, file: Path, *, data: Path | None = None, use_vectors: bool = True
) -> FullReport:
    """Measure a model on a .jsonl file, and look through the data it learnt from; ConfigError."""
    figures = evaluate(model, file, use_vectors=use_vectors)
    reader = Reader.load(model, use_vectors=use_vectors)
    rows = judged(reader, list(read_rows(file)))
    inside = [row for row in rows if row.label != OUT_OF_SCOPE]
    outside = [row for row in rows if row.label == OUT_OF_SCOPE]
    written = _written(load_corpus(data)) if data is not None else ()
    return FullReport(
        figures=figures,
        caution=reader.model.caution,
        confusions=_confusions(rows),
        calibration=_calibration(inside),
        coverage=_coverage(inside),
        roc=_roc(inside, outside),
        overlaps=overlaps(written),
        repeats=repeated(written),
    )


def _written(corpus: Corpus) -> tuple[Example, ...]:
    return (*corpus.examples, *corpus.outside)


def repeated(examples: Iterable[Example]) -> tuple[Overlap, ...]:
    """Texts that stand under the same intent more than once, with their places."""
    places: dict[tuple[str, str], list[Example]] = defaultdict(list)
    for example in examples:
        places[example.intent, comparable(example.text)].append(example)
    return tuple(
        Overlap(
            text=same[0].text, intents=(intent,), where=tuple(example.where for example in same)
        )
        for (intent, _), same in places.items()
        if len(same) > 1
    )


def _confusions(rows: Iterable[Judged]) -> tuple[tuple[str, str, int], ...]:
    taken = Counter(
        (row.label, row.read.intent or OUT_OF_SCOPE)
        for row in rows
        if row.label != (row.read.intent or OUT_OF_SCOPE)
    )
    ordered = sorted(taken.items(), key=lambda one: (-one[1], one[0]))
    return tuple((label, read, count) for (label, read), count in ordered[:_CONFUSIONS])


def _calibration(rows: Sequence[Judged]) -> tuple[Point, ...]:
    bins: dict[int, list[Judged]] = defaultdict(list)
    for row in rows:
        bins[min(int(row.read.confidence * _BINS), _BINS - 1)].append(row)
    return tuple(
        Point(
            x=round(sum(row.read.confidence for row in some) / len(some), 4),
            y=round(sum(row.best == row.label for row in some) / len(some), 4),
        )
        for _, some in sorted(bins.items())
    )


def _coverage(rows: Sequence[Judged]) -> tuple[Point, ...]:
    ordered = sorted(rows, key=lambda row: -row.read.confidence)
    right, points = 0, []
    for count, row in enumerate(ordered, start=1):
        right += row.best == row.label
        points.append(Point(x=round(count / len(ordered), 4), y=round(right / count, 4)))
    return _thinned(points)


def _roc(inside: Sequence[Judged], outside: Sequence[Judged]) -> tuple[Point, ...]:
    if not inside or not outside:
        return ()
    known = sorted(row.read.scope for row in inside)
    strange = sorted(row.read.scope for row in outside)
    points = [
        Point(
            x=round(sum(scope < line for scope in known) / len(known), 4),
            y=round(sum(scope < line for scope in strange) / len(strange), 4),
        )
        for line in sorted({*known, *strange, 1.01})
    ]
    return _thinned(points)


def _thinned(points: Sequence[Point]) -> tuple[Point, ...]:
    """Some of many points, the last among them."""
    step = max(1, len(points) // _POINTS)
    some = list(points[::step])
    return (*some, points[-1]) if some[-1] != points[-1] else tuple(some)
