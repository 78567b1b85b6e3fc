"""Fanout: everyone hears, in order, and learns when something may have been missed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bot.errors import BusError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.contract.homes import FanoutHome

PATIENCE = 10  # seconds; never waited for when all is well
END = b"the end"


async def heard(listener: AsyncIterator[bytes | None], count: int) -> list[bytes | None]:
    async with asyncio.timeout(PATIENCE):
        return [await anext(listener) for _ in range(count)]


async def heard_until_end(listener: AsyncIterator[bytes | None]) -> list[bytes | None]:
    """What comes before the end."""
    found: list[bytes | None] = []
    async with asyncio.timeout(PATIENCE):
        async for message in listener:
            if message == END:
                break
            found.append(message)
    return found


def numbers(*bounds: int) -> list[bytes]:
    return [str(n).encode() for n in range(*bounds)]


async def test_every_process_hears_also_the_one_that_tells(fanout_home: FanoutHome) -> None:
    one, two = await fanout_home.open(), await fanout_home.open()
    async with one.listen("feed") as at_one, two.listen("feed") as at_two:
        await one.tell("feed", b"from one")
        assert await heard(at_two, 1) == [b"from one"]
        await two.tell("feed", b"from two")
        assert await heard(at_one, 2) == [b"from one", b"from two"]
        assert await heard(at_two, 1) == [b"from two"]


async def test_what_one_tells_is_heard_in_order(fanout_home: FanoutHome) -> None:
    one, two = await fanout_home.open(), await fanout_home.open()
    async with one.listen("feed") as at_one, two.listen("feed") as at_two:
        for message in numbers(500):
            await one.tell("feed", message)
        assert await heard(at_one, 500) == numbers(500)
        assert await heard(at_two, 500) == numbers(500)


async def test_all_listeners_of_a_process_hear_everything(fanout_home: FanoutHome) -> None:
    one = await fanout_home.open()
    async with one.listen("feed") as first:
        async with one.listen("feed") as second:
            await one.tell("feed", b"1")
            assert await heard(first, 1) == [b"1"]
            assert await heard(second, 1) == [b"1"]
        await one.tell("feed", b"2")  # one has left, the other has not
        assert await heard(first, 1) == [b"2"]
    with pytest.raises(StopAsyncIteration):
        await anext(second)


async def test_subjects_do_not_leak_into_each_other(fanout_home: FanoutHome) -> None:
    one, two = await fanout_home.open(), await fanout_home.open()
    subjects = ["a", "a.b", "ab", "b", "a_b", "a.b.c"]
    async with (
        one.listen("a") as a,
        one.listen("a.b") as a_b,
        one.listen("ab") as ab,
    ):
        for subject in subjects:
            await two.tell(subject, subject.encode())
        for subject in subjects:
            await two.tell(subject, END)
        assert await heard_until_end(a) == [b"a"]
        assert await heard_until_end(a_b) == [b"a.b"]
        assert await heard_until_end(ab) == [b"ab"]


async def test_only_what_is_told_while_listening_is_heard(fanout_home: FanoutHome) -> None:
    """What another process told before may still be on its way; not what this one told."""
    one, two = await fanout_home.open(), await fanout_home.open()
    await one.tell("feed", b"before")
    async with one.listen("feed") as listener:
        await two.tell("feed", b"while")
        await two.tell("feed", END)
        assert await heard_until_end(listener) == [b"while"]
    await one.tell("feed", b"between")
    async with one.listen("feed") as listener:
        await two.tell("feed", b"again")
        await two.tell("feed", END)
        assert await heard_until_end(listener) == [b"again"]


async def test_a_slow_listener_misses_the_oldest_and_is_told_so_once(
    fanout_home: FanoutHome,
) -> None:
    one, two = await fanout_home.open(most=10), await fanout_home.open(most=10)
    async with one.listen("feed") as slow, two.listen("feed") as quick:
        for message in numbers(25):
            await one.tell("feed", message)
            assert await heard(quick, 1) == [message]  # the slow one holds up nobody
        await one.tell("last", b"")
        async with asyncio.timeout(PATIENCE):
            assert await heard(slow, 11) == [None, *numbers(15, 25)]
        await one.tell("feed", b"25")
        assert await heard(slow, 1) == [b"25"]


async def test_large_and_empty_messages_come_whole(fanout_home: FanoutHome) -> None:
    one, two = await fanout_home.open(), await fanout_home.open()
    large = bytes(range(256)) * 4_000  # just under the million that a server takes
    async with two.listen("feed") as listener:
        await one.tell("feed", large)
        await one.tell("feed", b"")
        await one.tell("feed", "å🦊\r\nPUB x 1\r\n".encode())
        assert await heard(listener, 3) == [large, b"", "å🦊\r\nPUB x 1\r\n".encode()]


async def test_nobody_listens_is_no_trouble(fanout_home: FanoutHome) -> None:
    one = await fanout_home.open()
    await one.tell("nobody.is_here", b"1")


@pytest.mark.parametrize("subject", ["", "A", "a..b", ".a", "a.", "a b", "*", "a.>", "a\n", "å"])
async def test_what_is_no_subject_is_refused(fanout_home: FanoutHome, subject: str) -> None:
    one = await fanout_home.open()
    with pytest.raises(ValueError, match="is no subject: use words of a-z"):
        await one.tell(subject, b"1")
    with pytest.raises(ValueError, match="is no subject: use words of a-z"):
        async with one.listen(subject):
            pytest.fail("it listens")


async def test_closing_ends_the_listeners(fanout_home: FanoutHome) -> None:
    one = await fanout_home.open()
    async with one.listen("feed") as first, one.listen("other") as second:
        waiting = asyncio.create_task(heard_until_end(first))
        await one.tell("feed", b"1")
        await asyncio.sleep(0.05)
        await one.close()
        async with asyncio.timeout(PATIENCE):
            assert await waiting == [b"1"]
        assert [message async for message in second] == []
    with pytest.raises(BusError, match="closed"):
        await one.tell("feed", b"2")
    async with one.listen("feed") as late:
        assert [message async for message in late] == []
    await one.close()
