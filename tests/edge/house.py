"""A whole server on the loopback: the real hub, the real channels, providers played beside them."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp
import socketio
from aiohttp import web
from argon2 import PasswordHasher
from pydantic import SecretStr

from bot.app.accounts import Current
from bot.app.keeping import StoredAccounts
from bot.edge.auth import Passwords
from bot.edge.clock import SystemClock
from bot.edge.live import Live
from bot.edge.metrics import Metrics
from bot.edge.parts import EdgeParts
from bot.edge.realms import Realm
from bot.edge.server import make_runner
from bot.edge.settings import EdgeSettings
from bot.edge.wire import HttpWire
from bot.hub.content import ContentSet
from bot.hub.engines import Engines
from bot.hub.forms import Forms
from bot.hub.hub import EVERYTHING, Hub, Work
from bot.hub.personas import Personas
from bot.hub.relay import Relay
from bot.hub.settings import HubSettings
from bot.model.ids import AgentId, ThreadId
from bot.model.people import Agent, Role
from channels import messenger, telegram, twilio_sms, webchat
from channels.messenger.sandbox import Loopback as MessengerLoopback
from channels.telegram.sandbox import Loopback as TelegramLoopback
from channels.twilio_sms.sandbox import Loopback as SmsLoopback
from config.settings import Settings
from tests.fakes.bus import FakeBus
from tests.fakes.nlu import FakeNlu
from tests.fakes.store import FakeStore

if TYPE_CHECKING:
    from bot.ports import Channel, Fanout, Provider, Wire
    from bot.ports.crm import Crm
    from tests.fakes.memory import Memory

ROOT = Path(__file__).resolve().parents[2]
SECRET = SecretStr("the secret of the edge's tests")
PASSWORD = "correct horse battery"
TOKEN = "twilio-test-token"
PATIENCE = 15  # seconds that a socket may take to connect; machines that run tests are busy
Key = tuple[str, str]
_CONFIRMED = re.compile(r"(?:svara med|answer) ([0-9]{5})\b")
_PLACE = ("seq", "author", "text")  # what a page does not change of a message it shows
Item = TypeVar("Item")


@dataclass(kw_only=True)
class Site:
    """What several processes share; each has a fan-out of its own (or the same local one)."""

    store: FakeStore
    bus: FakeBus

    @classmethod
    def new(cls, memory: Memory | None = None) -> Site:
        bus = FakeBus()
        return cls(store=FakeStore(memory, bus=bus), bus=bus)


@dataclass(kw_only=True)
class House:
    """The running server and what a test does with it."""

    base: str
    parts: EdgeParts
    runner: web.AppRunner
    store: FakeStore
    http: aiohttp.ClientSession
    clients: list[Browser | Seat | aiohttp.ClientSession] = field(default_factory=list)

    @property
    def hub(self) -> Hub:
        return self.parts.hub

    @property
    def app(self) -> web.Application:
        return self.runner.app

    async def die(self) -> None:
        """Be gone for the network, as a killed process is: nobody is told anything."""
        for site in list(self.runner.sites):
            await site.stop()
        server = self.runner.server
        assert server is not None
        for connection in server.connections:
            if isinstance(connection.transport, asyncio.Transport):
                connection.transport.abort()

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

    async def bring(self, user: str, code: str) -> str:
        """Send a code from a phone by SMS, and repeat the number that comes back; the number."""
        assert await self.write("twilio_sms", user, code) == 200

        async def asked() -> bool:
            return await self.digits(user) is not None

        await until(asked)
        number = await self.digits(user)
        assert number is not None
        assert await self.write("twilio_sms", user, number) == 200
        return number

    async def digits(self, user: str) -> str | None:
        """The number that this phone was asked last to repeat, if its last text asks for one."""
        shown = await self.screen("twilio_sms", user)
        texts = [one["text"] for one in shown if one["side"] == "them"]
        found = _CONFIRMED.search(texts[-1]) if texts else None
        return None if found is None else str(found[1])

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

    def __init__(
        self,
        base: str,
        *,
        transports: Sequence[str] = ("polling", "websocket"),
        faithful: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`headers` go with the first request.

        `faithful`: it comes again by itself, and says from where to replay, as our page does."""
        self._base = base
        self._transports = list(transports)
        self._headers = dict(headers or {})
        self._auth: dict[str, object] = {}
        # One that comes again forgets to close the sessions that it makes by itself.
        self._http = aiohttp.ClientSession() if faithful else None
        self.client = socketio.AsyncClient(
            reconnection=faithful,
            reconnection_delay=0.05,
            reconnection_delay_max=0.2,
            http_session=self._http,
        )
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.last_seq = 0
        self.client.on("*", self._hear, namespace="/chat")

    async def connect(self, auth: Mapping[str, object]) -> None:
        self._auth = dict(auth)
        await self.client.connect(
            self._base,
            namespaces=["/chat"],
            auth=self._now,
            headers=self._headers,
            transports=self._transports,
            wait_timeout=PATIENCE,
        )
        await until(lambda: bool(self.told("replayed")))

    def _now(self) -> dict[str, object]:
        """What it says of itself, at each connection anew."""
        welcomes = self.told("welcome")
        if not welcomes:
            return self._auth
        return {"token": welcomes[-1]["token"], "last_seq": self.last_seq}

    async def close(self) -> None:
        await self.client.shutdown()  # also while it tries to come again
        if self._http is not None:
            await self._http.close()

    async def do(self, event: str, data: object) -> dict[str, Any]:
        """Emit and wait for the acknowledgement."""
        answer: dict[str, Any] = await self.client.call(event, data, namespace="/chat", timeout=10)
        return answer

    async def sign_in(self, token: str) -> dict[str, Any]:
        return await self.do("sign_in", {"token": token})

    async def linked(self) -> list[dict[str, Any]]:
        """The visitor's own channels, as they are told."""
        answer = await self.do("linked", {})
        channels: list[dict[str, Any]] = answer["channels"]
        return channels

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

    def shown(self) -> list[str]:
        """The texts as a page shows them: each message once, in its place in the thread.

        One may be told again (in a replay, too), but never as another.
        """
        once: dict[str, dict[str, Any]] = {}
        for one in self.told("message"):
            known = once.setdefault(one["id"], one)
            assert [known[key] for key in _PLACE] == [one[key] for key in _PLACE]
        return [one["text"] for one in sorted(once.values(), key=lambda one: int(one["seq"]))]

    async def hears(self, text: str) -> dict[str, Any]:
        """The message with this text, when it comes."""
        await until(lambda: any(text in one["text"] for one in self.told("message")))
        return next(one for one in self.told("message") if text in one["text"])

    def _hear(self, event: str, *data: dict[str, Any]) -> None:
        told = data[0] if data else {}
        if event == "replayed":
            self.last_seq = max(self.last_seq, told["seq"])
        self.events.append((event, told))


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
            wait_timeout=PATIENCE,
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


