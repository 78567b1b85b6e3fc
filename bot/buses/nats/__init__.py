"""Bus and fan-out over NATS, for many machines."""

from bot.buses.nats.bus import NatsBus
from bot.buses.nats.connection import ConnectionSettings, NatsConnection
from bot.buses.nats.fanout import NatsFanout
from bot.buses.nats.settings import Settings

__all__ = ["ConnectionSettings", "NatsBus", "NatsConnection", "NatsFanout", "Settings"]
