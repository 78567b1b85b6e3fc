"""Announcements from process to process: order, nothing of one's own, and holes that show."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from typing_extensions import override

from bot.buses.local import LocalFanout
from bot.errors import BusError
from bot.hub.circle import Circle
from bot.hub.feed import EventEnded, Feed, Missed, SendMoved, ThreadMoved
from bot.hub.outcomes import Outcomes
from bot.hub.relay import Relay, bodies
from bot.model.event import Done
from bot.model.ids import EntryId, EventId, IdentityId, SendId, ThreadId
from bot.model.people import ByCustomer
from bot.model.thread import Entry, MessageIn, SendState, SendStatus, ThreadState
from tests.builders import START
from tests.fakes.clock import FakeClock, settle

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.hub.feed import Announcement
    from bot.ports import Fanout

THREAD = ThreadId.of("relay")


class Faulty(LocalFanout):
    """A fan-out that can be down, or lose what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.down = False
        self.losing = False
        self.told: list[tuple[str, bytes]] = []

    @override
    async def tell(self, subject: str, message: bytes) -> None:
        if self.down:
            raise BusError("down")
        if not self.losing:
            self.told.append((subject, message))
            await super().tell(subject, message)

    def miss(self) -> None:
        self._listeners.miss()


class Counted:
    def __init__(self) -> None:
        self.results: Counter[str] = Counter()

    def fanout(self, subject: str, *, result: str) -> None:
        assert subject == "feed"
        self.results[result] += 1


@dataclass(kw_only=True)
class Process:
    """A feed, its relay, and all that is heard on the feed."""

    clock: FakeClock
    feed: Feed = field(default_factory=Feed)
    tally: Counted = field(default_factory=Counted)
    heard: list[Announcement] = field(default_factory=list)
    own: list[Announcement] = field(default_factory=list)

    def news(self) -> list[Announcement]:
        """What was heard since the last look."""
        news = list(self.heard)
        self.heard.clear()
        return news


@contextlib.asynccontextmanager
async def process(fanout: Fanout) -> AsyncIterator[Process]:
    made = Process(clock=FakeClock())
    made.feed.subscribe(made.heard.append)
    made.feed.subscribe(made.own.append, own=True)
    relay = Relay(made.feed, fanout, clock=made.clock, tally=made.tally)
    task = asyncio.create_task(relay.run())
    await settle()
    try:
        yield made
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.asynccontextmanager
async def two(fanout: Fanout) -> AsyncIterator[tuple[Process, Process]]:
    async with process(fanout) as one, process(fanout) as other:
        assert one.news() == other.news() == [Missed()]  # before they listened
        yield one, other


def ended(number: int) -> EventEnded:
    return EventEnded(event=EventId.of(str(number)), outcome=Done())


def sent(number: int) -> SendMoved:
    return SendMoved(
        thread=THREAD,
        identity=IdentityId.of("i"),
        send=SendState(send=SendId.of(str(number)), status=SendStatus.SENT),
    )


def moved(*texts: str, absorbed: ThreadId | None = None) -> ThreadMoved:
    entries = tuple(
        Entry(
            id=EntryId.of(str(number)),
            seq=number + 1,
            at=START,
            identity=IdentityId.of("i"),
            by=ByCustomer(identity=IdentityId.of("i")),
            event=EventId.of("e"),
            body=MessageIn(text=text),
        )
        for number, text in enumerate(texts)
    )
    state = ThreadState(thread=THREAD)
    return ThreadMoved(state=state, identities=(), entries=entries, absorbed=absorbed)


async def test_what_is_announced_in_one_process_is_announced_in_the_other_in_order() -> None:
    told: list[Announcement] = [
        moved("Hej 👋🏽 åäö\u2028", absorbed=ThreadId.of("gone")),
        ended(1),
        sent(1),
        ended(2),
    ]
    async with two(LocalFanout()) as (one, other):
        for announcement in told:
            one.feed.announce(announcement)
        await settle()
        assert other.news() == told
        assert other.own == []
        assert one.news() == told  # once: its own words do not come back
        assert one.own == told
        assert one.tally.results == {"told": 1}  # in one message
        assert other.tally.results == {"heard": 1}


