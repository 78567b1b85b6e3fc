"""A whole server on the loopback: the real hub, the real channels, providers played beside them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import socketio
from aiohttp import web
from argon2 import PasswordHasher
from pydantic import SecretStr

from bot.edge.auth import Passwords
from bot.edge.clock import SystemClock
from bot.edge.live import Live
from bot.edge.metrics import Metrics
from bot.edge.parts import EdgeParts
from bot.edge.server import make_runner
from bot.edge.settings import EdgeSettings
from bot.edge.wire import HttpWire
from bot.hub.content import ContentSet
from bot.hub.engines import Engines
from bot.hub.forms import Forms
from bot.hub.hub import Hub
from bot.hub.settings import HubSettings
from bot.model.ids import AgentId
from bot.model.people import Agent, Role
from channels import messenger, telegram, twilio_sms, webchat
from channels.messenger.sandbox import Loopback as MessengerLoopback
from channels.telegram.sandbox import Loopback as TelegramLoopback
from channels.twilio_sms.sandbox import Loopback as SmsLoopback
from tests.fakes.bus import FakeBus
from tests.fakes.nlu import FakeNlu
from tests.fakes.store import FakeStore

if TYPE_CHECKING:
    from bot.ports import Channel, Provider
    from tests.fakes.memory import Memory

ROOT = Path(__file__).resolve().parents[2]
SECRET = SecretStr("the secret of the edge's tests")
PASSWORD = "correct horse battery"
TOKEN = "twilio-test-token"
Key = tuple[str, str]


@dataclass(kw_only=True)
class House:
    """The running server and what a test does with it."""

    base: str
    parts: EdgeParts
    app: web.Application
    store: FakeStore
    http: aiohttp.ClientSession
    clients: list[Browser | Seat | aiohttp.ClientSession] = field(default_factory=list)

    @property
    def hub(self) -> Hub:
        return self.parts.hub

    async def idle(self) -> None:
        """Return when the hub waits for something to do."""
        await asyncio.sleep(0.05)

    async def agent(self, name: str = "Anna", *, role: Role = Role.AGENT) -> Agent:
        """A person who may log in with PASSWORD."""
        agent = Agent(
            id=AgentId.of(name),
            email=f"{name.lower()}@example.com",
            name=name,
            role=role,
            password_hash=await self.parts.passwords.hash(SecretStr(PASSWORD)),
        )
        await self.store.put_agent(agent)
        return agent

    async def log_in(self, name: str = "Anna", *, role: Role = Role.AGENT) -> Desk:
        """A logged-in browser of somebody new."""
        agent = await self.agent(name, role=role)
        http = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        body = {"email": agent.email, "password": PASSWORD}
        async with http.post(f"{self.base}/api/v1/session", json=body) as response:
            assert response.status == 201, await response.text()
            me = await response.json()
        cookie = response.cookies["samtal_session"].value
        desk = Desk(base=self.base, http=http, csrf=me["csrf"], cookie=cookie)
        self.clients.append(http)
        return desk

    async def visitor(self, **auth: object) -> Browser:
        """A customer's browser, connected."""
        browser = Browser(self.base)
        self.clients.append(browser)
        await browser.connect(auth)
        return browser

    async def seat(self, desk: Desk) -> Seat:
        """An agent's console, connected."""
        seat = Seat(self.base)
        self.clients.append(seat)
        await seat.connect(desk.cookie)
        return seat

    async def write(self, channel: str, user: str, text: str) -> int:
        """A customer writes on a phone; gives the hub's answer to the provider."""
        url = f"{self.base}/sandbox-api/phones/{channel}/demo/{user}/write"
        async with self.http.post(url, json={"text": text}) as response:
            assert response.status == 200, await response.text()
            status: int = (await response.json())["hub_status"]
            return status

    async def screen(self, channel: str, user: str) -> list[dict[str, Any]]:
        url = f"{self.base}/sandbox-api/phones/{channel}/demo/{user}"
        async with self.http.get(url) as response:
            messages: list[dict[str, Any]] = (await response.json())["messages"]
            return messages

    async def phone_shows(self, channel: str, user: str, text: str) -> None:
        """Return when the phone shows a text."""
        await until(lambda: self._shows(channel, user, text))

    async def _shows(self, channel: str, user: str, text: str) -> bool:
        shown = await self.screen(channel, user)
        return any(text in one["text"] for one in shown if one["side"] == "them")


@dataclass(kw_only=True)
class Desk:
    """A logged-in browser."""

    base: str
    http: aiohttp.ClientSession
    csrf: str
    cookie: str

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.http.get(f"{self.base}/api/v1{path}") as response:
            return response.status, await response.json()

    async def post(self, path: str, body: object = None) -> tuple[int, Any]:
        headers = {"X-CSRF-Token": self.csrf}
        async with self.http.post(
            f"{self.base}/api/v1{path}", json=body, headers=headers
        ) as response:
            return response.status, await response.json()


