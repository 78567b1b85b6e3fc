"""Wire: trouble is a value that tells whether the call may have been acted on; no secret leaks."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import deque
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from pydantic import SecretStr

from bot.model.sending import HttpCall, Lost, Reply, Unreached

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from bot.ports import Wire
    from tests.contract.homes import WireMaker

    Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

SECRET = "tok-3f9c1b7d"
HOST = "127.0.0.1"


class Server:
    """A provider on the loopback that records every request."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.port = 0
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answers: deque[web.Response] = deque()

    def url(self, path: str = "/") -> str:
        return f"http://{self.address}:{self.port}{path}"

    async def handle(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.read()
        self.requests.append((request.method, request.path_qs, headers, body))
        return self.answers.popleft() if self.answers else web.Response(text="ok")


@asynccontextmanager
async def serving(address: str = HOST) -> AsyncIterator[Server]:
    server = Server(address)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, address, 0)
    await site.start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        await runner.cleanup()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as running:
        yield running


@pytest.fixture
async def wire(wire_maker: WireMaker) -> AsyncIterator[Wire]:
    async with wire_maker() as made:
        yield made


@asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[str]:
    """A server that does with a connection whatever it likes; gives its URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, HOST, 0)
    async with listening:
        yield f"http://{HOST}:{listening.sockets[0].getsockname()[1]}/x"


def get(url: str, *, guarded: bool = False, seconds: float = 10) -> HttpCall:
    return HttpCall(method="GET", url=url, guarded=guarded, timeout=timedelta(seconds=seconds))


def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        port: int = taken.getsockname()[1]
        return port


# --- there and back --------------------------------------------------------------------------


async def test_a_call_goes_out_as_it_is(wire: Wire, server: Server) -> None:
    body = '{"text": "Hej å 👋"}'.encode() + b"\x00\xff"
    result = await wire.call(
        HttpCall(
            method="PUT",
            url=server.url("/v1/a%20b?x=1&x=2&y=%C3%A5"),
            headers=(("Content-Type", "application/json"), ("X-Twice", "one")),
            body=body,
        )
    )
    assert isinstance(result, Reply)
    ((method, path, headers, received),) = server.requests
    assert (method, path, received) == ("PUT", "/v1/a%20b?x=1&x=2&y=%C3%A5", body)
    assert (headers["content-type"], headers["x-twice"]) == ("application/json", "one")


async def test_the_answer_comes_back_as_it_is(wire: Wire, server: Server) -> None:
    answer = web.Response(status=201, body=b"\x00\xff\r\n", headers={"X-Id": "SM1"})
    answer.headers.add("Set-Cookie", "a=1")
    answer.headers.add("Set-Cookie", "b=2")
    server.answers.append(answer)
    result = await wire.call(get(server.url()))
    assert isinstance(result, Reply)
    assert (result.status, result.body) == (201, b"\x00\xff\r\n")
    assert result.header("x-id") == "SM1"
    cookies = [value for name, value in result.headers if name.lower() == "set-cookie"]
    assert cookies == ["a=1", "b=2"]


@pytest.mark.parametrize("status", [204, 400, 401, 404, 429, 500, 503])
async def test_every_status_is_a_reply(wire: Wire, server: Server, status: int) -> None:
    server.answers.append(web.Response(status=status, headers={"Retry-After": "7"}))
    result = await wire.call(get(server.url()))
    assert isinstance(result, Reply)
    assert (result.status, result.header("Retry-After")) == (status, "7")
    assert len(server.requests) == 1  # trying again is not the wire's to decide


async def test_cookies_are_not_kept(wire: Wire, server: Server) -> None:
    server.answers.append(web.Response(headers={"Set-Cookie": "session=1; Path=/"}))
    for _ in range(2):
        await wire.call(get(server.url()))
    assert all("cookie" not in headers for _, _, headers, _ in server.requests)


async def test_many_calls_at_once_get_their_own_answers(wire: Wire, server: Server) -> None:
    for n in range(30):
        server.answers.append(web.Response(text=str(n)))
    results = await asyncio.gather(*(wire.call(get(server.url(f"/{n}"))) for n in range(30)))
    bodies = [result.body for result in results if isinstance(result, Reply)]
    assert sorted(bodies) == sorted(str(n).encode() for n in range(30))


async def test_a_redirect_is_not_followed_with_our_credentials(wire: Wire, server: Server) -> None:
    async with serving("127.0.0.2") as elsewhere:
        server.answers.append(web.Response(status=302, headers={"Location": elsewhere.url()}))
        call = get(server.url()).model_copy(update={"headers": (("Authorization", SECRET),)})
        result = await wire.call(call)
        assert isinstance(result, Reply)
        assert result.status == 302
        assert elsewhere.requests == []


# --- trouble ---------------------------------------------------------------------------------


async def test_nobody_there_is_unreached(wire: Wire) -> None:
    result = await wire.call(get(f"http://{HOST}:{closed_port()}/"))
    assert isinstance(result, Unreached)
    assert result.reason


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "http://", "ftp://127.0.0.1/x", "http://[::1", "http://127.0.0.1:99999/"],
)
async def test_what_is_no_url_is_unreached(wire: Wire, url: str) -> None:
    assert isinstance(await wire.call(get(url)), Unreached)


async def test_a_server_that_reads_and_hangs_up_is_lost(wire: Wire) -> None:
    heard: list[bytes] = []

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))

    async with talking(hang_up) as url:
        result = await wire.call(HttpCall(method="POST", url=url, body=b"send it"))
    assert isinstance(result, Lost)
    assert len(heard) == 1  # not made again: the provider may have acted on it


async def test_an_answer_that_breaks_off_is_lost(wire: Wire) -> None:
    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await writer.drain()

    async with talking(break_off) as url:
        assert isinstance(await wire.call(get(url)), Lost)


async def test_an_answer_that_is_no_http_is_lost(wire: Wire) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"\x00\x01 hello?\r\n\r\n")
        await writer.drain()

    async with talking(babble) as url:
        assert isinstance(await wire.call(get(url)), Lost)


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
async def test_no_answer_in_time_is_lost(wire: Wire, begun: bytes) -> None:
    release = asyncio.Event()

    async def dawdle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(begun)
        await release.wait()

    async with talking(dawdle) as url:
        started = asyncio.get_running_loop().time()
        result = await wire.call(get(url, seconds=0.2))
        took = asyncio.get_running_loop().time() - started
        release.set()
    assert isinstance(result, Lost)
    assert 0.15 < took < 5


async def test_an_answer_larger_than_wanted_is_lost(wire: Wire, server: Server) -> None:
    for size in (1000, 1001):
        server.answers.append(web.Response(body=b"x" * size))
    call = get(server.url()).model_copy(update={"max_bytes": 1000})
    whole = await wire.call(call)
    assert isinstance(whole, Reply)
    assert len(whole.body) == 1000
    assert isinstance(await wire.call(call), Lost)


async def test_an_endless_answer_is_given_up(wire: Wire) -> None:
    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(100_000):
                writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
                await writer.drain()
        except ConnectionError:
            return  # the caller has hung up, as it should

    async with talking(pour) as url:
        call = get(url).model_copy(update={"max_bytes": 50_000})
        assert isinstance(await wire.call(call), Lost)


async def test_a_cancelled_call_leaves_the_wire_whole(wire: Wire, server: Server) -> None:
    async def dawdle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with talking(dawdle) as url:
        task = asyncio.create_task(wire.call(get(url)))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert isinstance(await wire.call(get(server.url())), Reply)


# --- URLs that came from outside -------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",  # noqa: S104 - nothing is bound to it
        "2130706433",
        "127.1",
        "127.0.0.1.",
    ],
)
async def test_a_guarded_call_does_not_reach_ourselves(
    wire: Wire, server: Server, host: str
) -> None:
    result = await wire.call(get(f"http://{host}:{server.port}/", guarded=True, seconds=3))
    assert isinstance(result, Unreached)
    assert server.requests == []


@pytest.mark.parametrize(
    "host",
    [
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "[fe80::1]",
        "[fc00::1]",
        "[::]",
        "[64:ff9b::a00:1]",
    ],
)
async def test_a_guarded_call_does_not_reach_our_network(wire: Wire, host: str) -> None:
    # Refused at once: the test machine's network would have been tried for seconds.
    result = await asyncio.wait_for(wire.call(get(f"http://{host}/", guarded=True)), 3)
    assert isinstance(result, Unreached)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "gopher://127.0.0.1/", "//127.0.0.1/"])
async def test_a_guarded_call_speaks_http_only(wire: Wire, url: str) -> None:
    assert isinstance(await wire.call(get(url, guarded=True)), Unreached)


async def test_an_unguarded_call_may_reach_ourselves(wire: Wire, server: Server) -> None:
    assert isinstance(await wire.call(get(server.url())), Reply)


async def test_a_guarded_call_follows_redirects_outside(wire_maker: WireMaker) -> None:
    async with (
        wire_maker(allow=[HOST, "127.0.0.2"]) as wire,
        serving() as first,
        serving("127.0.0.2") as second,
    ):
        first.answers.append(web.Response(status=302, headers={"Location": second.url("/m")}))
        second.answers.append(web.Response(body=b"picture"))
        call = get(first.url(), guarded=True).model_copy(
            update={"headers": (("Authorization", SECRET), ("Accept", "image/png"))}
        )
        result = await wire.call(call)
    assert isinstance(result, Reply)
    assert (result.status, result.body) == (200, b"picture")
    ((_, path, headers, _),) = second.requests
    assert (path, headers.get("accept")) == ("/m", "image/png")
    assert "authorization" not in headers  # another host gets no credentials


async def test_a_guarded_call_is_not_led_inside(wire_maker: WireMaker) -> None:
    async with (
        wire_maker(allow=[HOST]) as wire,
        serving() as outside,
        serving("127.0.0.2") as inside,
    ):
        for target in (inside.url("/secret"), f"http://127.0.0.2.:{inside.port}/", "file:///x"):
            outside.answers.append(web.Response(status=302, headers={"Location": target}))
            result = await wire.call(get(outside.url(), guarded=True, seconds=3))
            assert isinstance(result, Unreached | Lost), target
        assert len(outside.requests) == 3
        assert inside.requests == []


async def test_redirects_in_a_circle_end(wire_maker: WireMaker) -> None:
    async with wire_maker(allow=[HOST]) as wire, serving() as server:
        for _ in range(50):
            server.answers.append(web.Response(status=302, headers={"Location": "/again"}))
        result = await wire.call(get(server.url(), guarded=True))
    assert isinstance(result, Unreached | Lost)
    assert len(server.requests) < 25


# --- secrets ---------------------------------------------------------------------------------


async def test_secrets_are_in_no_repr_reason_or_log(
    wire: Wire, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async with talking(hang_up) as alive:
        urls = (
            f"http://{HOST}:{closed_port()}/bot{SECRET}/send",
            f"{alive}/bot{SECRET}/send?key={SECRET}",
            f"http://user:{SECRET}@{HOST}:99999/{SECRET}",
            f"nonsense {SECRET}",
        )
        for url in urls:
            call = HttpCall(
                method="POST",
                url=url,
                headers=(("Authorization", f"Bearer {SECRET}"),),
                secrets=(SecretStr(SECRET),),
            )
            assert SECRET not in repr(call.secrets)
            result = await wire.call(call)
            assert isinstance(result, Unreached | Lost)
            assert SECRET not in repr(result)
    written = capfd.readouterr()
    assert SECRET not in caplog.text + written.out + written.err
