"""Says how things stand: whether a configuration is right, and which parts answer."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

from bot.app.accounts import folders, load_accounts
from bot.app.engines import beside
from bot.app.words import load_words
from bot.crms.settings import CrmSettings
from bot.errors import BusError, ConfigError, SamtalError
from bot.model.crm import PushStatus
from config.settings import NluSection, Settings

_PATIENCE = timedelta(seconds=3)


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


async def examine(settings: Settings) -> list[str]:
    """Which parts are on, off or wanting, and what the others would need.

    Never raises for a part; asks the engines for 3 seconds at the most.
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
