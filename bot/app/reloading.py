"""Another configuration while the process runs: taken over whole, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import structlog
from pydantic import BaseModel, JsonValue

from bot.app.accounts import Accounts, Current, Key, load_accounts
from bot.app.words import Words, load_words
from bot.edge.logs import set_level
from bot.edge.metrics import Metrics
from bot.edge.realms import Realm
from bot.edge.settings import EdgeSettings
from bot.errors import ConfigError
from bot.hub.hub import Hub
from bot.ports import Channel, Provider
from config.settings import Settings

log = structlog.get_logger("samtal.reloading")

# What can be other from one message to the next; everything else wants a new process.
_RATES = ("address_rate", "account_rate", "visitor_rate", "socket_rate")


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A configuration with everything that its files hold, read and found right.

    `model` takes over a model that was loaded; None when the one in use goes on.
    """

    settings: Settings
    accounts: Accounts
    words: Words
    model: Callable[[], str] | None = None


def loaded(settings: Settings) -> Loaded:
    """Read all files that a configuration names; raises ConfigError for the first that is wrong."""
    return Loaded(settings=settings, accounts=load_accounts(settings), words=load_words(settings))


class Renewable(Protocol):
    """A reader of messages whose model can be another one."""

    def fresh(self, folder: Path) -> Callable[[], str] | None:
        """Load what a folder has in service; None when that is in use. Raises ConfigError."""


@dataclass(frozen=True, kw_only=True)
class Reach:
    """What a reload reaches in the running process."""

    hub: Hub
    channels: Current[Key, Channel]
    providers: Current[Key, Provider]
    realms: Current[str, Realm]
    metrics: Metrics
    retune: Callable[[EdgeSettings], None]
    reader: Renewable | None = None


class Reloading:
    """Takes over content, forms, personas, model, settings, accounts, realms, rates, the log."""

    def __init__(self, first: Loaded, reach: Reach) -> None:
        self._loaded = first
        self._reach = reach
        self._version = 1

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._loaded.settings

    async def reload(self, read: Callable[[], Settings]) -> bool:
        """Read the configuration anew and take it over; one that is wrong changes nothing.

        Returns whether it was taken over.
        """
        try:
            wanted, fresh = await asyncio.to_thread(self._read, read)
        except ConfigError as error:
            log.error("configuration not taken over", error=str(error))  # noqa: TRY400 - one line
            self._reach.metrics.reloaded(version=None)
            return False
        except Exception:  # a file that an operator changes must not end a running server
            log.exception("configuration not taken over")
            self._reach.metrics.reloaded(version=None)
            return False
        changes = list(_changes(self._loaded, fresh))
        self._take_over(fresh)
        log.info("configuration taken over", version=self._version, changed=changes)
        if left := [*_differences(fresh.settings, wanted)]:
            log.warning("needs a restart to change", keys=left)
        return True

    def _read(self, read: Callable[[], Settings]) -> tuple[Settings, Loaded]:
        """What is wanted, and what of it can be had now."""
        wanted, now = read(), self._loaded.settings
        rates = {name: getattr(wanted.edge, name) for name in _RATES}
        settings = now.model_copy(
            update={
                "hub": wanted.hub,
                "identity": wanted.identity,
                "channels": wanted.channels,
                "content": wanted.content,
                "nlu": wanted.nlu,
                "edge": now.edge.model_copy(update=rates),
                "log": now.log.model_copy(update={"level": wanted.log.level}),
            }
        )
        return wanted, replace(loaded(settings), model=self._fresh_model(settings))

    def _fresh_model(self, settings: Settings) -> Callable[[], str] | None:
        reader = self._reach.reader
        return reader.fresh(settings.nlu.folder) if reader else None

    async def renew(self) -> bool:
        """Take over a model that was published since; returns whether there was one."""
        try:
            take_over = await asyncio.to_thread(self._fresh_model, self.settings)
        except ConfigError as error:
            log.error("model not taken over", error=str(error))  # noqa: TRY400 - one line
            return False
        except Exception:  # a file that somebody changes must not end a running server
            log.exception("model not taken over")
            return False
        if take_over is None:
            return False
        log.info("model taken over", model=take_over())
        return True

    def _take_over(self, fresh: Loaded) -> None:
        """In one step of the event loop: nothing sees half of it."""
        reach, words = self._reach, fresh.words
        reach.channels.take_over(fresh.accounts.channels)
        reach.providers.take_over(fresh.accounts.providers)
        reach.hub.take_over(
            content=words.content,
            forms=words.forms,
            personas=words.personas,
            settings=fresh.settings.hub,
        )
        if fresh.model is not None:
            log.info("model taken over", model=fresh.model())
        reach.realms.take_over(fresh.settings.identity.realms)
        reach.retune(fresh.settings.edge)
        set_level(fresh.settings.log.level)
        self._loaded = fresh
        self._version += 1
        reach.metrics.reloaded(version=self._version)


def _changes(before: Loaded, after: Loaded) -> Iterator[str]:
    """What is other, in words without values: they may be secrets."""
    for key in _differences(before.settings, after.settings):
        if key != "channels":
            yield key
    yield from _account_changes(_accounts(before.settings), _accounts(after.settings))
    if before.words.content.id != after.words.content.id:
        yield f"content {before.words.content.id} -> {after.words.content.id}"
    if before.words.forms.all != after.words.forms.all:
        yield "forms"
    if before.words.personas.all != after.words.personas.all:
        yield "personas"


def _account_changes(
    before: Mapping[Key, JsonValue], after: Mapping[Key, JsonValue]
) -> Iterator[str]:
    for key in sorted({*before, *after}):
        name = f"channels.{key[0]}.{key[1]}"
        if key not in before:
            yield f"{name} added"
        elif key not in after:
            yield f"{name} removed"
        elif before[key] != after[key]:
            yield f"{name} changed"


def _accounts(settings: Settings) -> dict[Key, JsonValue]:
    return {
        (channel, account): values
        for channel, accounts in settings.channels.items()
        for account, values in accounts.items()
    }


def _differences(before: BaseModel, after: BaseModel, prefix: str = "") -> Iterator[str]:
    """The keys whose values differ: `edge.port`."""
    for name in type(before).model_fields:
        one, other = getattr(before, name), getattr(after, name)
        if isinstance(one, BaseModel) and type(one) is type(other) and not prefix:
            yield from _differences(one, other, f"{name}.")
        elif one != other:
            yield f"{prefix}{name}"
