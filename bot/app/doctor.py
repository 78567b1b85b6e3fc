"""Says how things stand: whether a configuration is right, and which parts answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from pydantic import JsonValue

from bot.app.accounts import folders, load_accounts
from bot.app.engines import beside, looked_at, own_secret
from bot.app.words import load_words
from bot.crms.settings import CrmSettings
from bot.edge.clock import SystemClock
from bot.edge.wire import HttpWire
from bot.errors import BusError, ConfigError, SamtalError
from bot.hub.checking import Checks
from bot.hub.health import judged
from bot.hub.signs import Signs
from bot.model.crm import PushStatus
from bot.model.health import ChannelHealth
from config.settings import NluSection, Settings

_PATIENCE = timedelta(seconds=3)
_MOST_WAITING = 10_000


def check(settings: Settings) -> list[str]:
    """What is configured, in words; raises ConfigError for the first thing that is wrong."""
    accounts = load_accounts(settings)
    words = load_words(settings)
    content = words.content
    return [
        f"store: {settings.store.engine}, bus: {settings.bus.engine}",
        *(f"channel {name}/{account}: ok" for name, account in accounts.channels),
        f"content: {len(content.variants)} variants of {len(content.slots)} slots, {content.id}",
        f"forms: {len(words.forms.all)}",
        f"personas: {', '.join(each.key for each in words.personas.all)}",
        *([] if settings.crm is None else [_fields(settings.crm)]),
    ]


async def examine(settings: Settings, *, check: bool = False) -> list[str]:
    """Which parts are on, off or wanting, and what the others would need.

    Never raises for a part; asks the engines for 3 seconds at the most. With `check` each account
    of the configuration is checked too, and its provider asked.
    """
    lines = []
    for path in folders():
        accounts = sorted(settings.channels.get(path.name, {}))
        state = f"on: {', '.join(accounts)}" if accounts else "off: needs an account in [channels]"
        lines.append(f"channel {path.name}: {state}")
    store, bus = await asyncio.gather(_store(settings), _bus(settings))
    return [
        *lines,
        *await asyncio.to_thread(_reader, settings.nlu),
        store,
        bus,
        await _crm(settings),
        *await _channels(settings),
        *(await _checked(settings) if check else ()),
        f"sandbox: {'on' if settings.sandbox else 'off'}",
    ]


def _reader(named: NluSection) -> list[str]:
    """The model that would be served now, and by which vectors it reads."""
    from nlu.pipeline import load_model  # spaCy takes seconds to import
    from nlu.shelf import in_service

    place = named.folder
    try:
        model = load_model(in_service(place), encoder=named.encoder)
    except ConfigError as error:
        return [f"model {place}: wanting: {error}"]
    trained, used = model.intent.trained.vectors, model.intent.vectors_name
    if trained is None:
        vectors = "off: the model was trained without"
    elif used is None:
        vectors = (
            f"wanting {trained}: install the extra `vectors`; name the model's encoder, "
            "if it has one, in nlu.encoder"
        )
    else:
        vectors = f"on: {used}"
    return [f"model {place}: on, version {model.version}", f"sentence vectors: {vectors}"]


def _fields(crm: CrmSettings) -> str:
    return f"crm {crm.name}: {', '.join(sorted(crm.fields))}"


async def _crm(settings: Settings) -> str:
    """What waits for the CRM and what it refused, where a file tells that."""
    crm = settings.crm
    if crm is None:
        return "crm: off: needs [crm]"
    name, chosen = f"crm {crm.name}", settings.store
    if chosen.engine != "sqlite" or not chosen.path.exists():
        return f"{name}: on"
    try:
        async with beside(settings) as store:
            counts = await store.count_pushes()
            failed = await store.find_pushes(PushStatus.FAILED, limit=1)
    except SamtalError as error:
        return f"{name}: wanting: {error}"
    refused = f"{counts.failed} not taken" + "".join(f" ({one.reason})" for one in failed)
    return f"{name}: on, {counts.waiting} waiting, {refused}"


async def _channels(settings: Settings) -> list[str]:
    """How every account fares, as all processes saw it."""
    try:
        async with asyncio.timeout(_PATIENCE.total_seconds()), looked_at(settings) as store:
            if store is None:
                return []
            signs, waiting = await store.signs(), await store.waiting_sends(most=_MOST_WAITING)
            made = {(one.channel, one.account) for one in await store.accounts()}
    except TimeoutError:
        return ["channels: not known: the store does not answer"]
    except SamtalError as error:
        return [f"channels: not known: {error}"]
    found = judged(
        made | set(load_accounts(settings).channels),
        signs,
        waiting,
        settings=settings.hub.health,
        now=datetime.now(UTC),
    )
    return [line for one in found for line in _told(one)]


async def _checked(settings: Settings) -> list[str]:
    """What a check of each account finds, in words."""
    async with looked_at(settings) as store, HttpWire(emit=_nobody) as wire:
        if store is None:
            return ["checks: nothing to look at before the first start"]
        clock = SystemClock()
        signs = Signs(store=store, clock=clock)
        secret = own_secret(settings)
        checks = Checks(store=store, wire=wire, clock=clock, signs=signs, secret=secret)
        lines = []
        for (name, account), channel in load_accounts(settings).channels.items():
            lines.append(f"check {name}/{account}:")
            try:
                found = await checks.check(channel, public_url=settings.edge.public_base_url)
            except SamtalError as error:
                lines.append(f"  not made: {error}")
                continue
            lines += [
                f"  {one.topic} {one.verdict}: {one.what}. {one.mend}".rstrip()
                for one in found.findings
            ]
        return lines


async def _nobody(namespace: str, room: str, event: str, data: JsonValue) -> None:
    """There are no sockets here."""


def _told(health: ChannelHealth) -> Iterator[str]:
    """An account in words: its state and last messages, and below what to do."""
    last = ", ".join(
        f"last message {way} {'never' if at is None else f'{at:%Y-%m-%d %H:%M} UTC'}"
        for way, at in (("in", health.last_in), ("out", health.last_out))
    )
    yield f"channel {health.channel}/{health.account}: {health.state}, {last}"
    for reason in health.reasons:
        said = f" ({reason.detail})" if reason.detail else ""
        yield f"  {reason.state}: {reason.what}{said}. {reason.mend}"


async def _store(settings: Settings) -> str:
    chosen = settings.store
    if chosen.engine == "sqlite" or chosen.url is None:
        return f"store {chosen.path}: {'there' if chosen.path.exists() else 'new'}"
    from bot.stores.mongo.driver import Driver  # the store itself would make its collections

    name = f"store mongo, database {chosen.database}"
    began = time.monotonic()
    try:
        driver = Driver.open(chosen.url.get_secret_value(), chosen.database, chosen.driver)
        try:
            async with asyncio.timeout(_PATIENCE.total_seconds()):
                await driver.ping()
        finally:
            await driver.close()
    except TimeoutError:
        return f"{name}: wanting: no answer within {_PATIENCE.total_seconds():g} s"
    except SamtalError as error:
        return f"{name}: wanting: {error}"
    return f"{name}: answers in {_ms(began)} ms"


async def _bus(settings: Settings) -> str:
    chosen = settings.bus
    if chosen.engine == "sqlite":
        return "bus: in the store's file"
    from bot.buses.nats import NatsConnection

    name = f"bus nats, prefix {chosen.name}"
    servers = [url.get_secret_value() for url in chosen.servers]
    began = time.monotonic()
    try:
        connection = await NatsConnection.open(servers, name=chosen.name, patience=_PATIENCE)
    except BusError as error:
        return f"{name}: wanting: {error}"
    try:
        return f"{name}: answers in {_ms(began)} ms"
    finally:
        await connection.close()


def _ms(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
