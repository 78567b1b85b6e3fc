"""What a listener keeps, lets go of, and says about it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.buses.listening import Listener, Listeners
from bot.buses.retrying import delay_after


async def read(listener: Listener) -> list[bytes | None]:
    """Everything it has, and then the end."""
    listener.end()
    return [message async for message in listener]


async def test_missing_something_is_said_once_and_in_its_place() -> None:
    listener = Listener()
    listener.hear(b"1")
    listener.miss()
    listener.miss()
    listener.hear(b"2")
    listener.miss()
    assert await read(listener) == [b"1", None, b"2", None]


async def test_too_many_are_let_go_of_from_the_oldest() -> None:
    listener = Listener(most=3)
    for n in range(7):
        listener.hear(str(n).encode())
    assert await anext(listener) is None
    assert await anext(listener) == b"4"
    for n in (7, 8):
        listener.hear(str(n).encode())
    assert await read(listener) == [None, b"6", b"7", b"8"]


async def test_too_many_bytes_are_let_go_of_but_never_the_newest() -> None:
    listener = Listener(most_bytes=100)
    for size in (40, 60):
        listener.hear(bytes(size))
    listener.hear(b"x")
    listener.hear(bytes(500))
    listener.hear(b"y")
    assert await read(listener) == [None, b"y"]
    listener = Listener(most_bytes=100)
    listener.hear(b"x")
    listener.hear(bytes(500))
    assert await read(listener) == [None, bytes(500)]
    listener = Listener(most_bytes=100)
    for _ in range(3):
        listener.hear(bytes(100))
        assert await anext(listener) == bytes(100)  # what was read does not count


async def test_after_the_end_nothing_is_heard() -> None:
    listeners = Listeners()
    listener = listeners.add("a")
    listeners.hear("a", b"1")
    listeners.end()
    listeners.hear("a", b"2")
    listeners.miss()
    late = listeners.add("a")
    assert [message async for message in listener] == [b"1"]
    assert [message async for message in late] == []


async def test_only_those_who_listen_to_it_miss_a_subject() -> None:
    listeners = Listeners()
    a, b = listeners.add("a"), listeners.add("b")
    listeners.miss("a")
    listeners.miss("c")
    assert (await read(a), await read(b)) == ([None], [])
    listeners.remove("a", a)
    listeners.remove("a", a)
    assert listeners.subjects == ["b"]


@pytest.mark.parametrize(
    ("tries", "seconds"), [(0, 0.05), (1, 0.05), (2, 0.1), (7, 3.2), (8, 5), (10_000, 5)]
)
def test_the_delay_doubles_up_to_the_longest(tries: int, seconds: float) -> None:
    first, longest = timedelta(milliseconds=50), timedelta(seconds=5)
    assert delay_after(tries, first=first, longest=longest) == timedelta(seconds=seconds)
