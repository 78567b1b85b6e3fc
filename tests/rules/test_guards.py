"""The guards themselves: each must be able to fail a test."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.rules.tree import ROOT

SLEEPER = """
import asyncio
async def forgotten(): await asyncio.sleep(60)
async def test_it():
    global task
    task = asyncio.create_task(forgotten())
"""
SWALLOWED = """
import contextlib, socket
def test_it():
    with socket.socket() as s, contextlib.suppress(Exception):
        s.connect(('192.0.2.1', 80))
"""
RESOLVER = """
import socket
def test_it(): socket.getaddrinfo('example.org', 80)
"""
CLIENT = """
import asyncio
async def test_it(): await asyncio.open_connection('example.org', 80)
"""
THREAD = """
import threading
def test_it(): threading.Thread(target=threading.Event().wait, args=(2,)).start()
"""
WARNING = """
import warnings
def test_it(): warnings.warn('careless')
"""
SLOW = """
import time, pytest
@pytest.mark.timeout(1)
def test_it(): time.sleep(30)
"""
MARKED = """
import pytest
@pytest.mark.unheard_of
def test_it(): ...
"""
GOOD = """
import asyncio, threading
async def test_it():
    server = await asyncio.start_server(lambda r, w: w.close(), '127.0.0.1', 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection('localhost', port)
    writer.close()
    server.close()
    await asyncio.to_thread(int)
    await asyncio.gather(asyncio.create_task(asyncio.sleep(0)))
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()
"""
CASES = {
    "swallowed": (SWALLOWED, "tried to leave this machine: 192.0.2.1"),
    "name": (RESOLVER, "refused: example.org"),
    "loop": (CLIENT, "refused: example.org"),
    "task": (SLEEPER, "tasks still run after the test"),
    "thread": (THREAD, "threads still run after the test"),
    "warning": (WARNING, "careless"),
    "timeout": (SLOW, "Timeout"),
    "marker": (MARKED, "unheard_of"),
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the guards say of each case, all in one run."""
    folder = tmp_path_factory.mktemp("cases")
    bodies = {"good": GOOD} | {name: body for name, (body, _) in CASES.items()}
    for name, body in bodies.items():
        (folder / f"test_{name}.py").write_text(body)
    command = [sys.executable, "-m", "pytest", "-p", "tests.guards", "-p", "no:cacheprovider"]
    command += ["--rootdir", str(folder), "-c", str(ROOT / "pyproject.toml"), "-rpfE"]
    command += ["--continue-on-collection-errors", str(folder)]
    wide = os.environ | {"COLUMNS": "300"}  # a result on one line
    done = subprocess.run(command, cwd=ROOT, env=wide, capture_output=True, text=True, check=False)
    results = re.findall(r"^(?:ERROR|FAILED|PASSED) \S*test_(\w+)\.py.*", done.stdout, re.MULTILINE)
    assert set(results) == {"good", *CASES}, done.stdout
    lines = done.stdout.splitlines()
    return {
        name: "\n".join(line for line in lines if re.match(rf"[A-Z]+ \S*test_{name}\.py", line))
        for name in results
    }


@pytest.mark.parametrize("case", CASES)
def test_a_guard_fails_the_test(case: str, said: dict[str, str]) -> None:
    assert CASES[case][1] in said[case]


def test_a_well_behaved_test_passes(said: dict[str, str]) -> None:
    assert said["good"].startswith("PASSED")
    assert "\n" not in said["good"]
