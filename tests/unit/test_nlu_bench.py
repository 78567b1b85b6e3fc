"""The bench of the reader: damage is seeded, sets are whole, what is absent is skipped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nlu.data import OUT_OF_SCOPE
from tests.bench.nlu_damage import DAMAGES, damaged
from tests.bench.nlu_sets import PROBE, Absent, Line, cross, every_set, lines

TEXT = "Kan ni återbetala min order, snälla?"


def test_damage_is_the_same_each_time_and_of_its_kind() -> None:
    assert [damaged(TEXT, kind) for kind in DAMAGES] == [damaged(TEXT, kind) for kind in DAMAGES]
    assert damaged(TEXT, "bare") == "Kan ni aterbetala min order, snalla?"
    assert damaged(TEXT, "caps") == "KAN NI ÅTERBETALA MIN ORDER, SNÄLLA!!!"
    assert damaged("the money please", "sms") == "the mny pls"
    changed = damaged(TEXT, "typos50")
    assert changed != TEXT
    assert len(changed.split()) == len(TEXT.split())


def test_folds_hold_out_every_row_once() -> None:
    rows = [Line(f"text {number}", f"label {number % 3}") for number in range(20)]
    folds = cross(rows)
    assert sorted(row for fold in folds for row in fold.test) == sorted(rows)
    assert all(set(fold.train).isdisjoint(fold.test) for fold in folds)


def test_pairs_of_train_and_test_are_found_and_others_skipped(tmp_path: Path) -> None:
    row = json.dumps({"text": "hello", "label": "greet"}) + "\n"
    for name in ("hint3_curekart_train", "hint3_curekart_test"):
        (tmp_path / f"{name}.jsonl").write_text(row, encoding="utf-8")
    sets = {one.name: one for one in every_set(tmp_path)}
    assert sets["hint3_curekart"].goal.auroc == 0.895
    assert sets["hint3_curekart"].build(tmp_path)[0].test == [Line("hello", "greet")]
    with pytest.raises(Absent, match="banking77_train"):
        sets["banking77"].build(tmp_path)


def test_our_own_probe_is_swedish_and_whole() -> None:
    rows = lines(PROBE.parent, PROBE.stem)
    assert len({row.text for row in rows}) == len(rows) == 84
    assert len({row.label for row in rows}) == 12
    assert OUT_OF_SCOPE not in {row.label for row in rows}
