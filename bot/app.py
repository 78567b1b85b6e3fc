"""The composition root: the only place that reads the configuration and names concrete classes."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import re
import secrets
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, cast
from urllib.parse import quote

import structlog
from aiohttp import ClientError, ClientResponse, ClientSession, web
from pydantic import BaseModel, JsonValue, SecretStr, ValidationError

from bot.buses.silent import SilentBus
from bot.buses.sqlite import SqliteBus
from bot.edge.auth import SHORTEST_PASSWORD, Passwords, token_hash
from bot.edge.clock import SystemClock
from bot.edge.live import Live
from bot.edge.logs import configure
from bot.edge.metrics import Metrics
from bot.edge.server import EdgeParts, make_runner
from bot.edge.wire import HttpWire
from bot.embedded.database import Database
from bot.errors import ConfigError, Denied, NotFound
from bot.hub.content import ContentSet
from bot.hub.engines import Engines
from bot.hub.forms import Forms
from bot.hub.hub import Hub
from bot.hub.ingress import Ingress
from bot.hub.outcomes import Outcomes
from bot.hub.rebuild import rebuild_all
from bot.hub.replaying import replay
from bot.model.ids import AgentId
from bot.model.people import Agent, ApiToken, Role
from bot.ports import Channel, Provider
from bot.stores.sqlite import SqliteStore
from config.settings import Settings, explained, load

log = structlog.get_logger("samtal.app")

_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
_SECRET_BYTES = 32
_DEMO_EMAIL = "anna@fjallbutiken.example"
_DEMO_PASSWORD = "fjallbutiken"  # noqa: S105 - the README says it; the sandbox is on the loopback
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_ALL = 100_000
_COLLECT = (20_000, 20, 50)
_LOOK_EVERY = 0.4  # seconds


class _ChannelModule(Protocol):
    """What every folder in `channels/` exports."""

    Settings: type[BaseModel]

    def Adapter(  # noqa: N802 - it is a class there
        self, settings: BaseModel, *, account: str, public_base_url: str
    ) -> Channel: ...


class _SandboxModule(Protocol):
    """What `sandbox.py` beside a channel exports."""

    def Loopback(self, settings: BaseModel) -> Provider: ...  # noqa: N802 - it is a class there


@dataclass(frozen=True, kw_only=True)
class Accounts:
    """Every configured account, and the providers that the sandbox plays for them."""

    channels: dict[tuple[str, str], Channel]
    providers: dict[tuple[str, str], Provider]


# --- channels --------------------------------------------------------------------------------


def load_accounts(settings: Settings) -> Accounts:
    """Make an adapter for each configured account; raises ConfigError naming the key."""
    accounts = Accounts(channels={}, providers={})
    for name, configured in settings.channels.items():
        module = _channel_module(name)
        for account, values in configured.items():
            _add_account(accounts, module, settings, (name, account), values)
    return accounts


def _add_account(
    accounts: Accounts,
    module: _ChannelModule,
    settings: Settings,
    key: tuple[str, str],
    values: dict[str, JsonValue],
) -> None:
    name, account = key
    where = f"channels.{name}.{account}"
    if not _NAME.fullmatch(account):
        raise ConfigError("no good account name", where=where, mend="Use a-z, 0-9 and _ only.")
    played = settings.sandbox and find_spec(f"channels.{name}.sandbox") is not None
    if played:
        edge = settings.edge
        base = f"http://{edge.host}:{edge.port}/sandbox/{name}/{account}"
        values = {"api_base": base, **values}
    try:
        parsed = module.Settings.model_validate(values)
    except ValidationError as error:
        raise explained(error, module.Settings, where=where) from None
    public = settings.edge.public_base_url
    accounts.channels[key] = module.Adapter(parsed, account=account, public_base_url=public)
    if played:
        sandbox = cast("_SandboxModule", import_module(f"channels.{name}.sandbox"))
        accounts.providers[key] = sandbox.Loopback(parsed)


def _channel_module(name: str) -> _ChannelModule:
    if not _NAME.fullmatch(name) or find_spec(f"channels.{name}") is None:
        known = sorted(
            path.name
            for path in Path(import_module("channels").__path__[0]).iterdir()
            if (path / "samples.toml").is_file()
        )
        raise ConfigError(
            "no such channel", where=f"channels.{name}", mend=f"There are: {', '.join(known)}."
        )
    return cast("_ChannelModule", import_module(f"channels.{name}"))


# --- the running thing -----------------------------------------------------------------------


def own_secret(settings: Settings) -> SecretStr:
    """The configured secret, or one that is made once and kept beside the store."""
    if settings.secret is not None:
        return settings.secret
    path = settings.store.path.with_suffix(".secret")
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        # In one step: a crash half-way must not leave an empty secret behind.
        made = path.with_name(f"{path.name}.{os.getpid()}")
        made.touch(mode=0o600)
        made.write_text(secrets.token_urlsafe(_SECRET_BYTES), "utf-8")
        made.replace(path)
    return SecretStr(path.read_text("utf-8").strip())


@contextlib.asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[tuple[SqliteStore, SqliteBus]]:
    """The store and the bus on one SQLite file, closed at the end."""
    path = settings.store.path
    path.parent.mkdir(parents=True, exist_ok=True)
    database = Database.open(path)
    clock = SystemClock()
    bus = SqliteBus(database, clock=clock, partitions=settings.bus.partitions)
    store = SqliteStore(database, bus)
    try:
        yield store, bus
    finally:
        await bus.close()
        await store.close()


def load_words(settings: Settings) -> tuple[ContentSet, Forms]:
    """The content and the forms; raises ConfigError for the first that is wrong."""
    return ContentSet.load(settings.content.folder), Forms.load(settings.content.forms)


async def serve(settings: Settings) -> None:
    """Run everything in one process until SIGTERM or SIGINT."""
    configure(level=settings.log.level, as_json=settings.log.format == "json")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    async with running(settings) as base_url:
        log.info("ready", url=base_url, sandbox=settings.sandbox)
        await stop.wait()
        log.info("stopping")


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[str]:
    """The whole server, running; gives its base URL."""
    from nlu.serving import SpacyNlu  # spaCy takes a second to import: commands do without it

    accounts = load_accounts(settings)
    content, forms = load_words(settings)
    clock, secret, metrics = SystemClock(), own_secret(settings), Metrics()
    async with contextlib.AsyncExitStack() as stack:
        nlu = await asyncio.to_thread(SpacyNlu.load, settings.nlu.model)
        stack.push_async_callback(nlu.close)
        if nlu.degraded:
            log.warning("degraded", missing="wordllama", mend="install the extra `vectors`")
        store, bus = await stack.enter_async_context(opened(settings))
        live = Live(settings=settings.edge, clock=clock, metrics=metrics)
        wire = await stack.enter_async_context(HttpWire(emit=live.emit, metrics=metrics))
        engines = Engines(
            store=store, bus=bus, wire=wire, nlu=nlu, clock=clock, channels=accounts.channels
        )
        hub = Hub(engines, content=content, forms=forms, settings=settings.hub, secret=secret)
        runner = make_runner(
            EdgeParts(
                settings=settings.edge,
                hub=hub,
                live=live,
                secret=secret,
                providers=accounts.providers,
            )
        )
        if settings.sandbox and settings.edge.host in _LOOPBACK:
            await _demo_agent(store)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await stack.enter_async_context(working(hub))
        _settle_memory()
        site = web.TCPSite(runner, settings.edge.host, settings.edge.port)
        await site.start()
        yield str(site.name)


def _settle_memory() -> None:
    """Keep the collector from walking what was loaded at start, which never goes away."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT)


