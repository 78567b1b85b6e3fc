"""Organisations: their people, who does what when they buy, and where the deal stands (B2B).

An organisation is what its memberships say (`Membership`, facts of identities). What somebody does
there is as it was told last; of whom nobody told it, the questions they asked as one of its people
are a sign, and it is said that it is no more than that. The deal's stage is what its people's
facets give together.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from bot.errors import Conflict, NotFound
from bot.hub.journey import likeliest
from bot.hub.knowing import Knowing
from bot.hub.personas import Personas
from bot.model.facet import Facet
from bot.model.fact import BuyingRole, Fact, Membership
from bot.model.ids import FactId, IdentityId, ThreadId
from bot.model.people import ChannelIdentity
from bot.model.record import Turn
from bot.model.understanding import Need, StageShare
from bot.model.value import AwareDatetime, Value
from bot.ports import Clock, Store

_AGENT = "agent"
_INFERRED = "inferred"
_MOST = 500
_HALF_LIFE = timedelta(days=14)
# What somebody asks about says what they are likely to do.
_ASKED_BY = {Need.TECHNICAL: BuyingRole.USER, Need.COMMERCIAL: BuyingRole.BUYER}


class RoleHeld(Value):
    """What somebody does, and who says so; `inferred` from what they ask about, told by nobody."""

    role: BuyingRole
    source: str
    inferred: bool
    at: AwareDatetime | None


class Member(Value):
    """One customer among an organisation's people, and the belief over their stages as such."""

    thread: ThreadId
    identities: tuple[IdentityId, ...]
    name: str | None
    roles: tuple[RoleHeld, ...]
    belief: tuple[StageShare, ...]
    stage: str | None
    last_at: AwareDatetime | None


class Organisation(Value):
    """An organisation's people, the roles that nobody is known to have, and the deal with it.

    `belief` is over the stages of the deal: the mean of its members' beliefs, each weighted by its
    age, halved every 14 days.
    """

    key: str
    name: str
    members: tuple[Member, ...]
    missing_roles: tuple[BuyingRole, ...]
    belief: tuple[StageShare, ...]
    stage: str | None


class MemberTold(Value):
    """That somebody is one of an organisation's people; the same `key` again changes nothing."""

    identity: IdentityId
    membership: Membership
    key: str


class Organisations:
    """Knows organisations by what is told of their people."""

    def __init__(self, *, store: Store, knowing: Knowing, clock: Clock, personas: Personas) -> None:
        self.personas = personas
        self._store = store
        self._knowing = knowing
        self._clock = clock

    async def organisation(self, key: str) -> Organisation:
        """An organisation as it is known now; raises NotFound for one without people."""
        told = await self._knowing.members(key, limit=_MOST)
        if not told:
            raise NotFound(f"no organisation {key}")
        now = self._clock.now()
        members: list[Member] = []
        facets: list[Facet] = []
        for turn, own in await self._customers(told):
            spoken = [each for each in turn.state.facets if each.persona in self._spoken]
            members.append(_member(turn, own, spoken, now=now))
            facets += spoken
        belief = together(facets, now=now)
        held = {held.role for member in members for held in member.roles}
        names = (fact.body.name for fact in told if isinstance(fact.body, Membership))
        return Organisation(
            key=key,
            name=next((name for name in names if name), ""),
            members=tuple(members),
            missing_roles=tuple(role for role in BuyingRole if role not in held),
            belief=belief,
            stage=likeliest(belief),
        )

    async def tell(self, told: MemberTold) -> None:
        """Keep an agent's word; raises NotFound for an unknown identity.

        Raises Conflict when the same `key` said something else.
        """
        now = self._clock.now()
        fact = Fact(
            id=FactId.of(_AGENT, "membership", told.key),
            identity=told.identity,
            at=now,
            received_at=now,
            source=_AGENT,
            body=told.membership,
        )
        if await self._store.put_facts([fact]):
            return
        (known,) = await self._store.known_facts([fact.id])
        if (known.identity, known.body) != (fact.identity, fact.body):
            raise Conflict("this client_id has told something else")

    @property
    def _spoken(self) -> frozenset[str]:
        return self.personas.organisation

    async def _customers(self, told: Sequence[Fact]) -> list[tuple[Turn, list[Fact]]]:
        """The threads of those that were told of, each with what was told; the latest first."""
        found: dict[ThreadId, tuple[Turn, list[Fact]]] = {}
        turns: dict[IdentityId, Turn] = {}
        for fact in told:
            if fact.identity not in turns:
                identity = await self._store.identity(fact.identity)
                if identity is None:
                    continue
                turns[fact.identity] = await self._store.turn(identity.thread)
            turn = turns[fact.identity]
            found.setdefault(turn.state.thread, (turn, []))[1].append(fact)
        return list(found.values())


def together(facets: Iterable[Facet], *, now: AwareDatetime) -> tuple[StageShare, ...]:
    """What several beliefs give: b(s) = sum_i w_i b_i(s) / sum_i w_i, w_i = 0.5 ** (age_i / 14 d).

    A mean and no product: somebody who only looks around must not outvote the one who buys.
    """
    known = [(facet.belief, facet.belief_at) for facet in facets if facet.belief]
    weights = [_weight(now - at) if at else 0.0 for _, at in known]
    total = sum(weights)
    if not total:
        return ()
    summed: dict[str, float] = {}
    for (belief, _), weight in zip(known, weights, strict=True):
        for share in belief:
            summed[share.stage] = summed.get(share.stage, 0.0) + weight * share.share
    return tuple(
        StageShare(stage=stage, share=round(share / total, 6)) for stage, share in summed.items()
    )


def _weight(age: timedelta) -> float:
    return math.pow(0.5, max(age / _HALF_LIFE, 0.0))


def _member(
    turn: Turn, told: Sequence[Fact], spoken: Sequence[Facet], *, now: AwareDatetime
) -> Member:
    belief = together(spoken, now=now)
    return Member(
        thread=turn.state.thread,
        identities=tuple(sorted({fact.identity for fact in told})),
        name=_name(turn.identities),
        roles=tuple(_told_role(told)) or tuple(_inferred_roles(spoken)),
        belief=belief,
        stage=likeliest(belief),
        last_at=max((facet.last_at for facet in spoken if facet.last_at), default=None),
    )


def _name(identities: Sequence[ChannelIdentity]) -> str | None:
    return next((identity.name for identity in identities if identity.name), None)


def _told_role(told: Sequence[Fact]) -> Iterator[RoleHeld]:
    """The role that was told last, if any was."""
    for fact in told:
        if isinstance(fact.body, Membership) and fact.body.role is not None:
            yield RoleHeld(role=fact.body.role, source=fact.source, inferred=False, at=fact.at)
            return


def _inferred_roles(spoken: Sequence[Facet]) -> Iterator[RoleHeld]:
    needs = {need for facet in spoken for need in facet.needs}
    for need, role in _ASKED_BY.items():
        if need in needs:
            yield RoleHeld(role=role, source=_INFERRED, inferred=True, at=None)
