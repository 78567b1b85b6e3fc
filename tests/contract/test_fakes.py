"""The fakes' own ways, beyond their ports."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from bot.errors import StoreError
from bot.model.record import Envelope
from bot.model.sending import Emit, HttpCall, Lost, Reply, Unreached
from tests.builders import acceptance, address, arrival, change
from tests.fakes.bus import FakeBus
from tests.fakes.clock import FakeClock
from tests.fakes.store import FakeStore
from tests.fakes.wire import FakeWire

if TYPE_CHECKING:
    from bot.model.sending import Call, CallResult
    from bot.ports import Wire

GET = HttpCall(method="GET", url="https://api.example.com/1")
EMIT = Emit(namespace="/chat", room="r1", event="entry", data=b'{"seq": 7}')


# --- wire ------------------------------------------------------------------------------------


async def test_a_scripted_wire_answers_in_order_and_remembers() -> None:
    wire = FakeWire([Reply(status=500), Lost(reason="reset")])
    port: Wire = wire  # for the type checker
    wire.then(Unreached(reason="refused"))
    calls: list[Call] = [GET, EMIT, GET]
    assert [await port.call(call) for call in calls] == [
        Reply(status=500),
        Lost(reason="reset"),
        Unreached(reason="refused"),
    ]
    assert (wire.calls, wire.http, wire.emits) == (calls, [GET, GET], [EMIT])
    assert wire.emitted("entry") == [{"seq": 7}]
    assert wire.emitted("typing") == []


async def test_a_call_beyond_the_script_is_a_fault_of_the_test() -> None:
    wire = FakeWire([])
    with pytest.raises(AssertionError, match="call 1 is not in the script"):
        await wire.call(GET)


async def test_a_wire_without_a_script_says_ok() -> None:
    assert await FakeWire().call(GET) == Reply(status=200, body=b"{}")


async def test_a_wire_may_ask_a_callable_and_wait_in_it() -> None:
    gate = asyncio.Event()

    async def slow(call: Call) -> CallResult:
        await gate.wait()
        return Reply(status=201)

    slow_wire = FakeWire(slow)
    waiting = asyncio.create_task(slow_wire.call(GET))
    await asyncio.sleep(0)
    assert not waiting.done()
    gate.set()
    assert await waiting == Reply(status=201)
    quick = FakeWire(lambda call: Reply(status=204 if isinstance(call, Emit) else 400))
    assert [await quick.call(call) for call in (EMIT, GET)] == [
        Reply(status=204),
        Reply(status=400),
    ]


# --- store and bus together ------------------------------------------------------------------


async def test_a_store_with_a_bus_queues_what_it_accepts() -> None:
    bus = FakeBus()
    store = FakeStore(bus=bus)
    anna = address("anna")
    accepted = await store.accept(acceptance(arrival(anna, "m1"), arrival(anna, "m2")))
    assert accepted.queued
    assert bus.published == [
        Envelope(event=event.id, thread=event.thread) for event in accepted.events
    ]
    await store.accept(acceptance(arrival(anna, "m1")))
    assert len(bus.published) == 2
    assert not (await FakeStore().accept(acceptance(arrival(anna)))).queued


async def test_a_failing_store_changes_nothing_until_it_recovers() -> None:
    store = FakeStore()
    store.failing = StoreError("the disk is full")
    with pytest.raises(StoreError, match="disk"):
        await store.accept(acceptance(arrival(address())))
    with pytest.raises(StoreError):
        await store.ready()
    store.failing = None
    assert await store.thread_ids() == []


async def test_a_bus_delivers_by_hand_all_that_comes_of_it() -> None:
    bus = FakeBus()
    store = FakeStore(bus=bus)
    handled: list[str] = []

    async def handle(envelope: Envelope, *, tries: int) -> None:
        turn = await store.turn(envelope.thread)
        (event,) = turn.events
        handled.append(event.identity)
        await store.commit(change(turn, event))
        if len(handled) == 1:
            await store.accept(acceptance(arrival(address("bo"))))

    await store.accept(acceptance(arrival(address("anna"))))
    assert await bus.deliver(handle) == 2
    assert handled == [address("anna").identity, address("bo").identity]
    assert await bus.deliver(handle) == 0


async def test_an_error_of_the_handler_comes_to_who_delivers_by_hand() -> None:
    bus = FakeBus()
    store = FakeStore(bus=bus)
    await store.accept(acceptance(arrival(address())))

    async def handle(envelope: Envelope, *, tries: int) -> None:
        raise LookupError(f"try {tries}")

    for tries in (1, 2):
        with pytest.raises(LookupError, match=f"try {tries}"):
            await bus.deliver(handle)
    assert await bus.depth() == 1


async def test_redelivery_waits_for_the_fake_clock_longer_each_time() -> None:
    clock = FakeClock()
    bus = FakeBus(clock=clock)
    tried: list[int] = []

    async def handle(envelope: Envelope, *, tries: int) -> None:
        tried.append(tries)
        if tries < 3:
            raise LookupError

    bus.put([Envelope(event=arrival(address()).id, thread=address().home_thread)])
    task = asyncio.create_task(bus.run(handle))
    await clock.until_sleeping()
    first = (clock.next_wake or clock.now()) - clock.now()
    await clock.advance(first)
    second = (clock.next_wake or clock.now()) - clock.now()
    assert (tried, second) == ([1, 2], first * 2)
    await clock.advance(timedelta(seconds=5))
    await bus.idle()
    assert tried == [1, 2, 3]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
