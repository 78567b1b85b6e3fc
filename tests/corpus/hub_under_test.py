"""The seam between the corpus's sequences and a running hub."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta
    from pathlib import Path

    from bot.model.channel import Address, Answer, Request
    from bot.model.ids import SendId
    from bot.model.sending import Outbound
    from bot.ports import Channel, Store, Wire


class HubUnderTest(ABC):
    """One hub on one folder, with every channel's account `demo` and a bot that answers each
    inbound message once. Its clock stands still but for `wait`."""

    @property
    @abstractmethod
    def store(self) -> Store:
        """The hub's store as it is now: another one after `restart`."""

    @abstractmethod
    def now(self) -> datetime:
        """The time on the hub's clock."""

    @abstractmethod
    async def deliver(self, channel: str, request: Request) -> Answer:
        """Hand a request to the webhook edge; its answer as the provider gets it.

        Returns when the answer is given, whatever goes on behind it. A hub that could not record
        the request answers 5xx.
        """

    @abstractmethod
    async def send(self, message: Outbound) -> SendId:
        """Put a message of ours on the line to `message.to`, on behalf of `message.origin`.

        Returns when it is recorded; no call need have been made. The address may be one that
        nobody has written from; `message.last_inbound_at` says when its person last wrote.
        """

    @abstractmethod
    async def calm(self) -> None:
        """Return when nothing more happens unless time passes or something comes in.

        All recorded events are processed and all due sends were attempted. A call that the wire
        holds back counts as calm.
        """

    @abstractmethod
    async def wait(self, duration: timedelta) -> None:
        """Let time pass on the hub's clock."""

    @abstractmethod
    async def crash(self) -> None:
        """End the hub as kill -9 does: nothing is finished, recorded or given back."""

    @abstractmethod
    async def restart(self) -> None:
        """Start the hub again on what was durable, as its start command does."""

    @abstractmethod
    async def break_store(self) -> None:
        """From now on the store cannot write."""

    @abstractmethod
    async def mend_store(self) -> None:
        """The store can write again."""

    @abstractmethod
    async def slow_bot(self, duration: timedelta) -> None:
        """From now on the bot takes this long (on the hub's clock) to think."""

    @abstractmethod
    async def opted_out(self, address: Address) -> bool:
        """Whether the person at this address gets no campaigns."""

    @abstractmethod
    async def close(self) -> None:
        """Stop everything that was started."""


class MakeHub(Protocol):
    """Makes the hub for one sequence."""

    async def __call__(
        self,
        folder: Path,
        *,
        channels: Mapping[tuple[str, str], Channel],
        wire: Wire,
        at: datetime,
    ) -> HubUnderTest:
        """A running hub that keeps its record in `folder`; its clock stands at `at`."""
