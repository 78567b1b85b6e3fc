"""What the edge is put together from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr

from bot.edge.auth import Passwords
from bot.edge.health import Probed
from bot.edge.live import Live
from bot.edge.metrics import Metrics
from bot.edge.retuning import Retuning
from bot.edge.settings import EdgeSettings
from bot.hub.canned import Canned
from bot.hub.chat import Chat
from bot.hub.desk import Desk
from bot.hub.feed import Feed
from bot.hub.hub import Hub
from bot.hub.ingress import Ingress
from bot.hub.linking import Linking
from bot.ports import Channel, Clock, Fanout, Provider, Store, Wire

Account = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class EdgeParts:
    """The hub and the edge's own pieces, as the composition root made them.

    `secret` signs the visitors' tokens. `providers`, keyed by (channel name, account name), are
    played on the loopback: none, no sandbox. `probed` is what `/readyz` and `/metrics` look at
    (None: what a process that does everything has). `webchat` is the name of the channel behind
    `/chat`. `fanout` reaches the edges of other processes (None: there are none); `live` has the
    same.
    """

    settings: EdgeSettings
    hub: Hub
    live: Live
    secret: SecretStr
    providers: Mapping[Account, Provider] = field(default_factory=dict)
    probed: Probed | None = None
    passwords: Passwords = field(default_factory=Passwords)
    webchat: str = "webchat"
    fanout: Fanout | None = None
    retuning: Retuning = field(default_factory=Retuning)

    @property
    def sandbox(self) -> bool:
        """Whether providers are played here."""
        return bool(self.providers)

    @property
    def metrics(self) -> Metrics:
        """The figures."""
        return self.live.metrics

    @property
    def store(self) -> Store:
        """The record of truth."""
        return self.hub.engines.store

    @property
    def clock(self) -> Clock:
        """What time it is."""
        return self.hub.engines.clock

    @property
    def wire(self) -> Wire:
        """The way out."""
        return self.hub.engines.wire

    @property
    def channels(self) -> Mapping[Account, Channel]:
        """All channel accounts, by (channel name, account name)."""
        return self.hub.engines.channels

    @property
    def ingress(self) -> Ingress:
        """Where requests are taken."""
        return self.hub.ingress

    @property
    def desk(self) -> Desk:
        """The agents' side of the hub."""
        return self.hub.desk

    @property
    def canned(self) -> Canned:
        """What agents can send of the content."""
        return self.hub.canned

    @property
    def chat(self) -> Chat:
        """The customers' side of the hub."""
        return self.hub.chat

    @property
    def linking(self) -> Linking:
        """Continuing on another channel."""
        return self.hub.linking

    @property
    def feed(self) -> Feed:
        """What the hub announces."""
        return self.hub.feed
