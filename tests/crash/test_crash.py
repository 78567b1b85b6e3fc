"""A short ordeal: what `python -m tests.crash` does for minutes, for a few seconds."""

from __future__ import annotations

import random

import pytest

from tests.bench.server import MODEL
from tests.crash.driver import Plan, run


@pytest.mark.slow
@pytest.mark.timeout(150)
async def test_kill_9_loses_nothing_and_doubles_nothing() -> None:
    if not (MODEL / "model.json").is_file():
        pytest.skip(f"no trained model in {MODEL}; `make test` trains one")
    seed = random.randrange(1_000_000)
    result = await run(Plan(kills=3, rate=60, seconds=8, senders=60, seed=seed))
    assert result.problems == (), f"seed {seed}: {result.counts.line()}"
    assert result.exit_code == 0
    assert result.counts.posted == result.counts.accepted == result.counts.shown
    # The ordeal was one: servers died with webhooks unanswered, and messages came again.
    assert result.counts.posted >= 300
    assert result.retries > 0
    assert result.repeats > 0
