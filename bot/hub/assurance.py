"""How sure we are who somebody at an address is: levels L0 to L4, pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from bot.model.channel import LOGIN
from bot.model.people import Assurance, ChannelIdentity, Level, Proof
from bot.model.record import LinkMade

# Nobody vouches for a browser; a provider does for its users, and weakly where a sender's number
# can be forged and numbers are handed on.
_DEVICE: Final = frozenset({"webchat"})
_WEAK: Final = "sms"  # what the names of such channels end in
# A link of these says more than the channel does.
_BY_PROOF: Final = {
    Proof.SIGNED: Level.L4,
    Proof.CODE: Level.L3,
    Proof.OTP: Level.L3,
    Proof.AGENT: Level.L3,
}


def assurance(identity: ChannelIdentity, links: Iterable[LinkMade]) -> Assurance:
    """How sure, since when and by what: the best of the channel and the identity's own links.

    Links that ended, or are between others, count for nothing. Of equal ones the oldest counts,
    one that the customer proved before one by an agent's word.
    """
    own = [
        made.link
        for made in links
        if made.holds
        and identity.id in {made.link.one, made.link.other}
        and made.link.proof in _BY_PROOF
    ]
    own.sort(key=lambda link: (link.proof is Proof.AGENT, link.at))
    own.sort(key=lambda link: _BY_PROOF[link.proof], reverse=True)
    level = _by_channel(identity)
    if own and _BY_PROOF[own[0].proof] > level:
        best = own[0]
        return Assurance(
            level=_BY_PROOF[best.proof],
            since=best.at,
            proof=best.proof,
            link=best.id,
            by_agent=best.proof is Proof.AGENT,
        )
    weak = identity.address.channel.endswith(_WEAK)
    return Assurance(level=level, since=identity.created_at, weak=weak)


def level(identity: ChannelIdentity, links: Iterable[LinkMade]) -> Level:
    """The level alone."""
    return assurance(identity, links).level


def _by_channel(identity: ChannelIdentity) -> Level:
    if identity.address.channel == LOGIN:
        return Level.L4
    return Level.L0 if identity.address.channel in _DEVICE else Level.L2
