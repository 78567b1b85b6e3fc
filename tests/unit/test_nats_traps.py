"""The bus over NATS where things go wrong: each with a real server, and real processes to kill."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import defaultdict
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING
from zlib import crc32

import pytest
from typing_extensions import override

from bot.buses.nats import ConnectionSettings, NatsConnection, Settings
from bot.buses.nats.link import Link, Server
from bot.errors import BusError
from bot.model.ids import ThreadId
from tests.cable import Cable
from tests.servers import unique_name
from tests.unit.nats_parts import (
    PATIENCE,
    SHORT,
    Worker,
    bus_over,
    connected,
    envelope,
    envelopes,
    publish_until_taken,
    running,
    threads,
    until,
    until_empty,
    until_line,
    worker_process,
)
from tests.unit.nats_worker import Plan, lines_of

if TYPE_CHECKING:
    from pathlib import Path

    from bot.model.ids import EventId
    from bot.model.record import Envelope
    from tests.servers import NatsServer

# Processes take their time to start on a busy machine.
pytestmark = pytest.mark.timeout(180)

PARTITIONS = 4
PATIENT = Settings(ack_wait=timedelta(seconds=12), patience=timedelta(seconds=1))


# --- a worker that stands still, dies or stops ---------------------------------------------------


async def test_what_a_standing_worker_held_goes_to_another_and_it_is_too_late(
    nats_url: str, tmp_path: Path
) -> None:
    """The late worker ends its work as well, but says nothing to the server.

    Else the next envelope of the partition would begin before the one before it has ended.
    """
    first, second = envelopes(2)
    plan = Plan(
        url=nats_url,
        name=unique_name(),
        file=tmp_path / "lines",
        partitions=1,
        work=timedelta(seconds=0.5),
    )
    async with connected(nats_url) as connection, worker_process(plan) as zombie:
        bus, worker = bus_over(connection, plan.name, partitions=1), Worker()
        await bus.publish([first, second])
        await until_line(plan.file, "begins")
        os.kill(zombie.pid, signal.SIGSTOP)
        worker.free.clear()
        async with running(bus, worker):
            took = await until(lambda: worker.attempts != [])
            assert worker.attempts == [(first.event, 2)]
            assert took > 0.5  # not before ack_wait, counted from the delivery
            os.kill(zombie.pid, signal.SIGCONT)
            late = await until_line(plan.file, "ends")
            assert (late.event, late.tries) == (first.event, 1)  # handled twice
            await asyncio.sleep(0.3)
            # Neither here nor there does the second begin while the first is in hand.
            assert worker.attempts == [(first.event, 2)]
            assert {line.event for line in lines_of(plan.file, "begins")} == {first.event}
            zombie.kill()
            worker.free.set()
            await until_empty(bus)
        assert worker.handled == [first.event, second.event]


async def test_what_a_dead_worker_held_comes_after_ack_wait(nats_url: str, tmp_path: Path) -> None:
    plan = Plan(
        url=nats_url,
        name=unique_name(),
        file=tmp_path / "lines",
        partitions=1,
        work=timedelta(seconds=60),
    )
    async with connected(nats_url) as connection, worker_process(plan) as victim:
        bus, worker = bus_over(connection, plan.name, partitions=1), Worker()
        await bus.publish([envelope("1")])
        begun = await until_line(plan.file, "begins")
        victim.kill()
        async with running(bus, worker):
            await until(lambda: worker.handled != [])
            assert worker.attempts == [(envelope("1").event, 2)]
            assert 0.9 < time.monotonic() - begun.at < 4


async def test_what_a_stopped_worker_held_comes_at_once(nats_url: str) -> None:
    name = unique_name()
    async with connected(nats_url) as connection:
        bus = bus_over(connection, name, partitions=1, settings=PATIENT)
        stuck, worker = Worker(), Worker()
        stuck.free.clear()
        await bus.publish(envelopes(2))
        async with running(bus, stuck):
            await until(lambda: stuck.attempts != [])
        async with running(bus, worker):
            assert await until(lambda: len(worker.handled) == 2) < 2
        first, second = envelopes(2)
        assert worker.attempts == [(first.event, 2), (second.event, 1)]
        assert stuck.handled == []


async def test_a_stopped_worker_takes_nothing_with_it(nats_url: str) -> None:
    """What comes for a worker that just stops to ask must not wait for ack_wait."""
    name = unique_name()
    async with connected(nats_url) as one, connected(nats_url) as two:
        stopping = bus_over(one, name, partitions=1, settings=PATIENT)
        staying = bus_over(two, name, partitions=1, settings=PATIENT)
        gone, worker = Worker(), Worker()
        for n in range(20):
            async with running(stopping, gone):
                await asyncio.sleep(0.002 * (n % 5))
                publishing = asyncio.create_task(staying.publish([envelope(str(n))]))
                await asyncio.sleep(0.001 * (n % 3))
            await publishing
        async with running(staying, worker):
            assert await until(lambda: len({*gone.handled, *worker.handled}) == 20) < 5
            await until_empty(staying)


async def test_a_run_ends_whenever_it_is_stopped(nats_url: str) -> None:
    """A library that keeps a cancellation to itself must not keep a worker running."""
    async with connected(nats_url) as connection:
        bus, worker = bus_over(connection, unique_name(), partitions=8), Worker()
        for n in range(40):
            await bus.publish([envelope(str(n))])
            began = time.monotonic()
            task = asyncio.create_task(bus.run(worker))
            await asyncio.sleep(0.0005 * n)
            task.cancel()
            done, _ = await asyncio.wait([task], timeout=5)
            assert done == {task}
            assert task.cancelled()
            assert time.monotonic() - began < 3


async def test_order_holds_while_workers_are_killed(nats_url: str, tmp_path: Path) -> None:
    plan = Plan(
        url=nats_url,
        name=unique_name(),
        file=tmp_path / "lines",
        work=timedelta(milliseconds=2),
    )
    sent = {thread: envelopes(40, thread) for thread in threads(12)}
    async with connected(nats_url) as connection, AsyncExitStack() as workers:
        bus = bus_over(connection, plan.name)
        one, two, _three = [await workers.enter_async_context(worker_process(plan)) for _ in "abc"]
        await until_line(plan.file, "starts", 3)
        await asyncio.gather(*(bus.publish(own) for own in sent.values()))
        for victim, ended in ((one, 80), (two, 200)):
            await until_line(plan.file, "ends", ended)
            victim.kill()
        await until_empty(bus)
    handled: dict[str, list[str]] = defaultdict(list)
    for line in lines_of(plan.file, "ends"):
        if line.event not in handled[line.thread]:
            handled[line.thread].append(line.event)
    assert handled == {thread: [one.event for one in own] for thread, own in sent.items()}
    assert len({line.pid for line in lines_of(plan.file, "begins")}) == 3


# --- working -------------------------------------------------------------------------------------


async def test_one_at_a_time_in_a_partition_for_all_workers(nats_url: str) -> None:
    name = unique_name()
    async with connected(nats_url) as one, connected(nats_url) as two:
        at_work = 0
        most = 0
        handled: list[EventId] = []

        async def handle(envelope: Envelope, *, tries: int) -> None:
            nonlocal at_work, most
            at_work += 1
            most = max(most, at_work)
            await asyncio.sleep(0.002)
            at_work -= 1
            handled.append(envelope.event)

        buses = [bus_over(connection, name, partitions=1) for connection in (one, two)]
        sent = [envelope(str(thread), thread) for thread in threads(60)]
        async with running(buses[0], handle), running(buses[1], handle):
            await buses[0].publish(sent)
            await until(lambda: len(handled) == 60)
        assert most == 1
        assert handled == [one.event for one in sent]


async def test_a_long_handler_keeps_its_envelope(nats_url: str) -> None:
    name = unique_name()
    async with connected(nats_url) as one, connected(nats_url) as two:
        buses = [bus_over(connection, name, partitions=1) for connection in (one, two)]
        worker = Worker()
        worker.free.clear()
        async with running(buses[0], worker), running(buses[1], worker):
            await buses[0].publish(envelopes(2))
            await until(lambda: worker.attempts != [])
            await asyncio.sleep(2.5)  # of an ack_wait of one second
            assert worker.attempts == [(envelopes(1)[0].event, 1)]
            worker.free.set()
            await until_empty(buses[0])
        assert worker.attempts == [(one.event, 1) for one in envelopes(2)]


async def test_a_failing_handler_keeps_its_envelope_and_counts(nats_url: str) -> None:
    settings = SHORT.model_copy(update={"longest_delay": timedelta(seconds=0.4)})
    name = unique_name()
    async with connected(nats_url) as one, connected(nats_url) as two:
        buses = [
            bus_over(connection, name, partitions=1, settings=settings) for connection in (one, two)
        ]
        first, second = envelopes(2)
        attempts: list[tuple[EventId, int]] = []

        async def handle(envelope: Envelope, *, tries: int) -> None:
            attempts.append((envelope.event, tries))
            if envelope == first and tries < 8:  # about two seconds
                raise LookupError("not yet")

        async with running(buses[0], handle), running(buses[1], handle):
            await buses[0].publish([first, second])
            await until_empty(buses[0])
        assert attempts == [*((first.event, n) for n in range(1, 9)), (second.event, 1)]


async def test_what_nobody_can_read_is_set_aside(nats_url: str) -> None:
    name = unique_name()
    async with connected(nats_url) as connection:
        bus, worker = bus_over(connection, name, partitions=1), Worker()
        await bus.publish([envelope("1")])
        for junk in (b"", b"{}", b"\xff\x00", b'{"event": 1}'):
            await connection.link().send(f"{name}.in.0", junk)
        await bus.publish([envelope("2")])
        assert await bus.depth() == 6
        async with running(bus, worker):
            await until_empty(bus)
        assert worker.handled == [envelope("1").event, envelope("2").event]


# --- the server ----------------------------------------------------------------------------------


async def test_acknowledged_envelopes_outlive_the_server(nats_server: NatsServer) -> None:
    name, sent = unique_name(), envelopes(300)
    async with connected(nats_server.url) as connection:
        bus, worker = bus_over(connection, name), Worker()
        await bus.publish(sent)
        nats_server.restart()
        await publish_until_taken(bus, sent[0])
        assert await bus.depth() == 300
        await bus.publish(sent[:50])  # it knows them still
        assert await bus.depth() == 300
        async with running(bus, worker):
            await until_empty(bus)
        assert worker.handled == [one.event for one in sent]


async def test_deliveries_go_on_soon_after_a_restart(nats_server: NatsServer) -> None:
    """What was asked for before the restart must not be waited for."""
    async with connected(nats_server.url, ConnectionSettings()) as connection:
        bus, worker = bus_over(connection, unique_name(), settings=Settings()), Worker()
        async with running(bus, worker):
            await bus.publish([envelope("before")])
            await until(lambda: len(worker.handled) == 1)
            await asyncio.sleep(0.2)  # every partition asks
            nats_server.restart()
            await publish_until_taken(bus, envelope("after"))
            assert await until(lambda: len(worker.handled) == 2) < 1
        assert worker.attempts == [(envelope("before").event, 1), (envelope("after").event, 1)]


async def test_a_handler_ends_its_work_while_the_server_is_away(nats_server: NatsServer) -> None:
    settings = SHORT.model_copy(update={"ack_wait": timedelta(seconds=5)})
    async with connected(nats_server.url) as connection:
        bus = bus_over(connection, unique_name(), partitions=1, settings=settings)
        worker = Worker()
        worker.free.clear()
        async with running(bus, worker):
            await bus.publish(envelopes(2))
            await until(lambda: worker.attempts != [])
            nats_server.kill()
            await until(lambda: not connection.is_up)
            worker.free.set()
            await until(lambda: len(worker.handled) == 1)
            nats_server.start()
            await until(lambda: len(worker.handled) == 2)
            await until_empty(bus)
        # The acknowledgement was kept until there was somebody to take it.
        assert worker.attempts == [(one.event, 1) for one in envelopes(2)]


async def test_publishing_says_quickly_that_the_server_is_away(nats_server: NatsServer) -> None:
    async with connected(nats_server.url) as connection:
        bus, worker = bus_over(connection, unique_name()), Worker()
        await bus.publish([envelope("1")])
        nats_server.kill()
        began = time.monotonic()
        for n in range(20):
            with pytest.raises(BusError, match="NATS"):
                await bus.publish([envelope(f"lost {n}")])
        with pytest.raises(BusError, match=r"NATS is away \(127.0.0.1:\d+\)"):
            await bus.depth()
        assert time.monotonic() - began < 2
        nats_server.start()
        assert await publish_until_taken(bus, envelope("2")) < 2
        async with running(bus, worker):
            await until_empty(bus)
        # Nothing was kept and sent later, when nobody waited for it any more.
        assert set(worker.handled) == {envelope("1").event, envelope("2").event}


async def test_a_question_does_not_outlast_the_connection(nats_server: NatsServer) -> None:
    settings = SHORT.model_copy(update={"patience": timedelta(seconds=20)})
    async with connected(nats_server.url) as connection:
        bus = bus_over(connection, unique_name(), settings=settings)
        await bus.publish([envelope("1")])
        nats_server.signal(signal.SIGSTOP)
        began = time.monotonic()
        asking = [
            asyncio.create_task(bus.depth()),
            asyncio.create_task(bus.publish([envelope("2")])),
            asyncio.create_task(
                bus_over(connection, "new", settings=settings).publish([envelope("3")])
            ),
        ]
        for one in asking:
            with pytest.raises(BusError, match="lost NATS at"):
                await one
        assert time.monotonic() - began < 5


async def test_a_failing_worker_that_is_cut_off_lets_go(nats_url: str) -> None:
    """What it cannot hold on to is another's: it must not go on trying beside that one."""
    name, port = unique_name(), int(nats_url.rpartition(":")[2])
    settings = SHORT.model_copy(update={"longest_delay": timedelta(milliseconds=50)})
    async with (
        Cable("127.0.0.1", port) as cable,
        connected(f"nats://127.0.0.1:{cable.port}") as one,
        connected(nats_url) as two,
    ):
        attempts: list[int] = []

        async def fail(envelope: Envelope, *, tries: int) -> None:
            attempts.append(tries)
            raise LookupError("not here")

        cut = bus_over(one, name, partitions=1, settings=settings)
        other, worker = bus_over(two, name, partitions=1, settings=settings), Worker()
        async with running(cut, fail):
            await other.publish([envelope("1")])
            await until(lambda: len(attempts) > 3)
            cable.freeze()
            async with running(other, worker):
                await until(lambda: worker.handled == [envelope("1").event])
                assert worker.attempts == [(envelope("1").event, 2)]
                await asyncio.sleep(0.5)
                count = len(attempts)
                await asyncio.sleep(0.3)
                assert len(attempts) == count
                await until_empty(other)
            await cable.cut()
            cable.thaw()


