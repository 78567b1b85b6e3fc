"""How sure it is that an identity is this customer (domain rule R7's levels L0 to L4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from bot.model.channel import Capabilities
from bot.model.people import ChannelIdentity, Proof
from bot.model.record import LinkMade
from bot.model.value import AwareDatetime, Value


class Level(StrEnum):
    """What is known of who sits at an identity; each more than the one before."""

    DEVICE = "L0"  # a browser that has kept its token
    CLAIMED = "L1"  # somebody says so: proves nothing
    ATTESTED = "L2"  # the channel's provider vouches for the address
    LINKED = "L3"  # a round trip between two identities, or an agent's word
    SIGNED = "L4"  # the business's own log-in


_LINKED: Mapping[Proof, Level] = {
    Proof.SIGNED: Level.SIGNED,
    Proof.CODE: Level.LINKED,
    Proof.OTP: Level.LINKED,
    Proof.AGENT: Level.LINKED,
}


class Assurance(Value):
    """The level of an identity, what it rests on (None: the identity itself) and since when.

    `by_agent`: an agent's word alone. `weak`: senders can be made up on its channel, or where the
    code that linked it came from, and no number that was sent back was repeated.
    """

    level: Level
    since: AwareDatetime
    proof: Proof | None = None
    by_agent: bool = False
    weak: bool = False


def assurance(
    identity: ChannelIdentity,
    links: Sequence[LinkMade],
    capabilities: Capabilities | None,
) -> Assurance:
    """How sure an identity is, by the links of its own that hold; of equal ones, the oldest tells.

    `capabilities` are its channel's: None where there is none (a log-in, an account that is gone).
    """
    own = _own(identity, capabilities)
    better = [
        (_LINKED[made.link.proof], made)
        for made in links
        if made.holds
        and made.link.proof in _LINKED
        and identity.id in {made.link.one, made.link.other}
    ]
    if not better or own.level is Level.SIGNED:
        return own
    level = max(level for level, _ in better)
    made = min((made for one, made in better if one is level), key=lambda made: made.seq)
    return Assurance(
        level=level,
        since=made.link.at,
        proof=made.link.proof,
        by_agent=made.link.proof is Proof.AGENT,
        weak=own.weak or (made.link.weak and not made.revealed),
    )


def _own(identity: ChannelIdentity, capabilities: Capabilities | None) -> Assurance:
    """What it is without any link."""
    if not identity.reachable:
        return Assurance(level=Level.SIGNED, since=identity.created_at)
    vouched = capabilities is None or capabilities.push
    return Assurance(
        level=Level.ATTESTED if vouched else Level.DEVICE,
        since=identity.created_at,
        weak=capabilities is not None and capabilities.spoofable,
    )
