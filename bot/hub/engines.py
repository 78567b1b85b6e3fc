"""What the hub stands on: one implementation of each port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.hub.spooling import Spooling
from bot.model.understanding import Understanding, Utterance
from bot.ports import Bus, Channel, Clock, Nlu, Store, Wire
from bot.ports.crm import Crm

Channels = Mapping[tuple[str, str], Channel]


@dataclass(frozen=True, kw_only=True)
class Engines:
    """The ports' implementations, and the channels by name and account.

    `spooling` is for processes that accept also while the store is away. `crm` is another system
    that keeps customers, if there is one.
    """

    store: Store
    bus: Bus
    wire: Wire
    nlu: Nlu
    clock: Clock
    channels: Channels
    spooling: Spooling | None = None
    crm: Crm | None = None


class NoReader:
    """Stands where the reader is, in a process that does not converse."""

    @property
    def model(self) -> str:
        """There is none."""
        return ""

    async def read(self, utterances: Sequence[Utterance]) -> list[Understanding]:
        """Nothing is read here; raises RuntimeError."""
        raise RuntimeError(f"{len(utterances)} texts to read in a process without a reader")
