"""The connection to NATS and the fan-out over it, where the network and the server go."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from bot.buses.nats import NatsConnection, NatsFanout
from bot.errors import BusError, ConfigError
from tests.cable import Cable
from tests.servers import NatsServer, free_port, unique_name
from tests.unit.nats_parts import PATIENCE, QUICK, connected, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


async def heard(listener: AsyncIterator[bytes | None], count: int) -> list[bytes | None]:
    async with asyncio.timeout(PATIENCE):
        return [await anext(listener) for _ in range(count)]


async def heard_until(
    listener: AsyncIterator[bytes | None], last: bytes | None
) -> list[bytes | None]:
    found: list[bytes | None] = []
    async with asyncio.timeout(PATIENCE):
        async for message in listener:
            found.append(message)
            if message == last:
                break
    return found


async def tell_until_taken(fanout: NatsFanout, subject: str, message: bytes) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await fanout.tell(subject, message)
            except BusError:
                await asyncio.sleep(0.01)
            else:
                return


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


# --- the fan-out ---------------------------------------------------------------------------------


async def test_a_restarted_server_leaves_a_mark_and_all_goes_on(nats_server: NatsServer) -> None:
    name = unique_name()
    async with connected(nats_server.url) as one, connected(nats_server.url) as two:
        teller, hearer = NatsFanout(one, name=name), NatsFanout(two, name=name)
        async with hearer.listen("feed") as listener, hearer.listen("other") as other:
            await teller.tell("feed", b"before")
            assert await heard(listener, 1) == [b"before"]
            nats_server.kill()
            await until(lambda: not one.is_up and not two.is_up)
            assert await heard(listener, 1) == [None]
            assert await heard(other, 1) == [None]
            with pytest.raises(BusError, match="NATS is away"):
                await teller.tell("feed", b"while away")
            nats_server.start()
            await until(lambda: one.is_up and two.is_up)
            assert await heard(listener, 1) == [None]
            assert await heard(other, 1) == [None]
            await tell_until_taken(teller, "feed", b"after")
            found = await heard_until(listener, b"after")
            # The teller says once more that what it told just before may have been lost.
            assert found in ([b"after"], [None, b"after"])
        await teller.close()
        await hearer.close()


async def test_what_a_cut_teller_told_may_be_missed_and_others_learn_it(nats_url: str) -> None:
    """It was handed over, and did not arrive: nobody else's connection shows it."""
    name = unique_name()
    async with (
        Cable("127.0.0.1", port_of(nats_url)) as cable,
        connected(f"nats://127.0.0.1:{cable.port}") as one,
        connected(nats_url) as two,
    ):
        teller, hearer = NatsFanout(one, name=name), NatsFanout(two, name=name)
        async with hearer.listen("feed") as listener, hearer.listen("quiet") as quiet:
            await teller.tell("feed", b"1")
            assert await heard(listener, 1) == [b"1"]
            cable.freeze()
            await teller.tell("feed", b"lost")
            await until(lambda: not one.is_up, patience=5)
            await cable.cut()
            cable.thaw()
            assert await heard(listener, 1) == [None]
            await tell_until_taken(teller, "feed", b"2")
            await tell_until_taken(teller, "quiet", b"3")
            assert await heard(listener, 1) == [b"2"]
            assert await heard(quiet, 1) == [b"3"]  # nothing was told there: nothing was missed
        await teller.close()
        await hearer.close()


async def test_a_cut_listener_learns_that_it_missed_something(nats_url: str) -> None:
    name = unique_name()
    async with (
        Cable("127.0.0.1", port_of(nats_url)) as cable,
        connected(nats_url) as one,
        connected(f"nats://127.0.0.1:{cable.port}") as two,
    ):
        teller, hearer = NatsFanout(one, name=name), NatsFanout(two, name=name)
        async with hearer.listen("feed") as listener:
            cable.freeze()
            await teller.tell("feed", b"lost")
            await until(lambda: not two.is_up, patience=5)
            assert await heard(listener, 1) == [None]
            await cable.cut()
            cable.thaw()
            assert await heard(listener, 1) == [None]
            await teller.tell("feed", b"2")
            assert await heard(listener, 1) == [b"2"]
        await teller.close()
        await hearer.close()


async def test_who_listens_while_the_server_is_away_hears_later(nats_server: NatsServer) -> None:
    async with connected(nats_server.url) as connection:
        fanout = NatsFanout(connection, name=unique_name())
        nats_server.kill()
        await until(lambda: not connection.is_up)
        async with fanout.listen("feed") as listener:
            nats_server.start()
            assert await heard(listener, 1) == [None]
            await tell_until_taken(fanout, "feed", b"1")
            assert await heard(listener, 1) == [b"1"]
        await fanout.close()


async def test_a_message_that_is_too_large_is_refused(tmp_path: Path) -> None:
    async with SmallServer(tmp_path) as connection:
        fanout = NatsFanout(connection, name=unique_name())
        async with fanout.listen("feed") as listener:
            with pytest.raises(BusError, match=r"a message of 5001 bytes .*: 5000 bytes\. Raise"):
                await fanout.tell("feed", bytes(5_001))
            await fanout.tell("feed", bytes(5_000))
            assert await heard(listener, 1) == [bytes(5_000)]
        await fanout.close()


