"""Places in the queue, and how long it takes from there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.hub.queueing import COUNTED, Acceptances, place_in
from bot.model.ids import AgentId, EntryId, EventId, ThreadId
from bot.model.people import BySystem
from bot.model.thread import Entry, Offered, OwnedByAgent, OwnedByBot, Owner, OwnerChanged
from tests.builders import address, at

if TYPE_CHECKING:
    from datetime import datetime

EVA = AgentId.of("eva")


def threads(count: int) -> list[ThreadId]:
    return [ThreadId.of(str(number)) for number in range(count)]


def test_the_place_is_how_many_wait_before_and_oneself() -> None:
    queue = threads(3)
    assert [place_in(queue, thread) for thread in queue] == [1, 2, 3]
    assert place_in(queue, ThreadId.of("x")) is None
    assert place_in([], ThreadId.of("x")) is None


def test_beyond_a_hundred_nobody_counts() -> None:
    queue = threads(COUNTED)
    assert place_in(queue, queue[-1]) == 100
    assert place_in(queue, ThreadId.of("x")) == 101


def change(thread: ThreadId, owner: Owner, *, when: datetime) -> Entry:
    return Entry(
        id=EntryId.of(thread, owner.kind),
        identity=address().identity,
        event=EventId.of(thread),
        at=when,
        by=BySystem(),
        body=OwnerChanged(owner=owner, epoch=1, reason="asked"),
    )


def heard(*seconds: float, owner: str = "agent", queue: str = "support") -> Acceptances:
    """Somebody was offered and then accepted (or given back to the bot) at each of these."""
    found = Acceptances()
    for number, second in enumerate(seconds):
        thread, when = ThreadId.of(str(number)), at(second)
        offered = Offered(queue=queue, since=at(0), reason="asked")
        ended: Owner = OwnedByBot()
        if owner == "agent":
            ended = OwnedByAgent(agent=EVA, name="Eva", since=when)
        found.hear(thread, [change(thread, offered, when=at(0))])
        found.hear(thread, [change(thread, ended, when=when)])
    return found


@pytest.mark.parametrize(
    ("place", "now", "minutes"),
    [(1, 240, 1), (2, 240, 2), (10, 240, 10), (1, 480, 2), (60, 240, 60), (61, 240, None)],
)
def test_it_goes_on_as_it_has_gone_lately(place: int, now: float, minutes: int | None) -> None:
    lately = heard(0, 60, 120, 180, 240)
    assert lately.minutes("support", place, now=at(now)) == minutes


def test_nothing_is_said_when_nobody_can_know() -> None:
    assert heard(0, 60, 120, 180).minutes("support", 1, now=at(200)) is None
    lately = heard(0, 60, 120, 180, 240)
    assert lately.minutes("returns", 1, now=at(240)) is None
    assert lately.minutes("support", COUNTED + 1, now=at(240)) is None
    assert lately.minutes("support", 1, now=at(1801)) is None
    given_back = heard(0, 60, 120, 180, 240, owner="bot")
    assert given_back.minutes("support", 1, now=at(240)) is None


def test_who_was_taken_over_without_waiting_counts_for_nothing() -> None:
    found = Acceptances()
    for number in range(6):
        owner = OwnedByAgent(agent=EVA, name="Eva", since=at(number))
        thread = ThreadId.of(str(number))
        found.hear(thread, [change(thread, owner, when=at(number))])
    assert found.minutes("support", 1, now=at(10)) is None