class Browser:
    """A customer's browser: what it was told, and what it does."""

    def __init__(self, base: str) -> None:
        self._base = base
        self.client = socketio.AsyncClient(reconnection=False)
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.client.on("*", self._hear, namespace="/chat")

    async def connect(self, auth: Mapping[str, object]) -> None:
        await self.client.connect(self._base, namespaces=["/chat"], auth=dict(auth))
        await until(lambda: bool(self.told("replayed")))

    async def close(self) -> None:
        await self.client.disconnect()

    async def do(self, event: str, data: object) -> dict[str, Any]:
        """Emit and wait for the acknowledgement."""
        answer: dict[str, Any] = await self.client.call(event, data, namespace="/chat", timeout=10)
        return answer

    async def say(self, text: str, *, key: str) -> dict[str, Any]:
        return await self.do("message", {"id": key, "text": text})

    def told(self, event: str) -> list[dict[str, Any]]:
        return [data for name, data in self.events if name == event]

    @property
    def token(self) -> str:
        return str(self.told("welcome")[0]["token"])

    def texts(self, author: str | None = None) -> list[str]:
        """The texts of all messages, each once, in order of arrival."""
        once = {one["id"]: one for one in self.told("message")}
        return [one["text"] for one in once.values() if author in {None, one["author"]}]

    async def hears(self, text: str) -> dict[str, Any]:
        """The message with this text, when it comes."""
        await until(lambda: any(text in one["text"] for one in self.told("message")))
        return next(one for one in self.told("message") if text in one["text"])

    def _hear(self, event: str, *data: dict[str, Any]) -> None:
        self.events.append((event, data[0] if data else {}))


class Seat:
    """An agent's console."""

    def __init__(self, base: str) -> None:
        self._base = base
        self.client = socketio.AsyncClient(reconnection=False)
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.client.on("*", self._hear, namespace="/desk")

    async def connect(self, cookie: str, **headers: str) -> None:
        await self.client.connect(
            self._base,
            namespaces=["/desk"],
            headers={"Cookie": f"samtal_session={cookie}", **headers},
        )

    async def close(self) -> None:
        await self.client.disconnect()

    async def do(self, event: str, data: object) -> dict[str, Any]:
        answer: dict[str, Any] = await self.client.call(event, data, namespace="/desk", timeout=10)
        return answer

    def told(self, event: str) -> list[dict[str, Any]]:
        return [data for name, data in self.events if name == event]

    def _hear(self, event: str, *data: dict[str, Any]) -> None:
        self.events.append((event, data[0] if data else {}))


async def until(condition: Callable[[], bool | Awaitable[bool]], *, seconds: float = 5) -> None:
    """Return when the condition (plain or async) holds; fail when it does not in time."""
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.01)


def _accounts(base: str, public: str) -> tuple[dict[Key, Channel], dict[Key, Provider]]:
    def api(channel: str) -> str:
        return f"{base}/sandbox/{channel}/demo"

    sms = twilio_sms.Settings(
        account_sid="AC1",
        auth_token=SecretStr(TOKEN),
        number="+46766860000",
        api_base=api("twilio_sms"),
    )
    bot = telegram.Settings(
        bot_token=SecretStr("1:t"),
        secret_token=SecretStr("s"),
        bot_username="FjallBot",
        api_base=api("telegram"),
    )
    page = messenger.Settings(
        page_id="100",
        app_secret=SecretStr("s"),
        verify_token=SecretStr("v"),
        access_token=SecretStr("a"),
        api_base=api("messenger"),
    )
    adapters: list[Channel] = [
        twilio_sms.Adapter(sms, account="demo", public_base_url=public),
        telegram.Adapter(bot, account="demo", public_base_url=public),
        messenger.Adapter(page, account="demo", public_base_url=public),
        webchat.Adapter(webchat.Settings(), account="demo", public_base_url=public),
    ]
    providers: dict[Key, Provider] = {
        ("twilio_sms", "demo"): SmsLoopback(sms),
        ("telegram", "demo"): TelegramLoopback(bot),
        ("messenger", "demo"): MessengerLoopback(page),
    }
    return {(one.name, one.account): one for one in adapters}, providers


@cache
def _content() -> ContentSet:
    return ContentSet.load(ROOT / "config/content")


@cache
def _forms() -> Forms:
    return Forms.load(ROOT / "config/forms")


@contextlib.asynccontextmanager
async def house(
    *,
    sandbox: bool = True,
    memory: Memory | None = None,
    public: str | None = None,
    port: int = 0,
    extra: tuple[Channel, ...] = (),
    **settings: object,
) -> AsyncIterator[House]:
    """The server for as long as the block lasts; `settings` are the edge's.

    With the `memory` of an earlier one it is the same server after a restart.
    """
    with socket.create_server(("127.0.0.1", port)) as listening:
        base = f"http://127.0.0.1:{listening.getsockname()[1]}"
        edge = EdgeSettings.model_validate(
            {"public_base_url": public or base, "cookie_secure": False, **settings}
        )
        channels, providers = _accounts(base, edge.public_base_url)
        channels |= {(one.name, one.account): one for one in extra}
        clock, bus = SystemClock(), FakeBus()
        store = FakeStore(memory, bus=bus)
        live = Live(settings=edge, clock=clock, metrics=Metrics())
        async with HttpWire(emit=live.emit, metrics=live.metrics) as wire:
            engines = Engines(
                store=store, bus=bus, wire=wire, nlu=FakeNlu(), clock=clock, channels=channels
            )
            hub = Hub(
                engines,
                content=_content(),
                forms=_forms(),
                settings=HubSettings(offer_timeout=timedelta(minutes=10)),
                secret=SECRET,
            )
            parts = EdgeParts(
                settings=edge,
                hub=hub,
                live=live,
                secret=SECRET,
                providers=providers if sandbox else {},
                passwords=Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)),
            )
            async with _serving(parts, listening) as app, aiohttp.ClientSession() as http:
                running = House(base=base, parts=parts, app=app, store=store, http=http)
                try:
                    yield running
                finally:
                    for client in running.clients:
                        await client.close()


@contextlib.asynccontextmanager
async def _serving(parts: EdgeParts, listening: socket.socket) -> AsyncIterator[web.Application]:
    runner = make_runner(parts)
    await runner.setup()
    site = web.SockSite(runner, listening)
    await site.start()
    work = asyncio.create_task(parts.hub.run())
    try:
        yield runner.app
    finally:
        await runner.cleanup()
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work
