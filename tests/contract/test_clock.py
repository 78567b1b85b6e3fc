"""Clock: what time it is, and waiting."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from bot.edge.clock import SystemClock
from tests.builders import START
from tests.fakes.clock import FakeClock

if TYPE_CHECKING:
    from bot.ports import Clock

MS = timedelta(milliseconds=1)


async def pass_time(clock: Clock, duration: timedelta) -> None:
    """Let time pass, by whatever makes this clock's time pass."""
    if isinstance(clock, FakeClock):
        await clock.advance(duration)
    else:
        await asyncio.sleep(duration.total_seconds())


async def test_now_is_aware_and_utc(clock: Clock) -> None:
    assert clock.now().tzinfo is UTC


async def test_time_goes_on(clock: Clock) -> None:
    before = clock.now()
    await pass_time(clock, 20 * MS)
    assert clock.now() - before >= 19 * MS


async def test_a_sleeper_wakes_when_its_time_has_passed_and_not_before(clock: Clock) -> None:
    before = clock.now()
    sleeper = asyncio.create_task(clock.sleep(60 * MS))
    await pass_time(clock, 5 * MS)
    assert not sleeper.done()
    await pass_time(clock, 60 * MS)
    await asyncio.wait_for(sleeper, 5)
    assert clock.now() - before >= 59 * MS


async def test_sleepers_wake_in_the_order_they_are_due(clock: Clock) -> None:
    woken: list[int] = []

    async def sleep(due: int) -> None:
        await clock.sleep(due * MS)
        woken.append(due)

    tasks = [asyncio.create_task(sleep(due)) for due in (90, 30, 60)]
    await pass_time(clock, 120 * MS)
    await asyncio.wait_for(asyncio.gather(*tasks), 5)
    assert woken == [30, 60, 90]


@pytest.mark.parametrize("nothing", [timedelta(0), timedelta(seconds=-5)])
async def test_no_time_is_no_wait_but_lets_others_run(clock: Clock, nothing: timedelta) -> None:
    ran: list[bool] = []
    asyncio.get_running_loop().call_soon(ran.append, True)  # noqa: FBT003 - what is appended
    async with asyncio.timeout(5):
        await clock.sleep(nothing)
    assert ran == [True]


async def test_a_cancelled_sleeper_harms_nobody(clock: Clock) -> None:
    doomed = asyncio.create_task(clock.sleep(20 * MS))
    other = asyncio.create_task(clock.sleep(30 * MS))
    await pass_time(clock, 1 * MS)
    doomed.cancel()
    with pytest.raises(asyncio.CancelledError):
        await doomed
    await pass_time(clock, 60 * MS)
    await asyncio.wait_for(other, 5)


async def test_the_system_clock_is_the_machines() -> None:
    wall = datetime.fromtimestamp(time.time(), UTC)
    assert abs(SystemClock().now() - wall) < timedelta(seconds=1)


# --- the fake's own ways ---------------------------------------------------------------------


async def test_the_fake_stands_still_until_it_is_advanced() -> None:
    clock = FakeClock()
    assert clock.now() == START
    await asyncio.sleep(0.002)
    assert clock.now() == START
    await clock.advance(1.5)
    await clock.advance(timedelta(hours=1))
    assert clock.now() == START + timedelta(hours=1, seconds=1.5)


async def test_each_sleeper_of_the_fake_sees_its_own_moment() -> None:
    clock, seen = FakeClock(), list[datetime]()

    async def tick() -> None:
        for _ in range(3):
            await clock.sleep(timedelta(seconds=10))
            seen.append(clock.now())

    task = asyncio.create_task(tick())
    await clock.advance(25)
    assert seen == [START + timedelta(seconds=10), START + timedelta(seconds=20)]
    assert clock.next_wake == START + timedelta(seconds=30)
    await clock.advance(5)
    await task
    assert (len(seen), clock.sleepers) == (3, 0)
    await clock.advance(1)
    assert len(seen) == 3


async def test_until_sleeping_waits_for_sleepers() -> None:
    clock = FakeClock()

    async def late() -> None:
        await asyncio.sleep(0.01)
        await clock.sleep(timedelta(seconds=1))

    tasks = [asyncio.create_task(late()) for _ in range(2)]
    await asyncio.wait_for(clock.until_sleeping(2), 5)
    assert clock.sleepers == 2
    await clock.advance(1)
    await asyncio.wait_for(asyncio.gather(*tasks), 5)
