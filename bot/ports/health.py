"""The parts of the `Store` port that keep how accounts fare, and accounts themselves."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from bot.model.accounts import StoredAccount
from bot.model.health import SendsWaiting, Sign, SignCount


class Health(Protocol):
    """What was seen of accounts, by all processes."""

    async def note_signs(self, signs: Sequence[SignCount]) -> None:
        """Add to what was counted in the same stretch; what is said of the latest stays."""

    async def signs(self) -> list[SignCount]:
        """Everything that is kept, by channel, account, sign and stretch."""

    async def prune_signs(self, signs: Collection[Sign], *, before: datetime) -> None:
        """Forget stretches of these signs that began before a time, but the latest of each."""

    async def waiting_sends(self, *, most: int) -> list[SendsWaiting]:
        """Messages that wait to be sent, by channel and account.

        Only the `most` that are due first are looked at, and of each recipient the first; others
        of theirs may be counted too.
        """


class Accounts(Protocol):
    """Accounts that were made by the API."""

    async def put_account(self, account: StoredAccount) -> bool:
        """Keep an account in place of the version before it.

        False, and nothing is written, when another version is there: version 1 wants none.
        """

    async def accounts(self) -> list[StoredAccount]:
        """All of them, by channel and account."""

    async def drop_account(self, channel: str, account: str, *, version: int) -> bool:
        """Forget an account; False when it is not there, or at another version."""
