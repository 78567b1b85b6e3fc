"""How well the journey's stage is known, turn by turn: python -m tests.bench.stage [FOLDER].

FOLDER (../shared/nlu) holds dialogues: `stage_sgd_train.jsonl` to learn intents from, and
`stage_sgd_dev.jsonl` to measure on. The filter is the hub's, with the chances it has for stages
that it was told nothing of.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from bot.hub.journey import Belief, Journey
from bot.hub.settings import HubSettings
from bot.model.ids import IdentityId
from bot.model.understanding import StageShare, Understanding, Utterance
from nlu.data import PlacedRow, read_rows
from nlu.reader import Reader
from nlu.train import train

_BEGUN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
_TURN = timedelta(seconds=30)
_LEAST = 1e-6
_BATCH = 64
# Reachable, as measured by others on these dialogues.
_ACCURACY, _LOSS = 0.89, 0.28
Shares = tuple[StageShare, ...]


def main(folder: Path) -> None:
    learn, measure = folder / "stage_sgd_train.jsonl", folder / "stage_sgd_dev.jsonl"
    if not (learn.is_file() and measure.is_file()):
        print(f"skipped: no {learn.name} and {measure.name} in {folder}")
        return
    with tempfile.TemporaryDirectory() as place:
        data, model = Path(place) / "data.jsonl", Path(place) / "model"
        data.write_text("".join(map(_taught, read_rows(learn))), encoding="utf-8")
        report = train(data, model)
        print(f"train    {report.examples} turns, {report.intents} intents, {report.seconds:.0f} s")
        reader = Reader.load(model)
    rows = list(read_rows(measure))
    texts = [Utterance(text=placed.row.text) for placed in rows]
    read = list(reader.in_batches(texts, _BATCH))
    labels = [placed.row.label or "" for placed in rows]
    dialogues = [str(placed.fields["dialogue"]) for placed in rows]
    stages = tuple(share.stage for share in read[0].stages)
    print(f"turns    {len(rows)}, stages {', '.join(stages)}")
    _tell("message alone", labels, dialogues, [one.stages for one in read])
    accuracy, loss = _tell("filter", labels, dialogues, list(_filtered(stages, dialogues, read)))
    reached = "reached" if accuracy >= _ACCURACY and loss <= _LOSS else "not reached"
    print(f"target   accuracy {_ACCURACY}, log loss {_LOSS}: {reached}")


def _taught(placed: PlacedRow) -> str:
    """A row to learn from: an intent in one stage is an intent of its own."""
    stage = placed.row.label
    label = f"{placed.fields['intent']}.{stage}"
    return json.dumps({"text": placed.row.text, "label": label, "stage": stage}) + "\n"


def _filtered(
    stages: tuple[str, ...], dialogues: Sequence[str], read: Sequence[Understanding]
) -> Iterator[Shares]:
    journey = Journey(HubSettings(stages=stages))
    belief, now, dialogue = Belief(), _BEGUN, ""
    for name, understanding in zip(dialogues, read, strict=True):
        belief, dialogue = (belief if name == dialogue else Belief()), name
        now += _TURN
        signs = journey.heard(understanding, at=now, identity=IdentityId.of(name))
        move = journey.moved(belief, signs)
        belief = move.after if move else belief
        even = tuple(StageShare(stage=stage, share=1 / len(stages)) for stage in stages)
        yield belief.shares or even


def _tell(
    name: str, labels: Sequence[str], dialogues: Sequence[str], beliefs: Sequence[Shares]
) -> tuple[float, float]:
    shares = [{one.stage: one.share for one in belief} for belief in beliefs]
    best = [max(share, key=lambda stage: share[stage]) for share in shares]
    right = [one == label for one, label in zip(best, labels, strict=True)]
    losses = [-math.log(max(s[label], _LEAST)) for s, label in zip(shares, labels, strict=True)]
    accuracy, loss = sum(right) / len(right), sum(losses) / len(losses)
    where = list(zip(dialogues, labels, strict=True))
    moved = [one[0] == other[0] and one[1] != other[1] for one, other in pairwise(where)]
    switches = [ok for ok, moves in zip(right[1:], moved, strict=True) if moves]
    stays = [ok for ok, moves in zip(right[1:], moved, strict=True) if not moves]
    print(
        f"{name:<14} accuracy {accuracy:.4f}  macro-F1 {_macro_f1(best, labels):.4f}"
        f"  log loss {loss:.4f}  at switches {sum(switches) / len(switches):.4f}"
        f"  at stays {sum(stays) / len(stays):.4f}"
    )
    return accuracy, loss


def _macro_f1(best: Sequence[str], labels: Sequence[str]) -> float:
    scores = []
    for stage in sorted(set(labels)):
        both = sum(one == label == stage for one, label in zip(best, labels, strict=True))
        scores.append(2 * both / (best.count(stage) + labels.count(stage)))
    return sum(scores) / len(scores)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("../shared/nlu"))
    main(parser.parse_args().folder)
