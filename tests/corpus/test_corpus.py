"""The corpus beside the project, file by file: no core case may fail."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.corpus import runner
from tests.corpus.cases import load

FOLDER = Path(os.environ.get("SAMTAL_SHARED") or ROOT.parent / "shared") / "corpus"
# Sequences have their own tests, one each: `test_sequences.py`.
FILES = sorted(path.name for path in FOLDER.glob("*.json") if path.stem != "sequences")


@pytest.mark.parametrize("name", FILES or ["(no corpus)"])
def test_no_core_case_of_this_file_fails(name: str) -> None:
    if not FOLDER.is_dir():
        pytest.skip(f"no corpus at {FOLDER}: it is not part of the project")
    outcomes = [runner.run(case) for case in load([FOLDER / name])]
    if all(outcome.skipped for outcome in outcomes):
        pytest.skip(f"none of its {len(outcomes)} cases is ours: {outcomes[0].skipped}")
    failed = [o for o in outcomes if o.problems and o.case.level == "core"]
    assert not failed, "\n".join(runner.report(failed))
