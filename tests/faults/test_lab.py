"""Machines of the lab reach each other until they are cut off, and leave nothing behind."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.lab import Machine, Namespaces, SmallDisk, clear_away, why_not

SERVE = """
import socket, sys
with socket.create_server((sys.argv[1], 9000)) as server:
    print("serves", flush=True)
    while True:
        server.accept()[0].close()
"""
REACH = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], 9000), timeout=float(sys.argv[2])).close()
except OSError as error:
    sys.exit(type(error).__name__)
"""


@pytest.fixture
def lab() -> Iterator[Namespaces]:
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    made = Namespaces()
    yield made
    made.close()


def reaches(one: Machine, other: Machine, *, patience: float = 5.0) -> bool:
    command = [*one.prefix, sys.executable, "-c", REACH, other.address, str(patience)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def spaces() -> str:
    return subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout


def test_a_machine_that_is_cut_off_is_not_reached(lab: Namespaces) -> None:
    one, other = lab.machine("one"), lab.machine("other")
    command = [*other.prefix, sys.executable, "-c", SERVE, other.address]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == b"serves\n"
            assert reaches(one, other)
            for hurt in (lab.cut, lab.unplug):
                hurt("other")
                assert not reaches(one, other, patience=0.5)
                lab.mend("other")
                assert reaches(one, other)
        finally:
            server.kill()


def test_nothing_is_left(lab: Namespaces) -> None:
    machine = lab.machine("one")
    assert machine.prefix[-1] in spaces()
    left = [*machine.prefix, sys.executable, "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(left) as process:
        clear_away()  # ours are not what a run that is gone has left
        assert machine.prefix[-1] in spaces()
        lab.close()
        assert process.wait(10) == -9
    assert machine.prefix[-1].removesuffix("one") not in spaces()


def test_what_a_run_that_is_gone_has_left_is_cleared_away(lab: Namespaces, tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    name = f"samtal-{gone.pid}-edge1"
    subprocess.run(["ip", "netns", "add", name], check=True)
    folder = tmp_path / f"samtal-faults-{gone.pid}-x"
    SmallDisk(folder / "edge1", megabytes=16)
    clear_away()
    assert name not in spaces()
    assert not folder.exists()
    assert "hub" in spaces()


def test_a_disk_is_full_until_there_is_room_again(lab: Namespaces, tmp_path: Path) -> None:
    disk = SmallDisk(tmp_path / "disk", megabytes=16)
    try:
        (disk.folder / "kept").write_bytes(b"x" * 100_000)
        disk.fill()
        with pytest.raises(OSError, match="No space left"):
            (disk.folder / "more").write_bytes(b"x" * 100_000)
        disk.empty()
        (disk.folder / "more").write_bytes(b"x" * 100_000)
        assert (disk.folder / "kept").read_bytes() == b"x" * 100_000
    finally:
        disk.close()
    assert list(disk.folder.iterdir()) == []