async def _demo_agent(store: SqliteStore) -> None:
    """Let a newcomer log in at the desk: a sandbox with nobody in it gets the README's agent."""
    if await store.agents():
        return
    await _put_agent(store, _DEMO_EMAIL, name="Anna", role=Role.AGENT, password=_DEMO_PASSWORD)


async def _put_agent(
    store: SqliteStore, email: str, *, name: str, role: Role, password: str
) -> None:
    passwords = Passwords()
    try:
        hashed = await passwords.hash(SecretStr(password))
    finally:
        passwords.close()
    await store.put_agent(
        Agent(id=AgentId.new(), email=email, name=name, role=role, password_hash=hashed)
    )


@contextlib.asynccontextmanager
async def working(hub: Hub) -> AsyncIterator[None]:
    """The hub at work; a fault in it ends the block."""
    async with asyncio.TaskGroup() as group:
        work = group.create_task(hub.run(), name="hub")
        yield
        work.cancel()


# --- commands --------------------------------------------------------------------------------


def check(settings: Settings) -> list[str]:
    """What is configured, in words; raises ConfigError for the first thing that is wrong."""
    accounts = load_accounts(settings)
    content, forms = load_words(settings)
    return [
        *(f"channel {name}/{account}: ok" for name, account in accounts.channels),
        f"content: {len(content.variants)} variants of {len(content.slots)} slots, {content.id}",
        f"forms: {len(forms.all)}",
    ]


def examine(settings: Settings) -> list[str]:
    """Which parts are on and off, and what the others would need; never raises for a part."""
    lines = []
    for path in sorted(Path(import_module("channels").__path__[0]).iterdir()):
        if not (path / "samples.toml").is_file():
            continue
        accounts = sorted(settings.channels.get(path.name, {}))
        state = f"on: {', '.join(accounts)}" if accounts else "off: needs an account in [channels]"
        lines.append(f"channel {path.name}: {state}")
    model = settings.nlu.model
    trained = "on" if model.is_dir() else "wanting: run `samtal nlu train`"
    vectors = "on" if find_spec("wordllama") else "off: install the extra `vectors`"
    lines += [
        f"model {model}: {trained}",
        f"sentence vectors: {vectors}",
        f"store {settings.store.path}: {'there' if settings.store.path.exists() else 'new'}",
        f"sandbox: {'on' if settings.sandbox else 'off'}",
    ]
    return lines


