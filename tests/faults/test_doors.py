"""A sender moves to another edge only when nothing of it can wait in the spool of the first."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from typing_extensions import override

from bot.model.event import Done, Outcome
from bot.model.ids import EventId
from tests.bench import twilio
from tests.crash.facts import Posted
from tests.fakes.store import FakeStore
from tests.faults.doors import Balancer, EdgeDoor, event_of
from tests.faults.estate import Node
from tests.faults.lab import Machine

ANNA = "+46700000001"


class Door(EdgeDoor):
    """One that answers, or has not for a while."""

    def __init__(self, name: str) -> None:
        machine = Machine(name=name, address="127.0.0.1", prefix=())
        super().__init__(Node(machine, "edge", folder=Path(), port=1))
        self.is_silent = False

    @property
    @override
    def silent(self) -> bool:
        return self.is_silent


class Recorded(FakeStore):
    """A store that takes its time to say what was worked off."""

    def __init__(self) -> None:
        super().__init__()
        self.done: set[EventId] = set()

    @override
    async def outcome(self, event: EventId) -> Outcome | None:
        await asyncio.sleep(0.001)
        return Done() if event in self.done else None


def accepted(number: int) -> Posted:
    return Posted(f"SM{number}", ANNA, "?", time.monotonic(), time.monotonic(), "edge1")


async def test_a_sender_stays_while_its_edge_answers_and_moves_when_all_is_recorded() -> None:
    doors, store = [Door("edge1"), Door("edge2")], Recorded()
    balancer = Balancer([*doors], store)
    first = await balancer.of(ANNA)
    assert await balancer.of(ANNA) is first
    one = accepted(1)
    balancer.took(one)
    doors[0].is_silent, doors[1].is_silent = first is doors[0], first is doors[1]
    assert await balancer.of(ANNA) is first  # it may wait in the spool there
    store.done.add(event_of(one))
    other = await balancer.of(ANNA)
    assert other is not first
    assert balancer.moves == 1


async def test_nobody_moves_for_what_another_looked_at() -> None:
    """Several of a sender's messages look for their door at once."""
    doors, store = [Door("edge1"), Door("edge2")], Recorded()
    balancer = Balancer([*doors], store)
    first = await balancer.of(ANNA)
    recorded, spooled = accepted(1), accepted(2)
    balancer.took(recorded)
    balancer.took(spooled)
    store.done.add(event_of(recorded))
    doors[0].is_silent, doors[1].is_silent = first is doors[0], first is doors[1]
    found = await asyncio.gather(*(balancer.of(ANNA) for _ in range(4)))
    assert found == [first] * 4
    assert balancer.moves == 0


async def test_both_edges_silent_nobody_moves() -> None:
    doors = [Door("edge1"), Door("edge2")]
    balancer = Balancer([*doors], Recorded())
    first = await balancer.of(ANNA)
    doors[0].is_silent = doors[1].is_silent = True
    assert await balancer.of(ANNA) is first


class Slow(Door):
    """One that takes its time to answer."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.answers = asyncio.Event()
        self.tries = 0

    @override
    async def post(self, request: twilio.Signed) -> int:
        self.tries += 1
        await self.answers.wait()
        return 200


async def test_nobody_moves_while_a_message_is_on_its_way() -> None:
    doors = [Slow("edge1"), Slow("edge2")]
    balancer = Balancer([*doors], Recorded())
    request = twilio.message("https://hub.example.com", sid="SM1", sender=ANNA, text="?")
    first = await balancer.of(ANNA)
    trying = asyncio.create_task(balancer.post(first, ANNA, request))
    await asyncio.sleep(0)
    doors[0].is_silent, doors[1].is_silent = first is doors[0], first is doors[1]
    assert await balancer.of(ANNA) is first  # it may yet be accepted there
    for door in doors:
        door.answers.set()
    assert await trying == 200
    other = await balancer.of(ANNA)
    assert other is not first
    assert await balancer.post(first, ANNA, request) == 0
    assert (await balancer.post(other, ANNA, request), sum(door.tries for door in doors)) == (
        200,
        2,
    )
