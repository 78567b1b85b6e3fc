"""What all tests have in common."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ["tests.guards", "tests.servers"]

ROOT = Path(__file__).resolve().parent.parent

# The machine's load is no fault of the code's; the timeout of every test is the limit.
settings.register_profile("samtal", deadline=None, print_blob=True)
settings.load_profile("samtal")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of corpora and material beside the project; SAMTAL_SHARED names another."""
    named = os.environ.get("SAMTAL_SHARED")
    folder = Path(named) if named else ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"no shared material at {folder}; set SAMTAL_SHARED to the folder that has it")
    return folder
