"""What the edge is put together from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr

from bot.edge.accounts import Keeping
from bot.edge.auth import Passwords
from bot.edge.health import Probed
from bot.edge.live import Live
from bot.edge.metrics import Metrics
from bot.edge.realms import Realm
from bot.edge.retuning import Retuning
from bot.edge.settings import EdgeSettings
from bot.hub.canned import Canned
from bot.hub.cards import Cards
from bot.hub.chat import Chat
from bot.hub.connecting import Connecting
from bot.hub.correcting import Correcting
from bot.hub.desk import Desk
from bot.hub.facts import FactIntake
from bot.hub.feed import Feed
from bot.hub.hub import Hub
from bot.hub.ingress import Ingress
from bot.hub.knowing import Knowing
from bot.hub.linking import Linking
from bot.hub.own_channels import OwnChannels
from bot.hub.signing_in import SigningIn
from bot.ports import Channel, Clock, Fanout, Provider, Store, Wire

Account = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class EdgeParts:
    """The hub and the edge's own pieces, as the composition root made them.

    `secret` signs the visitors' tokens. `providers`, keyed by (channel name, account name), are
    played on the loopback: none, no sandbox. `realms` are the business's own log-ins. `probed` is
    what `/readyz` and `/metrics` look at (None: what a process that does everything has).
    `webchat` is the name of the channel behind `/chat`. `fanout` reaches the edges of other
    processes (None: there are none); `live` has the same. `keeping` keeps the accounts that the API
    makes (None: it makes none).
    """

    settings: EdgeSettings
    hub: Hub
    live: Live
    secret: SecretStr
    providers: Mapping[Account, Provider] = field(default_factory=dict)
    realms: Mapping[str, Realm] = field(default_factory=dict)
    probed: Probed | None = None
    passwords: Passwords = field(default_factory=Passwords)
    webchat: str = "webchat"
    fanout: Fanout | None = None
    retuning: Retuning = field(default_factory=Retuning)
    keeping: Keeping | None = None

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
    def signing_in(self) -> SigningIn:
        """Visitors at the business's own log-ins."""
        return self.hub.signing_in

    @property
    def own_channels(self) -> OwnChannels:
        """What customers decide of their linked channels."""
        return self.hub.own_channels

    @property
    def linking(self) -> Linking:
        """Continuing on another channel."""
        return self.hub.linking

    @property
    def facts(self) -> FactIntake:
        """What other systems tell."""
        return self.hub.facts

    @property
    def knowing(self) -> Knowing:
        """What is known of customers."""
        return self.hub.knowing

    @property
    def cards(self) -> Cards:
        """Customers' cards."""
        return self.hub.cards

    @property
    def connecting(self) -> Connecting:
        """What agents say of who is who."""
        return self.hub.connecting

    @property
    def correcting(self) -> Correcting:
        """What agents write into profiles."""
        return self.hub.correcting

    @property
    def feed(self) -> Feed:
        """What the hub announces."""
        return self.hub.feed
