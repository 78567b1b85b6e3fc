"""Two edges behind nginx, configured as `docs/nginx.conf` says."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest
import socketio

from bot.buses.local import LocalFanout
from tests.edge.house import ROOT, Browser, House, until, until_all
from tests.edge.processes import Processes, processes
from tests.servers import do_without, free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.ports import Fanout

DOCUMENTED = ROOT / "docs/nginx.conf"
POLLING, WEBSOCKET = ["polling"], ["websocket"]
STICKY = "hash $remote_addr consistent;"


def _nginx() -> str:
    found = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if found is None:
        do_without("no nginx: install one (apt-get install nginx-light)")
    return found


def _configuration(edges: list[House], *, port: int, folder: Path, sticky: bool) -> str:
    """The documented configuration, with these edges, in a process without privileges."""
    text = DOCUMENTED.read_text("utf-8")
    for documented, edge in zip(("10.0.0.11:8080", "10.0.0.12:8080"), edges, strict=True):
        assert text.count(documented) == 2
        text = text.replace(documented, edge.base.removeprefix("http://"))
    text, listens = re.subn(r"listen 80;", f"listen 127.0.0.1:{port};", text)
    assert listens == 1
    assert text.count(STICKY) == 1
    if not sticky:
        text = text.replace(STICKY, "")
    (folder / "samtal.conf").write_text(text, "utf-8")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temps = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    user = "user root;\n" if os.geteuid() == 0 else ""
    return (
        f"{user}pid {folder}/pid;\nerror_log {folder}/error.log;\nworker_processes 1;\n"
        "events { worker_connections 512; }\n"
        f"http {{\naccess_log {folder}/access.log;\n{temps}include {folder}/samtal.conf;\n}}\n"
    )


@contextlib.asynccontextmanager
async def _proxy(edges: list[House], folder: Path, *, sticky: bool = True) -> AsyncIterator[str]:
    binary, port = _nginx(), free_port()
    configuration = folder / "nginx.conf"
    text = _configuration(edges, port=port, folder=folder, sticky=sticky)
    configuration.write_text(text, "utf-8")
    command = [binary, "-p", str(folder), "-c", str(configuration)]
    process = await asyncio.create_subprocess_exec(
        *command, "-g", "daemon off; master_process off;"
    )
    try:
        await until(lambda: _answers(port, process))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 10)


async def _answers(port: int, process: asyncio.subprocess.Process) -> bool:
    assert process.returncode is None, "nginx has ended; its standard error says why"
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


@contextlib.asynccontextmanager
async def _site(**settings: object) -> AsyncIterator[Processes]:
    fanout = LocalFanout()

    async def new() -> Fanout:
        return fanout

    trusted = {"trusted_proxies": ["127.0.0.1/32"], **settings}
    async with processes(new, **trusted) as running:
        yield running


async def _browser(apart: Processes, url: str, transports: list[str]) -> Browser:
    browser = Browser(url, transports=transports, faithful=True)
    apart.two.clients.append(browser)
    await browser.connect({})
    return browser


def _visitors(house: House) -> int:
    figures = house.parts.metrics.exposition().decode()
    found = re.search(r'samtal_sockets\{namespace="/chat"\} (\d+)', figures)
    return int(found[1]) if found else 0


def _home(apart: Processes, browser: Browser) -> tuple[House, House]:
    """The edge that a browser is at, and the other."""
    room = _room(browser)
    if apart.one.parts.live.members("/chat", room):
        return apart.one, apart.two
    assert apart.two.parts.live.members("/chat", room)
    return apart.two, apart.one


def _room(browser: Browser) -> str:
    return f"visitor:{browser.told('welcome')[0]['visitor']}"


# --- stickiness ------------------------------------------------------------------------------


async def test_polling_clients_stay_at_their_edge(tmp_path: Path) -> None:
    async with _site() as apart, _proxy([apart.one, apart.two], tmp_path) as url:
        clients = [await _browser(apart, url, POLLING) for _ in range(3)]
        for n in range(5):
            for client in clients:
                assert await client.say(f"Nummer {n}", key=f"m{n}") == {"ok": True}
        said = [f"Nummer {n}" for n in range(5)]
        await until_all(clients, lambda client: client.texts("customer") == said)
        assert all(client.texts("bot") for client in clients)
        assert sorted((_visitors(apart.one), _visitors(apart.two))) == [0, 3]  # one address
        assert not re.search(r'" 400 ', (tmp_path / "access.log").read_text())


async def test_without_stickiness_polling_would_not_work(tmp_path: Path) -> None:
    async with _site() as apart, _proxy([apart.one, apart.two], tmp_path, sticky=False) as url:
        async with aiohttp.ClientSession() as session:
            client = socketio.AsyncClient(reconnection=False, http_session=session)
            with pytest.raises(socketio.exceptions.ConnectionError):
                await client.connect(url, namespaces=["/chat"], transports=POLLING, wait_timeout=1)
            await client.disconnect()
        assert re.search(r'sid=.*" 400 ', (tmp_path / "access.log").read_text())


async def test_websockets_need_none_and_are_spread(tmp_path: Path) -> None:
    async with _site() as apart, _proxy([apart.one, apart.two], tmp_path) as url:
        clients = [await _browser(apart, url, WEBSOCKET) for _ in range(6)]
        for client in clients:
            assert await client.say("Hej", key="m1") == {"ok": True}
        assert (_visitors(apart.one), _visitors(apart.two)) == (3, 3)
        upgraded = await _browser(apart, url, ["polling", "websocket"])
        assert await upgraded.say("Hej", key="m1") == {"ok": True}
        await until(lambda: upgraded.client.transport() == "websocket")


# --- an edge goes ----------------------------------------------------------------------------


@pytest.mark.parametrize("transports", [POLLING, WEBSOCKET], ids=["polling", "websocket"])
async def test_when_an_edge_dies_its_clients_go_on_at_the_other(
    tmp_path: Path, transports: list[str]
) -> None:
    async with _site() as apart, _proxy([apart.one, apart.two], tmp_path) as url:
        visitor = await _browser(apart, url, transports)
        assert await visitor.say("Hej", key="m1") == {"ok": True}
        await until(lambda: len(visitor.texts("bot")) == 1)
        home, other = _home(apart, visitor)
        tab = await other.visitor(token=visitor.token)
        await home.die()
        for n in range(3):  # while it is away
            assert await tab.say(f"Under tiden {n}", key=f"t{n}") == {"ok": True}
        await until(lambda: len(tab.texts("customer")) == 4)
        await apart.one.idle()
        assert len(tab.texts()) == 8
        await until(lambda: visitor.shown() == tab.shown(), seconds=15)
        assert len(other.parts.live.members("/chat", _room(visitor))) == 2
        assert await visitor.say("Hej igen", key="m2") == {"ok": True}
        await until(lambda: visitor.shown() == tab.shown() and "Hej igen" in visitor.shown())
        said = ["Hej", *(f"Under tiden {n}" for n in range(3)), "Hej igen"]
        assert [text for text in visitor.shown() if text in said] == said  # each once, in order


@pytest.mark.parametrize("transports", [POLLING, WEBSOCKET], ids=["polling", "websocket"])
async def test_when_an_edge_stops_its_clients_go_to_the_other(
    tmp_path: Path, transports: list[str]
) -> None:
    async with _site() as apart, _proxy([apart.one, apart.two], tmp_path) as url:
        visitor = await _browser(apart, url, transports)
        await visitor.say("Hej", key="m1")
        await until(lambda: len(visitor.texts("bot")) == 1)
        home, other = _home(apart, visitor)
        await home.parts.live.farewell()
        await until(lambda: len(visitor.told("replayed")) == 2)
        assert _home(apart, visitor)[0] is other
        assert await visitor.say("Hej igen", key="m2") == {"ok": True}
        await until(lambda: len(visitor.texts("bot")) == 2)
        assert len(visitor.shown()) == 4  # each once
        assert visitor.texts("customer") == ["Hej", "Hej igen"]


async def test_webhooks_go_to_any_edge_that_lives(tmp_path: Path) -> None:
    async with _site() as apart, _proxy([apart.one, apart.two], tmp_path) as url:
        statuses = []
        async with aiohttp.ClientSession() as session:
            for n in range(6):
                if n == 3:
                    await apart.one.die()
                body = b"unsigned"  # both edges refuse it, so both were there to be asked
                async with session.post(f"{url}/webhooks/twilio_sms/demo", data=body) as got:
                    statuses.append(got.status)
        assert statuses == [403] * 6
        refused = [_refusals(house) for house in (apart.one, apart.two)]
        assert sum(refused) == 6
        assert min(refused) >= 1


def _refusals(house: House) -> int:
    figures = house.parts.metrics.exposition().decode()
    found = re.search(r'samtal_webhooks_total\{.*result="forged"\} (\d+)', figures)
    return int(found[1]) if found else 0


# --- who the client is -----------------------------------------------------------------------


async def test_limits_count_clients_and_not_the_proxy(tmp_path: Path) -> None:
    async with (
        _site(connect_rate={"per_second": 0.1, "burst": 2}) as apart,
        _proxy([apart.one, apart.two], tmp_path) as url,
    ):
        statuses = [await _handshake(url, source="127.0.0.2") for _ in range(3)]
        assert statuses == [200, 200, 429]
        assert await _handshake(url, source="127.0.0.3") == 200
        forged = {"X-Forwarded-For": "203.0.113.9"}  # nginx does not pass on what clients say
        assert await _handshake(url, source="127.0.0.2", headers=forged) == 429


async def _handshake(url: str, *, source: str, headers: dict[str, str] | None = None) -> int:
    connector = aiohttp.TCPConnector(local_addr=(source, 0))
    async with aiohttp.ClientSession(connector=connector) as session:
        target = f"{url}/socket.io/?EIO=4&transport=polling"
        async with session.get(target, headers=headers) as got:
            return got.status


async def test_figures_are_not_for_the_world(tmp_path: Path) -> None:
    async with (
        _site() as apart,
        _proxy([apart.one, apart.two], tmp_path) as url,
        aiohttp.ClientSession() as session,
    ):
        for path, status in (("/metrics", 404), ("/readyz", 404), ("/healthz", 200)):
            async with session.get(url + path) as got:
                assert got.status == status