async def first_thread(store: FakeStore) -> ThreadId:
    """The thread on top of the list, when somebody has been heard."""

    async def heard() -> bool:
        return bool(await store.threads())

    await until(heard)
    return (await store.threads())[0].state.thread


async def until(condition: Callable[[], bool | Awaitable[bool]], *, seconds: float = 15) -> None:
    """Return when the condition (plain or async) holds; fail when it does not in time."""
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.01)


async def until_all(
    items: Iterable[Item], holds: Callable[[Item], bool], *, seconds: float = 15
) -> None:
    """Return when it holds for all of them; fail when it does not in time."""
    everything = list(items)
    await until(lambda: all(holds(item) for item in everything), seconds=seconds)


def accounts(base: str, public: str) -> tuple[dict[Key, Channel], dict[Key, Provider]]:
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
def content() -> ContentSet:
    return ContentSet.load(ROOT / "config/content")


@cache
def personas() -> Personas:
    return Personas.load(ROOT / "config/personas.yaml")


@cache
def forms() -> Forms:
    return Forms.load(ROOT / "config/forms")


@contextlib.asynccontextmanager
async def house(
    *,
    sandbox: bool = True,
    memory: Memory | None = None,
    public: str | None = None,
    port: int = 0,
    extra: tuple[Channel, ...] = (),
    site: Site | None = None,
    fanout: Fanout | None = None,
    work: Work = EVERYTHING,
    realms: Mapping[str, Realm] | None = None,
    hub_settings: HubSettings | None = None,
    crm: Crm | None = None,
    **settings: object,
) -> AsyncIterator[House]:
    """The server for as long as the block lasts; `settings` are the edge's.

    With the `memory` of an earlier one it is the same server after a restart. With the `site` of
    another and a `fanout`, it is one of several processes; `work` says what it does of the work.
    `realms` are the business's own log-ins.
    """
    site = site or Site.new(memory)
    with socket.create_server(("127.0.0.1", port)) as listening:
        base = f"http://127.0.0.1:{listening.getsockname()[1]}"
        edge = EdgeSettings.model_validate(
            {"public_base_url": public or base, "cookie_secure": False, **settings}
        )
        made, played = accounts(base, edge.public_base_url)
        made |= {(one.name, one.account): one for one in extra}
        channels, providers = Current(made), Current(played if sandbox else {})
        live = Live(settings=edge, clock=SystemClock(), metrics=Metrics(), fanout=fanout)
        async with HttpWire(emit=live.emit, metrics=live.metrics) as wire:
            hub = make_hub(site, wire, channels, hub_settings, crm=crm)
            parts = EdgeParts(
                settings=edge,
                hub=hub,
                live=live,
                secret=SECRET,
                providers=providers,
                passwords=Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)),
                fanout=fanout,
                realms=realms or {},
                keeping=StoredAccounts(
                    Settings.model_validate({"edge": edge}),
                    store=site.store,
                    clock=SystemClock(),
                    secret=SECRET,
                    channels=channels,
                    providers=providers,
                ),
            )
            async with (
                working(hub, fanout, work=work, metrics=live.metrics),
                _serving(parts, listening) as runner,
                aiohttp.ClientSession() as http,
            ):
                running = House(base=base, parts=parts, runner=runner, store=site.store, http=http)
                try:
                    yield running
                finally:
                    for client in running.clients:
                        await client.close()


