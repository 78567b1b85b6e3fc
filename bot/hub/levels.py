"""How sure we are of identities, with what their channels can do looked up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bot.hub.assurance import Assurance, Level, assurance
from bot.model.people import ChannelIdentity
from bot.model.record import LinkMade
from bot.ports import Channel


class Levels:
    """Knows the channels."""

    def __init__(self, channels: Mapping[tuple[str, str], Channel]) -> None:
        self._channels = channels

    def assurance(self, identity: ChannelIdentity, links: Iterable[LinkMade]) -> Assurance:
        """How sure we are of an identity, by these links."""
        channel = self._channels.get((identity.address.channel, identity.address.account))
        capabilities = None if channel is None else channel.capabilities
        return assurance(identity, tuple(links), capabilities)

    def level(self, identity: ChannelIdentity, links: Iterable[LinkMade]) -> Level:
        """The level alone."""
        return self.assurance(identity, links).level
