"""What the edge asks of whoever keeps the accounts that are made by the API."""

from __future__ import annotations

from typing import Literal, Protocol

from pydantic import Field, JsonValue

from bot.model.value import AwareDatetime, Value


class AccountView(Value):
    """An account without its secrets.

    `source` `file`: it stands in the configuration, and is read and changed there; nothing of its
    settings is told. `secrets`: which are set. `problem`: why it is not in service.
    """

    channel: str
    account: str
    source: Literal["file", "api"]
    version: int = 0
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    secrets: dict[str, bool] = Field(default_factory=dict)
    by: str | None = None
    at: AwareDatetime | None = None
    problem: str | None = None


class Wanted(Value):
    """What an account is to be.

    `keep`: settings that stay as they are, for secrets nobody is shown. `seen`: the version that it
    replaces; 0 is a new one.
    """

    settings: dict[str, JsonValue]
    keep: tuple[str, ...] = ()
    seen: int = Field(0, ge=0)


class Moved(Exception):
    """The account is at another version than was seen."""

    def __init__(self, present: int) -> None:
        super().__init__(f"the account is at version {present}")
        self.present = present


class InFile(Exception):
    """The account stands in the configuration file."""


class Keeping(Protocol):
    """Keeps accounts; every process takes a change over by itself."""

    async def views(self) -> list[AccountView]:
        """All accounts, of the file and of the API, by channel and name."""

    async def put(self, key: tuple[str, str], wanted: Wanted, *, by: str) -> AccountView:
        """Make or replace an account; the same again changes nothing.

        Raises ConfigError for settings that are wrong, InFile, and Moved.
        """

    async def drop(self, key: tuple[str, str], *, seen: int, by: str) -> None:
        """Take an account away; raises NotFound, InFile, and Moved."""