@contextlib.asynccontextmanager
async def _serving(parts: EdgeParts, listening: socket.socket) -> AsyncIterator[web.AppRunner]:
    runner = make_runner(parts)
    await runner.setup()
    site = web.SockSite(runner, listening)
    await site.start()
    try:
        yield runner
    finally:
        await runner.cleanup()


def make_hub(
    site: Site,
    wire: Wire,
    channels: Mapping[Key, Channel],
    settings: HubSettings | None = None,
    *,
    crm: Crm | None = None,
) -> Hub:
    """One process' hub."""
    return Hub(
        Engines(
            store=site.store,
            bus=site.bus,
            wire=wire,
            nlu=FakeNlu(),
            clock=SystemClock(),
            channels=channels,
            crm=crm,
        ),
        content=content(),
        forms=forms(),
        personas=personas(),
        settings=settings or HubSettings(offer_timeout=timedelta(minutes=10)),
        secret=SECRET,
    )


@contextlib.asynccontextmanager
async def working(
    hub: Hub, fanout: Fanout | None, *, work: Work, metrics: Metrics
) -> AsyncIterator[None]:
    """The hub at work, and its announcements on the fan-out."""
    tasks = [asyncio.create_task(hub.run(work))]
    if fanout is not None:
        relay = Relay(hub.feed, fanout, clock=SystemClock(), tally=metrics)
        tasks.append(asyncio.create_task(relay.run()))
        await relay.listening.wait()
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