async def test_what_was_heard_is_not_told_again() -> None:
    fanout = Faulty()
    async with two(fanout) as (one, _other), process(fanout) as third:
        third.news()
        one.feed.announce(ended(1))
        await settle()
        assert third.news() == [ended(1)]
        assert len(fanout.told) == 1


async def test_trouble_telling_disturbs_nobody_and_shows_as_soon_as_it_is_over() -> None:
    fanout = Faulty()
    async with two(fanout) as (one, other):
        fanout.down = True
        one.feed.announce(ended(1))
        await settle()
        assert one.news() == [ended(1)]
        one.feed.announce(ended(2))
        await one.clock.advance(10)
        assert other.news() == []
        fanout.down = False
        await one.clock.advance(2.1)
        assert other.news() == [Missed(), ended(2)]  # the first is gone, and that is known
        assert one.news() == [ended(2)]
        one.feed.announce(ended(3))
        await settle()
        assert other.news() == [ended(3)]


async def test_trouble_shows_to_who_never_heard_this_process_before() -> None:
    fanout = Faulty()
    async with process(fanout) as one:
        fanout.down = True
        one.feed.announce(ended(1))
        await settle()
        async with process(fanout) as other:
            other.news()
            fanout.down = False
            await one.clock.advance(1)
            assert other.news() == [Missed()]


async def test_what_the_fan_out_lost_shows_with_the_next_message() -> None:
    fanout = Faulty()
    async with two(fanout) as (one, other):
        one.feed.announce(ended(1))
        await settle()
        fanout.losing = True
        one.feed.announce(ended(2))
        await settle()
        fanout.losing = False
        one.feed.announce(ended(3))
        await settle()
        assert other.news() == [ended(1), Missed(), ended(3)]
        assert other.tally.results == {"heard": 2, "missed": 1}


async def test_where_the_fan_out_says_so_something_was_missed() -> None:
    fanout = Faulty()
    async with two(fanout) as (one, other):
        fanout.miss()
        await settle()
        assert one.news() == other.news() == [Missed()]
        assert fanout.told == []  # that is nobody else's business


async def test_a_repeated_message_is_announced_once() -> None:
    fanout = Faulty()
    async with two(fanout) as (one, other):
        one.feed.announce(ended(1))
        await settle()
        await fanout.tell(*fanout.told[0])
        await settle()
        assert other.news() == [ended(1)]


@pytest.mark.parametrize(
    "rubbish",
    [b"", b"[]", b"\xff", b"0123456789abcdef 1\n{", b'0123456789abcdef 1\n[{"kind":"missed"}]'],
)
async def test_what_cannot_be_read_is_counted_and_passed_over(rubbish: bytes) -> None:
    fanout = Faulty()
    async with two(fanout) as (one, other):
        await fanout.tell("feed", rubbish)
        one.feed.announce(ended(1))
        await settle()
        assert other.news() == [ended(1)]
        assert other.tally.results["unread"] == 1
        assert other.tally.results["missed"] == 0


async def test_a_flood_that_cannot_be_told_is_cut_and_the_cut_shows() -> None:
    fanout = Faulty()
    async with two(fanout) as (one, other):
        fanout.down = True
        one.feed.announce(ended(0))
        await settle()
        for number in range(1, 7001):
            one.feed.announce(ended(number))
        await settle()
        fanout.down = False
        await one.clock.advance(2.1)
        assert other.news() == [Missed(), *(ended(number) for number in range(2001, 7001))]


async def test_what_was_announced_just_before_the_end_is_told() -> None:
    fanout = LocalFanout()
    async with process(fanout) as other:
        other.news()
        async with process(fanout) as one:
            one.feed.announce(ended(1))  # and ends before it could be told
        await settle()
        assert other.news() == [ended(1)]
        one.feed.announce(ended(2))  # nobody relays it any more
        await settle()
        assert other.news() == []


