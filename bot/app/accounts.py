"""The channels' accounts, as the configuration has them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Generic, Protocol, Self, TypeVar, cast

from pydantic import BaseModel, JsonValue, ValidationError
from typing_extensions import override

from bot.errors import ConfigError
from bot.ports import Channel, Provider
from config.settings import Settings, explained

Key = tuple[str, str]
K = TypeVar("K")
T = TypeVar("T")

_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")


class ChannelModule(Protocol):
    """What every folder in `channels/` exports."""

    Settings: type[BaseModel]

    def Adapter(  # noqa: N802 - it is a class there
        self, settings: BaseModel, *, account: str, public_base_url: str
    ) -> Channel:
        """The adapter of one account."""


class _SandboxModule(Protocol):
    """What `sandbox.py` beside a channel exports."""

    def Loopback(self, settings: BaseModel) -> Provider: ...  # noqa: N802 - it is a class there


@dataclass(frozen=True, kw_only=True)
class Account:
    """One account: its settings, its adapter, and the provider that the sandbox plays for it."""

    settings: BaseModel
    channel: Channel
    provider: Provider | None


@dataclass(frozen=True, kw_only=True)
class Accounts:
    """Every configured account, and the providers that the sandbox plays for them."""

    channels: Mapping[Key, Channel]
    providers: Mapping[Key, Provider]

    @classmethod
    def of(cls, accounts: Iterable[Account]) -> Self:
        """These accounts, by their names."""
        them = {(one.channel.name, one.channel.account): one for one in accounts}
        played = {key: one.provider for key, one in them.items() if one.provider is not None}
        return cls(channels={key: one.channel for key, one in them.items()}, providers=played)


class Current(Mapping[K, T], Generic[K, T]):
    """The accounts or realms in force: whoever holds this sees others once they are taken over.

    `own` are those of the configuration; what lies beneath is seen where they have nothing.
    """

    def __init__(self, items: Mapping[K, T]) -> None:
        self.own = items
        self._beneath: Mapping[K, T] = {}
        self._items = items

    def take_over(self, items: Mapping[K, T]) -> None:
        """From now on these, all at once."""
        self.own = items
        self._items = {**self._beneath, **items}

    def take_beneath(self, items: Mapping[K, T]) -> None:
        """From now on these lie beneath, all at once."""
        self._beneath = items
        self._items = {**items, **self.own}

    @override
    def __getitem__(self, key: K) -> T:
        return self._items[key]

    @override
    def __iter__(self) -> Iterator[K]:
        return iter(self._items)

    @override
    def __len__(self) -> int:
        return len(self._items)


def load_accounts(settings: Settings) -> Accounts:
    """Make an adapter for each configured account; raises ConfigError naming the key."""
    return Accounts.of(
        made(settings, (name, account), values)
        for name, configured in settings.channels.items()
        for account, values in configured.items()
    )


def made(settings: Settings, key: Key, values: dict[str, JsonValue]) -> Account:
    """Make one account; raises ConfigError naming the key."""
    name, account = key
    module = channel_module(name)
    parsed, played = _parsed(module, settings, key, values)
    public = settings.edge.public_base_url
    channel = module.Adapter(parsed, account=account, public_base_url=public)
    if not played:
        return Account(settings=parsed, channel=channel, provider=None)
    sandbox = cast("_SandboxModule", import_module(f"channels.{name}.sandbox"))
    return Account(settings=parsed, channel=channel, provider=sandbox.Loopback(parsed))


def folders() -> list[Path]:
    """The folder of every channel there is, by name."""
    root = Path(import_module("channels").__path__[0])
    return sorted(path for path in root.iterdir() if (path / "samples.toml").is_file())


def _parsed(
    module: ChannelModule, settings: Settings, key: Key, values: dict[str, JsonValue]
) -> tuple[BaseModel, bool]:
    """The account's settings, and whether its provider is played here."""
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
        return module.Settings.model_validate(values), played
    except ValidationError as error:
        raise explained(error, module.Settings, where=where) from None


def channel_module(name: str) -> ChannelModule:
    """The folder of a channel; raises ConfigError when there is none."""
    if not _NAME.fullmatch(name) or find_spec(f"channels.{name}") is None:
        known = ", ".join(path.name for path in folders())
        raise ConfigError("no such channel", where=f"channels.{name}", mend=f"There are: {known}.")
    return cast("ChannelModule", import_module(f"channels.{name}"))
