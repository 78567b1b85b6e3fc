"""The stream and its consumers: made by whoever comes first, kept, and changed while in use."""

from __future__ import annotations

import asyncio
import shutil
import socket
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING
from zlib import crc32

import pytest
from nats.js.api import ConsumerConfig, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError
from typing_extensions import override

from bot.buses.nats import NatsBus, NatsConnection, Settings
from bot.edge.clock import SystemClock
from bot.errors import BusError, ConfigError
from bot.model.ids import ThreadId
from tests.servers import NatsServer, unique_name
from tests.unit.nats_parts import (
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
)

if TYPE_CHECKING:
    from pathlib import Path

    from nats.js import JetStreamContext

BRISK = SHORT.model_copy(update={"look": timedelta(seconds=0.1), "pull": timedelta(seconds=0.3)})


def jetstream(connection: NatsConnection) -> JetStreamContext:
    return connection.link().client.jetstream()


async def consumers(connection: NatsConnection, name: str) -> set[str]:
    return {info.name for info in await jetstream(connection).consumers_info(name)}


# --- making --------------------------------------------------------------------------------------


async def test_the_stream_is_as_it_must_be(nats_url: str) -> None:
    name = unique_name()
    async with connected(nats_url) as connection:
        bus = NatsBus(connection, clock=SystemClock(), partitions=3, name=name)
        worker = Worker()
        async with running(bus, worker):
            await bus.publish([envelope("1")])
            await until(lambda: len(worker.handled) == 1)
            stream = (await jetstream(connection).stream_info(name)).config
            assert stream.subjects == [f"{name}.in.*"]
            assert (stream.retention, stream.storage) == ("workqueue", "file")
            assert (stream.discard, stream.max_bytes) == ("new", 256 * 2**20)
            assert (stream.duplicate_window, stream.num_replicas) == (120, 1)
            assert await consumers(connection, name) == {"p0", "p1", "p2"}
            consumer = (await jetstream(connection).consumer_info(name, "p1")).config
            assert consumer.filter_subject == f"{name}.in.1"
            assert (consumer.ack_policy, consumer.deliver_policy) == ("explicit", "all")
            assert (consumer.ack_wait, consumer.max_ack_pending, consumer.max_deliver) == (
                12,
                1,
                -1,
            )


async def test_many_may_come_first(nats_url: str) -> None:
    name = unique_name()
    async with connected(nats_url) as one, connected(nats_url) as two:
        buses = [bus_over(connection, name) for connection in (one, two, one, two)]
        worker = Worker()
        sent = [envelope(str(thread), thread) for thread in threads(8)]
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            runs = [group.create_task(bus.run(worker)) for bus in buses]
            for bus, n in zip(buses, range(0, 8, 2), strict=True):
                group.create_task(bus.publish(sent[n : n + 2]))
            await until(lambda: len(worker.handled) == 8)
            for run in runs:
                run.cancel()
        assert sorted(worker.handled) == sorted(one.event for one in sent)
        assert await consumers(one, name) == {"p0", "p1", "p2", "p3"}


async def test_a_stream_that_goes_is_made_again(nats_url: str) -> None:
    name = unique_name()
    async with connected(nats_url) as connection:
        bus, worker = bus_over(connection, name), Worker()
        async with running(bus, worker):
            await bus.publish([envelope("1")])
            await until(lambda: len(worker.handled) == 1)
            await jetstream(connection).delete_stream(name)
            assert await bus.depth() == 0
            await bus.publish([envelope("2")])
            await until(lambda: envelope("2").event in worker.handled, patience=5)
            own = partition_of(envelope("3").thread, 4)
            await jetstream(connection).delete_consumer(name, f"p{own}")
            await bus.publish([envelope("3")])
            await until(lambda: envelope("3").event in worker.handled, patience=5)
            await until_empty(bus)


def partition_of(thread: ThreadId, partitions: int) -> int:
    return crc32(thread.encode()) % partitions


async def test_a_publisher_makes_a_stream_that_has_gone(nats_url: str) -> None:
    name = unique_name()
    async with connected(nats_url) as connection:
        bus = bus_over(connection, name)
        await bus.publish([envelope("1")])
        await jetstream(connection).delete_stream(name)
        await bus.publish([envelope("1"), envelope("2")])
        assert await bus.depth() == 2