async def test_a_fan_out_that_is_not_there_yet_is_asked_again() -> None:
    class Late(Faulty):
        @override
        @contextlib.asynccontextmanager
        async def listen(self, subject: str) -> AsyncIterator[AsyncIterator[bytes | None]]:
            if self.down:
                raise BusError("no broker")
            async with super().listen(subject) as messages:
                yield messages

    fanout = Late()
    fanout.down = True
    async with process(fanout) as one:
        assert one.news() == []
        await one.clock.advance(5)
        fanout.down = False
        await one.clock.advance(2.1)
        assert one.news() == [Missed()]


# --- sizes -----------------------------------------------------------------------------------


def test_many_large_entries_travel_in_several_messages_in_order() -> None:
    whole = moved(*(str(n) + "å" * 40_000 for n in range(50)), absorbed=ThreadId.of("gone"))
    messages = list(bodies(iter([ended(1), whole, ended(2)])))
    assert max(map(len, messages)) <= 500_000 + 200
    assert len(messages) < 20
    told = [part for message in messages for part in json.loads(message)]
    assert [part["kind"] for part in (told[0], told[-1])] == ["event_ended", "event_ended"]
    pieces = [ThreadMoved.model_validate(part) for part in told[1:-1]]
    assert tuple(entry for piece in pieces for entry in piece.entries) == whole.entries
    assert [piece.absorbed for piece in pieces] == [whole.absorbed] + [None] * (len(pieces) - 1)
    assert {piece.state for piece in pieces} == {whole.state}


def test_what_cannot_be_made_smaller_is_left_to_the_fan_out_to_refuse() -> None:
    (message,) = bodies(iter([moved("x" * 600_000)]))
    assert len(message) > 600_000


async def test_a_message_too_large_for_the_fan_out_is_a_hole_and_the_rest_goes_on() -> None:
    class Narrow(Faulty):
        @override
        async def tell(self, subject: str, message: bytes) -> None:
            if len(message) > 100_000:
                raise BusError("too large")
            await super().tell(subject, message)

    async with two(Narrow()) as (one, other):
        one.feed.announce(moved("x" * 200_000))
        await settle()
        one.feed.announce(ended(1))
        await one.clock.advance(1)
        assert other.news() == [Missed(), ended(1)]


# --- circles ---------------------------------------------------------------------------------


async def test_subjects_do_not_hear_each_other() -> None:
    fanout, heard = LocalFanout(), list[bytes]()

    async def hear(body: bytes) -> None:
        heard.append(body)

    one, same, other = (Circle(fanout, subject=name) for name in ("a", "a", "b"))
    task = asyncio.create_task(same.listen(hear, missed=lambda: None, clock=FakeClock()))
    await same.listening.wait()
    await one.tell(b"1")
    await other.tell(b"2")
    await same.tell(b"3")
    await one.tell(b"\n4\n")
    await settle()
    assert heard == [b"1", b"\n4\n"]
    await fanout.close()
    await asyncio.wait_for(task, 1)  # nothing is left to hear


async def test_what_is_told_by_many_tasks_leaves_in_the_order_of_its_numbers() -> None:
    class Slow(Faulty):
        @override
        async def tell(self, subject: str, message: bytes) -> None:
            for _ in range(len(self.told) % 3):
                await asyncio.sleep(0)
            await super().tell(subject, message)

    fanout = Slow()
    circle = Circle(fanout, subject="a")
    await asyncio.gather(*(circle.tell(b"%d" % n) for n in range(20)))
    numbers = [int(message.split()[1]) for _, message in fanout.told]
    assert numbers == list(range(1, 21))
    assert [message.split(b"\n")[1] for _, message in fanout.told] == [b"%d" % n for n in range(20)]


# --- outcomes --------------------------------------------------------------------------------


async def test_an_outcome_in_one_process_wakes_who_waits_in_another() -> None:
    async with two(LocalFanout()) as (one, other):
        outcomes = Outcomes()
        other.feed.subscribe(outcomes.hear)
        mine, foreign = outcomes.expect(EventId.of("1")), outcomes.expect(EventId.of("2"))
        one.feed.announce(sent(1))
        one.feed.announce(ended(1))
        assert await asyncio.wait_for(mine, 1) == Done()
        assert not foreign.done()
