"""What customers see and decide of their own linked channels (rules R2 and R20)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, Literal

from bot.errors import NotFound
from bot.hub.assurance import Assurance, assurance
from bot.hub.ingress import Ingress
from bot.hub.numbers import masked_name, masked_number
from bot.model.channel import Address, Capabilities
from bot.model.event import CodeAsked, Outcome, Unlinks
from bot.model.fact import CodeShown
from bot.model.ids import EventId, IdentityId, LinkId
from bot.model.landmarks import Landmark
from bot.model.people import Actor, ByAgent, ByCustomer, ChannelIdentity
from bot.model.record import Arrival, IdentitySeed
from bot.model.thread import Unlinked
from bot.model.value import AwareDatetime, Value
from bot.ports import Channel, Clock, Store

# So many of the latest acts are looked at, and so many ended links shown.
_ACTS: Final = 100
_FORMER: Final = 20


class OwnChannel(Value):
    """One of the customer's identities, as the customer may see it; `label` is masked.

    `here`: where they ask from. `linked`: a link holds it to the others.
    """

    identity: IdentityId
    channel: str
    account: str
    label: str
    here: bool
    linked: bool
    assurance: Assurance


class FormerChannel(Value):
    """An identity that a link held to the customer's until `ended_at`; `by` says who ended it."""

    channel: str
    account: str
    label: str
    ended_at: AwareDatetime
    by: Literal["customer", "agent", "system"]


class OwnChannels:
    """The customers' side of links."""

    def __init__(
        self,
        *,
        store: Store,
        ingress: Ingress,
        clock: Clock,
        channels: Mapping[tuple[str, str], Channel],
        patience: timedelta = timedelta(seconds=10),
    ) -> None:
        self._store = store
        self._ingress = ingress
        self._clock = clock
        self._channels = channels
        self._patience = patience

    async def all(self, address: Address) -> list[OwnChannel]:
        """All identities of the customer at this address, their own first, then the oldest."""
        identities = await self._identities(address)
        links = await self._store.links([one.id for one in identities])
        held = {end for made in links if made.holds for end in (made.link.one, made.link.other)}
        shown = [
            OwnChannel(
                identity=one.id,
                channel=one.address.channel,
                account=one.address.account,
                label=_label(one),
                here=one.id == address.identity,
                linked=one.id in held,
                assurance=assurance(one, links, self._capabilities(one)),
            )
            for one in identities
        ]
        return sorted(shown, key=lambda one: not one.here)

    async def former(self, address: Address) -> list[FormerChannel]:
        """What was linked to the customer at this address and is no more, the latest first."""
        own = [one.id for one in await self._identities(address)]
        acts = await self._store.landmarks(own, of={Landmark.LINK}, limit=_ACTS) if own else []
        found: dict[LinkId, FormerChannel] = {}
        for act in acts:
            if not isinstance(act.body, Unlinked) or act.body.link in found:
                continue
            ends = (act.body.one, act.body.other)
            gone = await self._store.identity(ends[0] if ends[0] not in own else ends[1])
            if gone is None or gone.id in own:  # erased, or linked again
                continue
            found[act.body.link] = FormerChannel(
                channel=gone.address.channel,
                account=gone.address.account,
                label=_label(gone),
                ended_at=act.at,
                by=_who(act.by),
            )
        return list(found.values())[:_FORMER]

    async def unlink(self, address: Address, identity: IdentityId) -> Outcome:
        """End all links that hold an identity; raises NotFound when it is not the customer's."""
        identities = await self._identities(address)
        if identity not in {one.id for one in identities}:
            raise NotFound("no such linked channel")
        links = await self._store.links([one.id for one in identities])
        ending = tuple(
            made.link.id
            for made in links
            if made.holds and identity in {made.link.one, made.link.other}
        )
        arrival = Arrival(
            id=EventId.new(),
            identity=address.identity,
            at=self._clock.now(),
            body=Unlinks(by=ByCustomer(identity=address.identity), links=ending, reason="customer"),
        )
        return await self._ingress.ask(arrival, patience=self._patience)

    def provable(self) -> list[tuple[str, str]]:
        """Channels (name, account) where a code can be sent to a number that was typed.

        There the number is the address, and a text may go to whoever never wrote.
        """
        return [
            key
            for key, channel in self._channels.items()
            if channel.capabilities.push
            and channel.capabilities.phone_addressed
            and channel.capabilities.window is None
        ]

    async def prove(self, address: Address, *, to: Address, shown: CodeShown | None = None) -> None:
        """Have a code sent to a number in E.164, for this visitor alone to type; `shown`: where.

        Raises NotFound when no code can be sent there. Nothing tells whether the number is known.
        """
        if (to.channel, to.account) not in self.provable():
            raise NotFound(f"no channel {to.channel}/{to.account} to send a code on")
        arrival = Arrival(
            id=EventId.new(),
            identity=to.identity,
            # Who holds the number on another channel is the same person, as if it had written.
            seed=IdentitySeed(address=to, phone=to.user, join_phone=self._ingress.join_by_phone),
            at=self._clock.now(),
            body=CodeAsked(only=address.identity, shown=shown),
        )
        await self._ingress.submit([arrival])

    async def _identities(self, address: Address) -> tuple[ChannelIdentity, ...]:
        identity = await self._store.identity(address.identity)
        if identity is None:
            return ()
        return (await self._store.turn(identity.thread)).identities

    def _capabilities(self, identity: ChannelIdentity) -> Capabilities | None:
        channel = self._channels.get((identity.address.channel, identity.address.account))
        return None if channel is None else channel.capabilities


def _who(actor: Actor) -> Literal["customer", "agent", "system"]:
    match actor:
        case ByCustomer():
            return "customer"
        case ByAgent():
            return "agent"
        case _:
            return "system"


def _label(identity: ChannelIdentity) -> str:
    """What customers know their channel by; never more than whoever reads it may know."""
    if identity.phone is not None:
        return masked_number(identity.phone)
    return masked_name(identity.username or identity.name or "")