async def test_a_broker_that_forgot_everything_is_no_end(tmp_path: Path) -> None:
    server = NatsServer(tmp_path / "nats")
    with server:
        async with connected(server.url) as connection:
            bus, worker = bus_over(connection, unique_name()), Worker()
            async with running(bus, worker):
                await bus.publish([envelope("1")])
                await until(lambda: len(worker.handled) == 1)
                server.kill()
                shutil.rmtree(server.folder / "jetstream")
                server.start()
                await publish_until_taken(bus, envelope("2"))
                await until(lambda: envelope("2").event in worker.handled, patience=5)


# --- changing ------------------------------------------------------------------------------------


async def test_fewer_partitions_empty_the_others_and_remove_them(nats_url: str) -> None:
    name = unique_name()
    sent = {thread: envelopes(3, thread) for thread in threads(40)}
    async with connected(nats_url) as connection:
        before, nobody = bus_over(connection, name, partitions=16), Worker()
        used = len({partition_of(thread, 16) for thread in sent})
        nobody.free.clear()
        async with running(before, nobody):
            for own in sent.values():
                await before.publish(own)
            await until(lambda: len(nobody.attempts) == used)
        assert await before.depth() == 120

        after, worker = bus_over(connection, name, partitions=4, settings=BRISK), Worker()
        async with running(after, worker):
            await after.publish([envelope("new")])
            await until(lambda: len(worker.handled) == 121)
            async with asyncio.timeout(10):
                while len(await consumers(connection, name)) > 4:  # noqa: ASYNC110 - the server's
                    await asyncio.sleep(0.05)
            assert await consumers(connection, name) == {"p0", "p1", "p2", "p3"}
            # A publisher that was not changed yet loses nothing.
            await before.publish([envelope("late", ThreadId.of("thread", "9"))])
            await until(lambda: len(worker.handled) == 122, patience=5)
            await until_empty(after)
    handled = set(worker.handled)
    assert handled >= {one.event for own in sent.values() for one in own}
    assert len(handled) == 122
    for own in sent.values():
        order = [event for event in worker.handled if event in {one.event for one in own}]
        assert order == [one.event for one in own]


async def test_more_partitions_take_over_what_waits(nats_url: str) -> None:
    name = unique_name()
    sent = {thread: envelopes(2, thread) for thread in threads(20)}
    async with connected(nats_url) as connection:
        before = bus_over(connection, name, partitions=2)
        for own in sent.values():
            await before.publish(own)
        after, worker = bus_over(connection, name, partitions=8, settings=BRISK), Worker()
        async with running(after, worker):
            await until_empty(after)
        assert len(worker.handled) == 40
        for own in sent.values():
            order = [event for event in worker.handled if event in {one.event for one in own}]
            assert order == [one.event for one in own]


async def test_workers_with_more_and_with_fewer_partitions_do_not_disturb_each_other(
    nats_url: str,
) -> None:
    name = unique_name()
    async with connected(nats_url) as one, connected(nats_url) as two:
        few = bus_over(one, name, partitions=2, settings=BRISK)
        many = bus_over(two, name, partitions=8, settings=BRISK)
        worker = Worker()
        async with running(few, worker), running(many, worker):
            for n in range(30):
                await (few, many)[n % 2].publish([envelope(str(n), ThreadId.of(str(n)))])
                await asyncio.sleep(0.02)
            await until(lambda: len(worker.handled) == 30, patience=5)
            # One may be removed as surplus by the few at this moment: the many make it again.
            wanted = {f"p{n}" for n in range(8)}
            for _ in range(100):
                if await consumers(one, name) >= wanted:
                    break
                await asyncio.sleep(0.1)
            assert await consumers(one, name) >= wanted
        assert len(set(worker.handled)) == 30


async def test_many_that_start_at_once_make_one_stream(nats_url: str) -> None:
    async with AsyncExitStack() as stack:
        links = [await stack.enter_async_context(connected(nats_url)) for _ in range(6)]
        for _ in range(10):
            name = unique_name()
            await asyncio.gather(
                *(
                    # A slow server may refuse one for a moment: the sweeper tries again too.
                    publish_until_taken(bus_over(link, name, partitions=n + 1), envelope(str(n)))
                    for n, link in enumerate(links)
                )
            )
            stream = await jetstream(links[0]).stream_info(name)
            assert stream.config.subjects == [f"{name}.in.*"]
            assert stream.state.messages == 6