@contextlib.asynccontextmanager
async def _beside(settings: Settings) -> AsyncIterator[SqliteStore]:
    """The store, for a command that may run while a server does."""
    path = settings.store.path
    path.parent.mkdir(parents=True, exist_ok=True)
    store = SqliteStore(Database.open(path, beside=True))
    try:
        yield store
    finally:
        await store.close()


async def replay_dead_letters(
    settings: Settings, *, event: str | None, everything: bool
) -> list[str]:
    """Put dead letters back on the line, or list them when none is named; raises NotFound.

    A running server's sweeper takes them up within a few minutes; else the next one does.
    """
    accounts, clock = load_accounts(settings), SystemClock()
    async with _beside(settings) as store:
        ingress = Ingress(
            store=store,
            bus=SilentBus(),
            clock=clock,
            outcomes=Outcomes(),
            join_by_phone=settings.hub.join_by_phone,
        )
        lines = []
        for letter in await store.dead_letters(limit=_ALL):
            line = f"{letter.event} {letter.at.isoformat()} tries={letter.tries} {letter.reason}"
            if everything or letter.event == event:
                try:
                    await replay(letter, store=store, ingress=ingress, channels=accounts.channels)
                except (Denied, NotFound) as error:
                    lines.append(f"{line} -> not replayed: {error}")
                else:
                    lines.append(f"{line} -> replayed")
            elif event is None:
                lines.append(line)
        if event is not None and not lines:
            raise NotFound(f"no dead letter {event}")
        return lines or ["no dead letters"]


async def rebuild(settings: Settings) -> list[str]:
    """Make every snapshot anew; returns the threads whose snapshot differed."""
    async with _beside(settings) as store:
        return [str(thread) for thread in await rebuild_all(store)]


async def add_user(settings: Settings, *, email: str, name: str, role: str, password: str) -> None:
    """Add a person who logs in; raises ConfigError for a bad value, Conflict for a taken e-mail."""
    if "@" not in email:
        raise ConfigError("is no e-mail", where=f"email {email}", mend="Write name@example.com.")
    if len(password) < SHORTEST_PASSWORD:
        raise ConfigError("is too short", where="password", mend="Take 12 characters or more.")
    async with _beside(settings) as store:
        await _put_agent(store, email, name=name, role=_role(role), password=password)


async def sandbox_send(
    url: str, phone: tuple[str, str, str], *, text: str, wait_s: float
) -> list[str]:
    """Write on a played phone and wait for what it shows; returns the texts that came back."""
    channel, account, user = phone
    where = f"{url}/sandbox-api/phones/{channel}/{account}/{quote(user, safe='')}"
    try:
        async with ClientSession() as session:
            return await _exchange(session, where, text=text, wait_s=wait_s)
    except ClientError as error:
        raise ConfigError(
            f"no sandbox answers: {error}", where=url, mend="Start one with `make run`."
        ) from None


async def _exchange(session: ClientSession, where: str, *, text: str, wait_s: float) -> list[str]:
    """Write, then look at the phone until it has been quiet for a moment."""
    async with session.get(where) as before:
        await _check_sandbox(before)
        last = int((await before.json())["last"])
    async with session.post(f"{where}/write", json={"text": text}) as written:
        await _check_sandbox(written)
    shown: list[str] = []
    deadline = asyncio.get_running_loop().time() + wait_s
    while asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(_LOOK_EVERY)
        async with session.get(where, params={"after": str(last)}) as screen:
            messages = (await screen.json())["messages"]
        found = [str(message["text"]) for message in messages if message["side"] == "them"]
        if found and found == shown:
            break
        shown = found
    return shown


async def _check_sandbox(answer: ClientResponse) -> None:
    if answer.status != HTTPStatus.OK:
        raise ConfigError(
            f"the sandbox answered {answer.status}: {await answer.text()}",
            where=str(answer.url),
            mend="Check channel and account, and that the server runs with `sandbox = true`.",
        )


async def add_token(settings: Settings, *, name: str, role: str) -> str:
    """A bearer token for a machine; it is shown once, and only its hash is kept."""
    token = secrets.token_urlsafe(_SECRET_BYTES)
    async with _beside(settings) as store:
        await store.put_token(ApiToken(token_hash=token_hash(token), name=name, role=_role(role)))
    return token


def _role(name: str) -> Role:
    if name not in set(Role):
        raise ConfigError("no such role", where=f"role {name}", mend=f"One of {', '.join(Role)}.")
    return Role(name)


def settings_from(path: Path | None) -> Settings:
    """Read the settings; raises ConfigError."""
    return load(path)
