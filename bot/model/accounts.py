"""Accounts of channels that were made by the API, as the store keeps them."""

from __future__ import annotations

from bot.model.value import AwareDatetime, Value


class StoredAccount(Value):
    """An account's settings, sealed; `version` rises by one with each change of it.

    `by` is the name of who made it so.
    """

    channel: str
    account: str
    version: int
    sealed: bytes
    by: str
    at: AwareDatetime