async def test_subjects_of_another_stream_are_not_taken(nats_url: str) -> None:
    name = unique_name()
    async with connected(nats_url) as connection:
        await jetstream(connection).add_stream(name=f"other_{name}", subjects=[f"{name}.>"])
        with pytest.raises(BusError, match="overlap"):
            await bus_over(connection, name, partitions=2).publish([envelope("1")])
        with pytest.raises(NotFoundError):
            await jetstream(connection).stream_info(name)


async def test_a_stream_with_other_settings_is_brought_up_to_date(nats_url: str) -> None:
    name = unique_name()
    async with connected(nats_url) as connection:
        old = StreamConfig(
            name=name,
            subjects=[f"{name}.in.0", f"{name}.in.1"],
            retention=RetentionPolicy.WORK_QUEUE,
            storage=StorageType.FILE,
        )
        await jetstream(connection).add_stream(old)
        await jetstream(connection).add_consumer(
            name, ConsumerConfig(durable_name="p0", filter_subject=f"{name}.in.0", ack_wait=60)
        )
        bus, worker = bus_over(connection, name, partitions=4), Worker()
        sent = [envelope(str(thread), thread) for thread in threads(12)]
        async with running(bus, worker):
            await bus.publish(sent)
            await until(lambda: len(worker.handled) == 12)
        config = (await jetstream(connection).stream_info(name)).config
        assert config.subjects == [f"{name}.in.*"]
        assert (config.discard, config.max_bytes) == ("new", 256 * 2**20)
        consumer = (await jetstream(connection).consumer_info(name, "p0")).config
        assert (consumer.ack_wait, consumer.max_ack_pending) == (1, 1)


async def test_somebody_elses_stream_is_left_alone(nats_url: str) -> None:
    name = unique_name()
    async with connected(nats_url) as connection:
        theirs = StreamConfig(name=name, subjects=[f"{name}.theirs"], max_bytes=1_000_000)
        await jetstream(connection).add_stream(theirs)
        with pytest.raises(BusError, match=f"NATS has a stream {name} that is not ours: remove it"):
            await bus_over(connection, name).publish([envelope("1")])
        assert (await jetstream(connection).stream_info(name)).config.subjects == [f"{name}.theirs"]


async def test_what_the_server_cannot_do_is_said(nats_url: str) -> None:
    async with connected(nats_url) as connection:
        bus = NatsBus(connection, clock=SystemClock(), name=unique_name(), replicas=3)
        with pytest.raises(BusError, match=r"cannot make the stream .*replicas > 1 not supported"):
            await bus.publish([envelope("1")])


@pytest.mark.parametrize("name", ["", "a.b", "a b", "a*", ">", "å", "a" * 65])
async def test_a_wrong_name_is_refused(name: str) -> None:
    connection = NatsConnection(["nats://127.0.0.1:1"], name="test")
    with pytest.raises(ConfigError, match=r"\[bus\] name: .* cannot be the name of a stream"):
        NatsBus(connection, clock=SystemClock(), name=name)


async def test_no_partition_is_refused() -> None:
    connection = NatsConnection(["nats://127.0.0.1:1"], name="test")
    with pytest.raises(ConfigError, match=r"\[bus\] partitions: 0 partitions serve nobody"):
        NatsBus(connection, clock=SystemClock(), partitions=0)


async def test_without_jetstream_it_says_so(tmp_path: Path) -> None:
    server = PlainNats(tmp_path / "nats")
    with server:
        async with connected(server.url) as connection:
            bus = bus_over(connection, unique_name(), settings=Settings())
            with pytest.raises(BusError, match=r"cannot make the stream .* it has no JetStream"):
                await bus.publish([envelope("1")])


class PlainNats(NatsServer):
    """Without JetStream."""

    @override
    def command(self) -> list[str]:
        command = super().command()
        return command[: command.index("-js")]

    @override
    def is_ready(self) -> bool:
        try:
            with socket.create_connection((self.host, self.port), timeout=1) as connection:
                return connection.recv(4) == b"INFO"
        except OSError:
            return False
