"""A place where processes run on machines of their own: network namespaces joined by a bridge.

The bridge has a namespace of its own too, so that no rule of this machine's firewall reaches it.
This process stands outside, at the address `outside`. Names carry this process's number: what a
run that was killed left behind is cleared away by the next one. Needs root and iproute2.

Without them everything runs on the loopback, and nothing can be cut.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_PREFIX = "samtal"
_HUB = "hub"
_NETWORKS = range(100, 250)  # 10.213.n.0/24
_OWNED = re.compile(rf"{_PREFIX}-(\d+)-")
_FOLDER = re.compile(rf"/{_PREFIX}-faults-(\d+)-[^/ ]+")
# Started by a shell that is gone, a process would go on without anybody to end it.
_BOUND = ("setpriv", "--pdeathsig", "KILL")


class NoLab(Exception):
    """Namespaces cannot be made here; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where one process runs: its address, and what goes before its command."""

    name: str
    address: str
    prefix: tuple[str, ...]


class Lab(Protocol):
    """Machines, and the links between them."""

    outside: str
    can_cut: bool

    def machine(self, name: str) -> Machine:
        """Make one."""

    def cut(self, name: str, *, share: float = 1.0) -> None:
        """Lose all packets to and from a machine, silently, or a share of them."""

    def unplug(self, name: str) -> None:
        """Take the link down."""

    def mend(self, name: str) -> None:
        """Make the link whole again."""

    def close(self) -> None:
        """Take everything away."""


class Loopback:
    """One machine for all: there is nothing to cut."""

    def __init__(self) -> None:
        self.outside = "127.0.0.1"
        self.can_cut = False

    def machine(self, name: str) -> Machine:
        return Machine(name=name, address="127.0.0.1", prefix=_bound())

    def cut(self, name: str, *, share: float = 1.0) -> None:
        raise NoLab("there is no link on the loopback")

    def unplug(self, name: str) -> None:
        raise NoLab("there is no link on the loopback")

    def mend(self, name: str) -> None:
        """Nothing was cut."""

    def close(self) -> None:
        """Nothing was made."""


class Namespaces:
    """One namespace for each machine, each on a cable of its own to the bridge."""

    def __init__(self) -> None:
        reason = why_not()
        if reason is not None:
            raise NoLab(reason)
        clear_away()
        self.can_cut = True
        self._own = f"{_PREFIX}-{os.getpid()}-"
        self._link = f"smt{os.getpid()}"
        self._net = _free_network()
        self._next = 2
        self.outside = f"10.213.{self._net}.1"
        try:
            self._make_hub()
        except subprocess.CalledProcessError as error:
            self.close()
            raise NoLab(f"namespaces cannot be made: {error.stderr.strip()}") from None

    def machine(self, name: str) -> Machine:
        space, address = self._own + name, f"10.213.{self._net}.{self._next}"
        self._next += 1
        _ip("netns", "add", space)
        _ip(
            *("link", "add", "eth0", "netns", space, "type", "veth"),
            *("peer", "name", f"p-{name}", "netns", self._own + _HUB),
        )
        self._hub("link", "set", f"p-{name}", "master", "bridge", "up")
        _ip("-n", space, "link", "set", "lo", "up")
        _ip("-n", space, "addr", "add", f"{address}/24", "dev", "eth0")
        _ip("-n", space, "link", "set", "eth0", "up")
        prefix = (*_bound(), "ip", "netns", "exec", space)
        return Machine(name=name, address=address, prefix=prefix)

    def cut(self, name: str, *, share: float = 1.0) -> None:
        drop = ["-j", "DROP"]
        if share < 1:
            drop = ["-m", "statistic", "--mode", "random", "--probability", str(share), *drop]
        for chain, side in (("INPUT", "-i"), ("OUTPUT", "-o")):
            self._rules(name, "-A", chain, side, "eth0", *drop)

    def unplug(self, name: str) -> None:
        self._hub("link", "set", f"p-{name}", "down")

    def mend(self, name: str) -> None:
        self._rules(name, "-F")
        self._hub("link", "set", f"p-{name}", "up")

    def close(self) -> None:
        _remove(self._own)
        with suppress(subprocess.CalledProcessError):
            _ip("link", "del", self._link)

    def _make_hub(self) -> None:
        hub = self._own + _HUB
        _ip("netns", "add", hub)
        self._hub("link", "add", "bridge", "type", "bridge")
        self._hub("link", "set", "bridge", "up")
        _ip(
            *("link", "add", self._link, "type", "veth"),
            *("peer", "name", "p-outside", "netns", hub),
        )
        self._hub("link", "set", "p-outside", "master", "bridge", "up")
        _ip("addr", "add", f"{self.outside}/24", "dev", self._link)
        _ip("link", "set", self._link, "up")

    def _hub(self, *command: str) -> None:
        _ip("-n", self._own + _HUB, *command)

    def _rules(self, name: str, *rule: str) -> None:
        _run("ip", "netns", "exec", self._own + name, "iptables", "-w", *rule)


class SmallDisk:
    """A file system in memory that can be full; needs root."""

    def __init__(self, folder: Path, *, megabytes: int) -> None:
        self.folder = folder
        self._whole = f"{megabytes}m"
        folder.mkdir(parents=True, exist_ok=True)
        _run("mount", "-t", "tmpfs", "-o", f"size={self._whole}", _PREFIX, str(folder))

    def fill(self) -> None:
        """Leave no room."""
        found = os.statvfs(self.folder)
        used = (found.f_blocks - found.f_bfree) * found.f_frsize
        self._resize(str(max(used, 4096)))

    def empty(self) -> None:
        """Give the room back."""
        self._resize(self._whole)

    def close(self) -> None:
        with suppress(subprocess.CalledProcessError):
            _run("umount", "--lazy", str(self.folder))

    def _resize(self, size: str) -> None:
        _run("mount", "-o", f"remount,size={size}", str(self.folder))


def why_not() -> str | None:
    """Why there can be no namespaces here, or None."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for tool in ("ip", "iptables", "mount", "setpriv"):
        if shutil.which(tool) is None:
            return f"there is no `{tool}` here"
    probe = f"{_PREFIX}-{os.getpid()}-probe"
    try:
        _ip("netns", "add", probe)
        _run("ip", "netns", "exec", probe, "iptables", "-w", "-A", "INPUT", "-j", "DROP")
    except subprocess.CalledProcessError as error:
        return f"namespaces cannot be made: {error.stderr.strip() or error}"
    finally:
        with suppress(subprocess.CalledProcessError):
            _ip("netns", "del", probe)
    return None


