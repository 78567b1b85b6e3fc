"""What every test is refused: the network beyond this machine, and leaving something running."""

from __future__ import annotations

import asyncio
import inspect
import ipaddress
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Iterator

THREAD_GRACE = 1.0  # seconds a thread may take to end after its test
TASK_GRACE = 20  # turns of the loop a task may take to end after its test

# Tasks of libraries that end by themselves, and why nobody can await them.
FORGIVEN_TASKS = {
    "AsyncSocket._send_ping": "engineio sleeps out its ping interval before it sees a closed socket"
}

before_test = pytest.StashKey[set[threading.Thread]]()
refused_hosts: list[str] = []


class NetworkRefused(RuntimeError):
    """A test tried to leave this machine."""

    def __init__(self, host: str) -> None:
        super().__init__(f"tests reach only loopback; refused: {host}. Use a fake server here")
        refused_hosts.append(host)


def is_local(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode(errors="replace")
    if not isinstance(host, str) or host in {"", "localhost"}:
        return True
    try:
        address = ipaddress.ip_address(host.split("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def is_numeric(host: object) -> bool:
    try:
        ipaddress.ip_address(host)  # type: ignore[arg-type]  # whatever the caller passed
    except ValueError:
        return False
    return True


def check_destination(address: object) -> None:
    if isinstance(address, tuple) and not is_local(address[0]):
        raise NetworkRefused(str(address[0]))


@pytest.fixture(scope="session", autouse=True)
def only_loopback() -> Iterator[None]:
    """Refuse connections and names beyond this machine, in this process."""
    connect, connect_ex, sendto = (
        socket.socket.connect,
        socket.socket.connect_ex,
        socket.socket.sendto,
    )
    getaddrinfo = socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: object) -> None:
        check_destination(address)
        connect(self, address)  # type: ignore[arg-type]  # as given

    def guarded_connect_ex(self: socket.socket, address: object) -> int:
        check_destination(address)
        return connect_ex(self, address)  # type: ignore[arg-type]  # as given

    def guarded_sendto(self: socket.socket, data: bytes, *rest: object) -> int:
        check_destination(rest[-1])
        return sendto(self, data, *rest)  # type: ignore[call-overload,no-any-return]  # as given

    def guarded_getaddrinfo(host: object, *rest: object, **named: object) -> object:
        if not is_local(host) and not is_numeric(host):  # a number asks nobody
            raise NetworkRefused(str(host))
        return getaddrinfo(host, *rest, **named)  # type: ignore[arg-type]  # as given

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        patch.setattr(socket.socket, "sendto", guarded_sendto)
        patch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)
        yield


@pytest.fixture
async def no_task_left() -> AsyncIterator[None]:
    """Fail a test that ends while a task of its own still runs."""
    before = asyncio.all_tasks()
    yield
    left: set[asyncio.Task[Any]] = set()
    for _ in range(TASK_GRACE):
        left = asyncio.all_tasks() - before - {asyncio.current_task()}
        if not left:
            return
        await asyncio.sleep(0)
    coroutines = {task.get_coro() for task in left}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    names = [str(one) for one in coroutines if qualified(one) not in FORGIVEN_TASKS]
    if names:
        pytest.fail("tasks still run after the test; cancel and await them:\n" + "\n".join(names))


def qualified(coroutine: object) -> str:
    return str(getattr(coroutine, "__qualname__", ""))


@pytest.fixture(autouse=True)
def guarded(request: pytest.FixtureRequest) -> Iterator[None]:
    """Set up before the test's own fixtures, so that theirs are torn down first."""
    function = request.function
    inner = getattr(getattr(function, "hypothesis", None), "inner_test", function)
    if inspect.iscoroutinefunction(inner):
        request.getfixturevalue("no_task_left")
    refused_hosts.clear()
    yield
    if refused_hosts:
        pytest.fail(f"the test tried to leave this machine: {', '.join(refused_hosts)}")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    item.stash[before_test] = set(threading.enumerate())
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """Fail a test that ends while a thread of its own still runs."""
    result = yield
    patience = time.monotonic() + THREAD_GRACE
    left = threads_left(item)
    while left and time.monotonic() < patience:
        left[0].join(0.05)
        left = threads_left(item)
    if left:
        names = "\n".join(sorted(str(thread) for thread in left))
        pytest.fail(
            "threads still run after the test; stop and join them, or make those of a fixture "
            f"that outlives the test daemons:\n{names}"
        )
    return result


def threads_left(item: pytest.Item) -> list[threading.Thread]:
    known = item.stash.get(before_test, set()) | motor_threads()
    return [t for t in threading.enumerate() if t not in known and not t.daemon and t.is_alive()]


def motor_threads() -> set[threading.Thread]:
    """Motor has one pool for the whole process, which nobody can shut down."""
    pool = getattr(sys.modules.get("motor.frameworks.asyncio"), "_EXECUTOR", None)
    return set(getattr(pool, "_threads", ()))
