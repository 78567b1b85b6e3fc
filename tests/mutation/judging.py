"""Whether the tests of a channel notice a fault in it, each time in a process of its own."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

import channels
from tests.contract import channel_samples
from tests.corpus import __main__ as corpus

ROOT: Final = Path(__file__).resolve().parents[2]
_POLL: Final = 0.05
_PRELOADED: Final = "ignore::pytest.PytestAssertRewriteWarning"  # what all children share
_KINDS: Final = ("--kind", "incoming", "--kind", "outgoing")


class Verdict(StrEnum):
    """What became of a fault."""

    KILLED = "killed"
    SURVIVED = "survived"
    TIMEOUT = "timeout"


class Judge:
    """A channel's folder copied to where faults may be put into it, and its tests."""

    def __init__(self, name: str, folder: Path, *, recorded: Path | None, patience: float) -> None:
        self.name = name
        self.own = ROOT / "channels" / name
        self._copies = folder
        self._recorded = recorded
        self.patience = patience
        shutil.copytree(self.own, folder / name, ignore=shutil.ignore_patterns("__pycache__"))

    def judge(self, module: str | None = None, source: str = "") -> Verdict:
        """Run the tests with this source in place of a module; without one as it stands."""
        if module is not None:
            (self._copies / self.name / module).write_text(source, "utf-8")
        try:
            return self._run()
        finally:
            if module is not None:
                shutil.copy(self.own / module, self._copies / self.name / module)

    def _run(self) -> Verdict:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                status = self._tests()
            finally:
                os._exit(status)
        deadline = time.monotonic() + self.patience
        while time.monotonic() < deadline:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return Verdict.KILLED if status else Verdict.SURVIVED
            time.sleep(_POLL)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return Verdict.TIMEOUT

    def _tests(self) -> int:
        """0 when all of them pass; what they say goes nowhere."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        os.chdir(ROOT)
        sys.dont_write_bytecode = True
        channels.__path__.insert(0, str(self._copies))
        # The same tests for every fault, and none that is noticed by luck.
        settings.register_profile("mutation", deadline=None, derandomize=True, max_examples=30)
        contract = [str(path) for path in Path("tests/contract").glob("test_channel*.py")]
        own = Path("tests/unit") / f"test_{self.name}.py"
        quick = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
        quick += ["--hypothesis-profile", "mutation", "-W", _PRELOADED]
        failed = pytest.main([*quick, *contract, "-k", self.name])
        if not failed and own.is_file():
            failed = pytest.main([*quick, str(own)])
        if not failed and self._recorded is not None:
            cases = [str(path) for path in self._recorded.glob(f"{self.name}.*.json")]
            failed = corpus.main([*cases, *_KINDS]) if cases else 0
        return int(bool(failed))


def names() -> list[str]:
    """The channels that can be asked for."""
    return channel_samples.names()
