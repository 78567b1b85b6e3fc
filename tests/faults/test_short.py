"""A short ordeal of a whole installation: what `make faults` does for half an hour, in minutes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bench.server import MODEL, ROOT
from tests.faults.lab import why_not
from tests.servers import Missing, do_without, find_mongod, find_nats_server

FAULTS, MESSAGES, SECONDS = 18, 1800, 60


@pytest.mark.slow
@pytest.mark.timeout(840)
def test_faults_lose_nothing_double_nothing_and_keep_the_order(tmp_path: Path) -> None:
    if not (MODEL / "model.json").is_file():
        pytest.skip(f"no trained model in {MODEL}; `make test` trains one")
    try:
        find_mongod(), find_nats_server()
    except Missing as missing:
        do_without(str(missing))
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    document = tmp_path / "outcome.json"
    # A process of its own: this one may not leave the loopback.
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.faults", "--json", str(document)),
            *("--faults", str(FAULTS), "--messages", str(MESSAGES), "--seconds", str(SECONDS)),
            *("--visitors", "4", "--longest", "6", "--folder", str(tmp_path)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    outcome: dict[str, Any] = json.loads(document.read_text("utf-8"))
    counts = outcome["counts"]
    assert outcome["problems"] == []
    assert counts["posted"] == counts["accepted"] == counts["shown"] > MESSAGES
    # The ordeal was one: everything that was planned was done, by machines that could be cut off.
    assert outcome["can_cut"]
    assert sum(outcome["faults"].values()) == FAULTS
    assert counts["sent"] > MESSAGES / 2
    assert outcome["repeats"] > 0
    assert outcome["agents"]["reply done"] > 0
    assert outcome["browsers"] == 4
