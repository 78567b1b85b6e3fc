"""The sets on which reading is measured: what is trained on, and what is read.

Public sets lie in a folder beside the project and are never part of it; those that are not there
are skipped. The project's own probe (`nlu_probe_sv.jsonl`) always is.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from nlu.data import OUT_OF_SCOPE
from tests.bench.nlu_damage import DAMAGES, damaged, misspelt

PROBE = Path(__file__).with_name("nlu_probe_sv.jsonl")
_FOLDS = 5
_NEAR, _FAR = "oos_in_domain", "oos_out_of_domain"


class Line(NamedTuple):
    """One text and its label."""

    text: str
    label: str


class Fold(NamedTuple):
    """What is trained on, what is read, and rows on which a threshold may be chosen."""

    train: Sequence[Line]
    test: Sequence[Line]
    tuning: Sequence[Line] = ()


class Goal(NamedTuple):
    """Figures that are known to be reachable, None where there are none."""

    accuracy: float | None = None
    auroc: float | None = None
    recall: float | None = None


class Absent(Exception):
    """A file of the set is not there."""


def lines(folder: Path, name: str) -> list[Line]:
    """The rows of a file of the folder; those without a single label are left out."""
    path = folder / f"{name}.jsonl"
    if not path.is_file():
        raise Absent(path.name)
    found = []
    with path.open(encoding="utf-8") as rows:
        for row in map(json.loads, rows):
            label = row.get("label") or (row["labels"][0] if len(row["labels"]) == 1 else None)
            if label and row["text"].strip():
                found.append(Line(row["text"], label))
    return found


def first_of(folder: Path, *names: str) -> list[Line]:
    """The rows of the first file that is there."""
    for name in names:
        if (folder / f"{name}.jsonl").is_file():
            return lines(folder, name)
    raise Absent(f"{names[0]}.jsonl")


def _by_label(rows: Iterable[Line], seed: int = 0) -> dict[str, list[Line]]:
    grouped: dict[str, list[Line]] = defaultdict(list)
    for row in rows:
        grouped[row.label].append(row)
    for own in grouped.values():
        random.Random(seed).shuffle(own)
    return dict(sorted(grouped.items()))


def cross(rows: Sequence[Line]) -> list[Fold]:
    """Five folds, every label spread over them."""
    held: list[list[Line]] = [[] for _ in range(_FOLDS)]
    for number, own in enumerate(_by_label(rows).values()):
        for at, row in enumerate(own):
            held[(at + number) % _FOLDS].append(row)
    return [
        Fold([row for other in held if other is not test for row in other], test) for test in held
    ]


def _plain(train: str, *tests: str) -> Callable[[Path], list[Fold]]:
    def build(folder: Path) -> list[Fold]:
        return [Fold(lines(folder, train), first_of(folder, *tests))]

    return build


def _clinc(train: str) -> Callable[[Path], list[Fold]]:
    def build(folder: Path) -> list[Fold]:
        known = [row for row in lines(folder, train) if row.label != OUT_OF_SCOPE]
        tuning = lines(folder, "clinc150_val")
        if (folder / "clinc150_test.jsonl").is_file():
            return [Fold(known, lines(folder, "clinc150_test"), tuning)]
        return [Fold(known, tuning[1::2], tuning[::2])]

    return build


def _banking_oos(kind: str) -> Callable[[Path], list[Fold]]:
    def build(folder: Path) -> list[Fold]:
        strange = {_NEAR, _FAR}
        known = [r for r in lines(folder, "banking77_oos_trainval") if r.label not in strange]
        test = [
            Line(row.text, OUT_OF_SCOPE if row.label == kind else row.label)
            for row in lines(folder, "banking77_oos_test")
            if row.label not in strange - {kind}
        ]
        return [Fold(known, test)]

    return build


def _bitext(folder: Path) -> list[Fold]:
    train, test = [], []
    for own in _by_label(lines(folder, "bitext_support")).values():
        train += own[:10]
        test += own[10:60]
    return [Fold(train, test)]


def _noisy(name: str, topic: str, *, seed: int) -> Callable[[Path], list[Fold]]:
    """A real-life bot: unequal counts, misspelt test, unknown intents and foreign topics."""

    def build(folder: Path) -> list[Fold]:
        grouped = list(_by_label(lines(folder, name), seed).items())
        chance = random.Random(seed)
        chance.shuffle(grouped)
        known = grouped[: min(30, len(grouped) * 3 // 4)]
        train, test = [], []
        for number, (label, own) in enumerate(known):
            count = max(4, int(60 * 0.87**number))
            train += own[:count]
            for row in own[count : count + 12]:
                words = [
                    misspelt(word, chance) if chance.random() < 0.2 else word
                    for word in row.text.split()[:10]
                ]
                test.append(Line(" ".join(words), label))
        unknown = [row for _, own in grouped[len(known) :] for row in own]
        foreign = lines(folder, topic)
        for rows in (unknown, foreign):
            some = chance.sample(rows, min(150, len(rows)))
            test += [Line(row.text, OUT_OF_SCOPE) for row in some]
        return [Fold(train, test)]

    return build


def _own_probe(folder: Path) -> list[Fold]:
    return cross(lines(PROBE.parent, PROBE.stem))


def _probe(name: str) -> Callable[[Path], list[Fold]]:
    def build(folder: Path) -> list[Fold]:
        rows = lines(folder, f"{name}_train")
        if (folder / f"{name}_test.jsonl").is_file():
            return [Fold(rows, lines(folder, f"{name}_test"))]
        return cross(rows)

    return build


def _broken(build: Callable[[Path], list[Fold]], kind: str) -> Callable[[Path], list[Fold]]:
    def damage(folder: Path) -> list[Fold]:
        return [
            fold._replace(test=[Line(damaged(row.text, kind), row.label) for row in fold.test])
            for fold in build(folder)
        ]

    return damage


class Set(NamedTuple):
    """A set by name, how it is put together, and what is known to be reachable on it."""

    name: str
    build: Callable[[Path], list[Fold]]
    goal: Goal = Goal()


_BANKING10 = _plain("banking77_train10", "banking77_test")
_OWN = (
    Set("banking77", _plain("banking77_train", "banking77_test"), Goal(0.9325)),
    Set("banking77_10", _BANKING10, Goal(0.8253)),
    Set("banking77_5", _plain("banking77_train5", "banking77_test"), Goal(0.7286)),
    Set("clinc150", _clinc("clinc150_train"), Goal(0.936, 0.965, 0.617)),
    Set("clinc150_10", _clinc("clinc150_train10"), Goal(0.8527)),
    Set("clinc150_5", _clinc("clinc150_train5"), Goal(0.7782)),
    Set("hwu64", _plain("hwu64_train", "hwu64_test", "hwu64_val")),
    Set("hwu64_10", _plain("hwu64_train10", "hwu64_test", "hwu64_val"), Goal(0.7779)),
    Set("hwu64_5", _plain("hwu64_train5", "hwu64_test", "hwu64_val"), Goal(0.7026)),
    Set("banking77_near", _banking_oos(_NEAR), Goal(0.869, 0.84)),
    Set("banking77_far", _banking_oos(_FAR), Goal(0.869, 0.993)),
    Set("nlupp_banking", lambda folder: cross(lines(folder, "nlupp_banking"))),
    Set("nlupp_hotels", lambda folder: cross(lines(folder, "nlupp_hotels"))),
    Set("bitext_10", _bitext),
    Set("noisy_shop", _noisy("bitext_support", "hwu64_val", seed=1)),
    Set("noisy_bank", _noisy("banking77_train", "clinc150_val", seed=2)),
    Set("noisy_home", _noisy("clinc150_train", "banking77_test", seed=3)),
    Set("sv_support", _probe("sv_support_probe"), Goal(0.47)),
    Set("sv_home", _probe("sv_homeassistant")),
    Set("sv_own", _own_probe),
)
_DAMAGED_GOALS: Mapping[str, Goal] = {"typos20": Goal(0.767), "typos50": Goal(0.685)}
_DAMAGED = tuple(
    Set(f"{name}+{kind}", _broken(build, kind), goals.get(kind, Goal()))
    for name, build, goals in (
        ("banking77_10", _BANKING10, _DAMAGED_GOALS),
        ("sv_own", _own_probe, {}),
    )
    for kind in DAMAGES
    if (name, kind) != ("banking77_10", "bare")
)
_CHATBOTS = {
    "curekart": Goal(0.858, 0.895),
    "powerplay11": Goal(0.662, 0.794),
    "sofmattress": Goal(0.779, 0.910),
}
_SERVICES = {"10": Goal(0.778), "30": Goal(0.833)}


def _pair(train: Path) -> Callable[[Path], list[Fold]]:
    """A training file with the test file named alike, `..._test.jsonl`."""
    stem = train.stem.partition("_train")[0]
    return _plain(train.stem, train.stem.replace("train", "test"), f"{stem}_test")


def every_set(folder: Path) -> list[Set]:
    """All sets, also the pairs of real chatbots and of services when they lie in the folder."""
    found = list(_OWN)
    for train in sorted(
        (*folder.glob("hint3*train*.jsonl"), *folder.glob("hwu_saas*train*.jsonl"))
    ):
        goals = {**_CHATBOTS, **_SERVICES}
        goal = next((known for part, known in goals.items() if part in train.stem), Goal())
        found.append(Set(train.stem.replace("_train", ""), _pair(train), goal))
    return [*found, *_DAMAGED]