@pytest.mark.parametrize("unsent", [0, 2_000_000])
async def test_a_cut_network_is_noticed_and_mended(nats_url: str, unsent: int) -> None:
    """Nothing tells of it but silence; what was not sent must not keep the connection closing."""
    port = int(nats_url.rpartition(":")[2])
    async with (
        Cable("127.0.0.1", port) as cable,
        connected(f"nats://127.0.0.1:{cable.port}") as connection,
    ):
        bus, worker = bus_over(connection, unique_name()), Worker()
        async with running(bus, worker):
            await bus.publish([envelope("1")])
            await until(lambda: len(worker.handled) == 1)
            cable.freeze()
            for _ in range(unsent // 500_000):
                await connection.link().send("nowhere", bytes(500_000))
            began = time.monotonic()
            with pytest.raises(BusError):
                await bus.publish([envelope("2")])
            assert time.monotonic() - began < 1.5
            await until(lambda: not connection.is_up, patience=3)
            cable.thaw()
            await publish_until_taken(bus, envelope("2"))
            assert await until(lambda: len(worker.handled) == 2) < 3
        assert worker.handled == [envelope("1").event, envelope("2").event]


async def test_a_server_that_stands_still_is_noticed(nats_server: NatsServer) -> None:
    async with connected(nats_server.url) as connection:
        bus = bus_over(connection, unique_name())
        await bus.publish([envelope("1")])
        nats_server.signal(signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises(BusError):
            await bus.publish([envelope("2")])
        assert time.monotonic() - began < 1.5
        await until(lambda: not connection.is_up, patience=3)
        with pytest.raises(BusError, match="away"):
            await bus.publish([envelope("2")])
        nats_server.signal(signal.SIGCONT)
        await publish_until_taken(bus, envelope("2"))
        assert await bus.depth() == 2  # it had taken the second the first time, too


async def test_a_full_stream_refuses_and_takes_again(nats_url: str) -> None:
    settings = SHORT.model_copy(update={"most_bytes": 4_000})
    async with connected(nats_url) as connection:
        bus = bus_over(connection, unique_name(), settings=settings)
        sent = envelopes(100)
        with pytest.raises(BusError, match="the bus is full: NATS takes no more envelopes"):
            await bus.publish(sent)
        taken = await bus.depth()
        assert 5 < taken < 50
        with pytest.raises(BusError, match="full"):
            await bus.publish(sent[taken:])
        worker = Worker()
        async with running(bus, worker):
            await until_empty(bus)
            assert worker.handled == [one.event for one in sent[:taken]]
            # What was refused is no repeat.
            await bus.publish(sent[taken : taken + 3])
            await until(lambda: len(worker.handled) == taken + 3)


async def test_a_worker_waits_for_a_server_that_comes_later(nats_server: NatsServer) -> None:
    nats_server.stop()
    connection = await NatsConnection.open([nats_server.url], patience=None)
    try:
        bus, worker = bus_over(connection, unique_name()), Worker()
        async with running(bus, worker):
            await asyncio.sleep(0.3)
            nats_server.start()
            await publish_until_taken(bus, envelope("1"))
            await until(lambda: worker.handled == [envelope("1").event])
    finally:
        await connection.close()


async def test_the_keeper_outlives_whatever_goes_wrong(nats_server: NatsServer) -> None:
    """Its end would leave the process without NATS for ever, and alive."""

    class Faulty:
        def __init__(self) -> None:
            self.links = 0

        async def restored(self, link: Link) -> None:
            self.links += 1
            if self.links == 1:
                raise RuntimeError("unable to perform operation on <TCPTransport closed=True>")

        def went(self) -> None:
            """Nothing was held."""

    async with connected(nats_server.url) as connection:
        faulty = Faulty()
        connection.watch(faulty)
        nats_server.restart()
        await until(lambda: faulty.links >= 2)  # the first fails, and another is made
        nats_server.restart()
        await until(lambda: faulty.links >= 3)
        assert connection.is_up


async def test_what_uvloop_says_of_a_closed_transport_is_a_bus_error(nats_url: str) -> None:
    link = await Link.open(Server.of(nats_url), name="test", patience=timedelta(seconds=3))

    async def refused(*_: object, **__: object) -> None:
        raise RuntimeError("unable to perform operation on <TCPTransport closed=True>")

    link.client.publish = refused  # type: ignore[method-assign]  # what uvloop does, at will
    with pytest.raises(BusError, match="unable to perform operation"):
        await link.send("test.nobody")
    del link.client.publish
    close, link.client.close = link.client.close, refused  # type: ignore[method-assign]  # as above
    await link.abandon()
    assert link.lost.is_set()
    await close()


# --- a killed server holds again what was acknowledged ---------------------------------------


async def test_what_a_killed_server_holds_again_is_not_waiting_and_is_cleared(
    nats_server: NatsServer,
) -> None:
    """Seen with 2.9.10 while an early envelope of another partition is still there."""
    name, settings = unique_name(), SHORT.model_copy(update={"look": timedelta(seconds=0.5)})
    stuck = ThreadId.of("thread", "stuck")
    others = [one for one in threads(60) if partition_of(one) != partition_of(stuck)]
    sent = [envelope(f"{n} {thread}", thread) for n in range(20) for thread in others]
    worker = Stuck(stuck)
    async with connected(nats_server.url) as connection:
        bus = bus_over(connection, name, partitions=PARTITIONS, settings=settings)
        await bus.publish([envelope("held", stuck), *sent])
        async with running(bus, worker):
            await until(lambda: len(set(worker.handled)) == len(sent))
            async with asyncio.timeout(PATIENCE):
                while await bus.depth() != 1:  # noqa: ASYNC110 - acknowledgements are on their way
                    await asyncio.sleep(0.01)
            nats_server.kill()
            nats_server.start()
            await publish_until_taken(bus, envelope("new", others[0]))
            await until(lambda: envelope("new", others[0]).event in worker.handled)
            async with asyncio.timeout(PATIENCE):
                while await bus.depth() != 1:  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.01)
                held = 2
                while held != 1:  # what came back is removed: only the one under way is held
                    info = await connection.link().client.jetstream().stream_info(name)
                    held = info.state.messages
                    await asyncio.sleep(0.05)


class Stuck(Worker):
    """Never comes to an end with one thread."""

    def __init__(self, thread: ThreadId) -> None:
        super().__init__()
        self._thread = thread

    @override
    async def __call__(self, envelope: Envelope, *, tries: int) -> None:
        if envelope.thread == self._thread:
            await asyncio.Event().wait()
        await super().__call__(envelope, tries=tries)


def partition_of(thread: ThreadId) -> int:
    return crc32(thread.encode()) % PARTITIONS
