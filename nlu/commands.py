"""The reader's commands: train, evaluate, predict."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import JsonValue, TypeAdapter

from bot.errors import ConfigError
from bot.model.understanding import Language, Understanding, Utterance
from nlu.data import OUT_OF_SCOPE, read_rows
from nlu.measure import Figures, Judged, Latency, Report, figures
from nlu.reader import Reader
from nlu.train import TrainingReport, train

_BATCH = 64
_TIMED = 2_000
_line = TypeAdapter(dict[str, JsonValue])

__all__ = ["Report", "TrainingReport", "evaluate", "predict", "train"]


def evaluate(model: Path, file: Path, *, use_vectors: bool = True) -> Report:
    """Measure a model on a .jsonl file of text and label (`oos`: none of the intents).

    Raises ConfigError on a bad model or row.
    """
    reader = Reader.load(model, use_vectors=use_vectors)
    texts: list[Utterance] = []
    labels: list[str] = []
    for placed in read_rows(file):
        if not placed.row.label:
            mend = "Give every row a label, `oos` for none of the intents."
            raise ConfigError("no label", where=placed.where, mend=mend)
        texts.append(Utterance(text=placed.row.text))
        labels.append(placed.row.label)
    if not any(label != OUT_OF_SCOPE for label in labels):
        raise ConfigError(
            "no rows within scope", where=str(file), mend="Add rows with the model's intents."
        )
    latency = _latency(reader, texts)
    read = list(reader.in_batches(texts, _BATCH))
    judged = [
        Judged(label=label, read=understanding)
        for label, understanding in zip(labels, read, strict=True)
    ]
    return _report(reader, file, labels, figures(judged), latency)


def _report(
    reader: Reader, file: Path, labels: Sequence[str], found: Figures, latency: Latency
) -> Report:
    strange = labels.count(OUT_OF_SCOPE)
    facts = reader.model.intent.trained
    vectors = reader.model.intent.vectors
    return Report(
        model=reader.model.version,
        file=str(file),
        vectors=vectors.name if vectors else None,
        rows=len(labels),
        in_scope=len(labels) - strange,
        out_of_scope=strange,
        accuracy=found.accuracy,
        macro_f1=found.macro_f1,
        calibration_error=found.calibration_error,
        accepted=found.accepted,
        accuracy_accepted=found.accuracy_accepted,
        out_of_scope_recall=found.out_of_scope_recall,
        out_of_scope_auroc=found.out_of_scope_auroc,
        unknown_labels=tuple(sorted(set(labels) - set(facts.names) - {OUT_OF_SCOPE})),
        intents=found.intents,
        latency=latency,
    )


def _latency(reader: Reader, texts: Sequence[Utterance]) -> Latency:
    taken = []
    for text in texts[:_TIMED]:
        begun = time.perf_counter()
        reader.read([text])
        taken.append(time.perf_counter() - begun)
    taken.sort()
    begun = time.perf_counter()
    count = sum(1 for _ in reader.in_batches(texts[:_TIMED], _BATCH))
    return Latency(
        p50=round(1000 * taken[len(taken) // 2], 4),
        p99=round(1000 * taken[int(len(taken) * 0.99)], 4),
        batched_per_second=round(count / (time.perf_counter() - begun), 1),
    )


def predict(model: Path, file: Path, *, use_vectors: bool = True) -> Iterator[str]:
    """One JSON line a row: the row's own fields, and what was read.

    Adds `intent` (the likeliest, also when `in_scope` is false; None for a text without words),
    `confidence`, `scope`, `in_scope`, `stages`, `language` and `ms`. Raises ConfigError on a bad
    model or row.
    """
    reader = Reader.load(model, use_vectors=use_vectors)
    for placed in read_rows(file):
        language = _prior(placed.row.lang)
        begun = time.perf_counter()
        (understanding,) = reader.read([Utterance(text=placed.row.text, language=language)])
        taken = 1000 * (time.perf_counter() - begun)
        fields = placed.fields | _fields(understanding) | {"ms": round(taken, 4)}
        yield _line.dump_json(fields).decode()


def _prior(code: str | None) -> Language | None:
    match code:
        case "sv":
            return "sv"
        case "en":
            return "en"
        case _:
            return None


def _fields(read: Understanding) -> dict[str, JsonValue]:
    return {
        "intent": read.guesses[0].intent if read.guesses else None,
        "confidence": round(read.confidence, 4),
        "scope": round(read.scope, 6),
        "in_scope": read.in_scope,
        "stages": {share.stage: round(share.share, 4) for share in read.stages},
        "language": read.language,
    }