def clear_away() -> None:
    """Remove what runs that are gone have left: namespaces with their processes, full disks."""
    for space in _spaces():
        owner = _OWNED.match(space)
        if owner and not _alive(int(owner[1])):
            _remove(f"{_PREFIX}-{owner[1]}-")
    for line in Path("/proc/mounts").read_text("utf-8").splitlines():
        place = line.split()[1]
        owner = _FOLDER.search(place)
        if owner and not _alive(int(owner[1])):
            with suppress(subprocess.CalledProcessError):
                _run("umount", "--lazy", place)
            shutil.rmtree(place[: owner.end()], ignore_errors=True)


def folder_name() -> str:
    """How the folder of a run begins, so that the next one knows whose it was."""
    return f"{_PREFIX}-faults-{os.getpid()}-"


def _remove(prefix: str) -> None:
    for space in _spaces():
        if not space.startswith(prefix):
            continue
        with suppress(subprocess.CalledProcessError):
            for pid in _ip("netns", "pids", space).split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), 9)
            _ip("netns", "del", space)


def _spaces() -> list[str]:
    try:
        return [line.split()[0] for line in _ip("netns", "list").splitlines() if line.strip()]
    except (FileNotFoundError, subprocess.CalledProcessError):
        return []


def _free_network() -> int:
    taken = _ip("-4", "addr") + _ip("-4", "route")
    for step in range(len(_NETWORKS)):
        net = _NETWORKS[(os.getpid() + step) % len(_NETWORKS)]
        if f"10.213.{net}." not in taken:
            return net
    raise NoLab("every network of the lab is taken")


def _alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def _bound() -> tuple[str, ...]:
    return _BOUND if shutil.which(_BOUND[0]) else ()


def _ip(*command: str) -> str:
    return _run("ip", *command)


def _run(*command: str) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=20)
    return done.stdout
