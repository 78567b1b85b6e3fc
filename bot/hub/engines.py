"""What the hub stands on: one implementation of each port."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.ports import Bus, Channel, Clock, Nlu, Store, Wire

Channels = Mapping[tuple[str, str], Channel]


@dataclass(frozen=True, kw_only=True)
class Engines:
    """The ports' implementations, and the channels by name and account."""

    store: Store
    bus: Bus
    wire: Wire
    nlu: Nlu
    clock: Clock
    channels: Channels