class SmallServer:
    """A server that takes 5,000 bytes at the most, and a connection to it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        config = folder / "nats.conf"
        config.write_text("max_payload: 5000\n")
        self._server = NatsServer(folder / "nats", options=["-c", str(config)])
        self._connection: NatsConnection | None = None

    async def __aenter__(self) -> NatsConnection:
        self._server.start()
        self._connection = await NatsConnection.open([self._server.url], settings=QUICK)
        return self._connection

    async def __aexit__(self, *_: object) -> None:
        if self._connection is not None:
            await self._connection.close()
        self._server.stop()


async def test_a_server_that_takes_nothing_is_not_filled_without_end(nats_url: str) -> None:
    async with (
        Cable("127.0.0.1", port_of(nats_url)) as cable,
        connected(f"nats://127.0.0.1:{cable.port}") as connection,
    ):
        fanout = NatsFanout(connection, name=unique_name())
        cable.freeze()
        with pytest.raises(BusError, match=r"NATS at 127.0.0.1:\d+ is too slow: 8388608 bytes"):
            await tell_large(fanout, 100)
        await fanout.close()


async def tell_large(fanout: NatsFanout, count: int) -> None:
    for _ in range(count):
        await fanout.tell("feed", bytes(500_000))
        await asyncio.sleep(0)


# --- the connection ------------------------------------------------------------------------------


async def test_nobody_there_is_said_within_the_patience() -> None:
    port = free_port()
    began = time.monotonic()
    with pytest.raises(BusError, match=rf"NATS is away \(127.0.0.1:{port}\): no NATS at 127.0.0.1"):
        await NatsConnection.open([f"nats://127.0.0.1:{port}"], patience=QUICK.silence)
    assert 0.5 < time.monotonic() - began < 3


async def test_one_server_of_several_is_enough(nats_url: str) -> None:
    servers = [f"nats://127.0.0.1:{free_port()}", nats_url]
    for _ in range(4):  # they are tried in any order
        connection = await NatsConnection.open(servers, settings=QUICK)
        assert connection.is_up
        await connection.close()
        assert not connection.is_up
        with pytest.raises(BusError, match="closed"):
            connection.link()


async def test_something_else_that_answers_is_no_nats(nats_url: str) -> None:
    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n" + b"x" * 100_000)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(on_connection, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(BusError, match=f"no NATS at 127.0.0.1:{port}"):
        await NatsConnection.open([f"nats://127.0.0.1:{port}"], patience=QUICK.silence)
    # It does no harm beside one that is.
    connection = await NatsConnection.open([f"nats://127.0.0.1:{port}", nats_url], settings=QUICK)
    await connection.close()
    server.close()


async def test_credentials_are_used_and_never_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with NatsServer(tmp_path / "nats", options=["--user", "bot", "--pass", "s3cr/t@1"]) as server:
        place = server.url.removeprefix("nats://")
        connection = await NatsConnection.open([f"nats://bot:s3cr%2Ft%401@{place}"], settings=QUICK)
        assert connection.is_up
        assert "s3cr" not in repr(vars(connection))
        server.restart()
        await connection.linked()
        await connection.close()
        for wrong in ("bot:wr0ng", "bot", "wr0ng:s3cr%2Ft%401"):
            with pytest.raises(BusError, match="Authorization Violation") as refused:
                await NatsConnection.open([f"nats://{wrong}@{place}"], patience=QUICK.silence)
            assert "wr0ng" not in str(refused.value)
        with pytest.raises(BusError, match="Authorization"):
            await NatsConnection.open([server.url], patience=QUICK.silence)
    shown = capsys.readouterr()
    assert "s3cr" not in shown.out + shown.err
    assert "wr0ng" not in shown.out + shown.err


async def test_a_refusal_later_is_not_the_end(tmp_path: Path) -> None:
    """The client library gives up for ever when a server refuses it; we do not."""
    options = ["--user", "bot", "--pass", "first"]
    server = NatsServer(tmp_path / "nats", options=options)
    with server:
        url = server.url.replace("nats://", "nats://bot:first@")
        async with connected(url) as connection:
            server.kill()
            other = NatsServer(
                tmp_path / "nats", server.port, options=["--user", "bot", "--pass", "second"]
            )
            with other:
                await until(lambda: not connection.is_up)
                await asyncio.sleep(0.5)
                with pytest.raises(BusError, match="Authorization Violation"):
                    connection.link()
            server.start()
            await until(lambda: connection.is_up, patience=5)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:4222",
        "http://127.0.0.1:4222",
        "nats://",
        "nats://:4222",
        "nats://s3cret:p@host:99999",
        "nats://s3cret:p@host:port",
        "nats://s3cret:p@host:4222/path",
        "nats://s3cret:p@host:4222?x=1",
        "nats://s3cret:p@[::1",
    ],
)
async def test_a_wrong_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigError, match=r"\[bus\] servers: not the URL of a NATS") as refused:
        await NatsConnection.open([url])
    assert "s3cret" not in str(refused.value)
    assert refused.value.__cause__ is None


async def test_no_server_at_all_is_refused() -> None:
    with pytest.raises(ConfigError, match="no server is named"):
        await NatsConnection.open([])


async def test_closing_lets_arrive_what_was_told(nats_url: str) -> None:
    name = unique_name()
    async with connected(nats_url) as two:
        hearer = NatsFanout(two, name=name)
        async with hearer.listen("feed") as listener:
            one = await NatsConnection.open([nats_url], settings=QUICK)
            teller = NatsFanout(one, name=name)
            for n in range(200):
                await teller.tell("feed", str(n).encode())
            await teller.close()
            await one.close()
            await one.close()
            assert await heard(listener, 200) == [str(n).encode() for n in range(200)]
        await hearer.close()
