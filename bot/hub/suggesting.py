"""Customers who may be one and the same: suggested with the evidence, never linked (R1, R11, R12).

What many claim says nothing, nor does a device that many use. A name may only raise or lower the
score of what was found otherwise.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from enum import StrEnum
from math import prod
from typing import Final

from bot.hub.claims import can_suggest, normal
from bot.hub.joining import MONTH, TWO_LOGINS, has_two_logins, links_key
from bot.hub.numbers import same_numbers
from bot.hub.settings import HubSettings
from bot.model.fact import Claimed, ClaimKind, FactKind
from bot.model.ids import IdentityId, ThreadId
from bot.model.landmarks import Landmark
from bot.model.people import ChannelIdentity
from bot.model.thread import SuggestionDismissed
from bot.model.value import Value
from bot.ports import Clock, Store

_CLAIMED: Final[tuple[FactKind, ...]] = ("claimed",)
_CLAIMS: Final = 50  # of a customer, the latest
_CLAIMANTS: Final = 20
_MANY: Final = 3  # other customers that share a value: it is nobody's own
_MOST: Final = 10  # suggestions on one card
_DISMISSALS: Final = 200


class Basis(StrEnum):
    """How two customers come to the same value.

    BOTH_CLAIM: each says that it is theirs. CLAIMED_HERE: this one says so, for the other a
    provider vouches. CLAIMED_THERE: the other way round. BOTH_ATTESTED: for each a provider does.
    """

    BOTH_CLAIM = "both_claim"
    CLAIMED_HERE = "claimed_here"
    CLAIMED_THERE = "claimed_there"
    BOTH_ATTESTED = "both_attested"


_WORTH: Final = {
    Basis.BOTH_CLAIM: 0.4,
    Basis.CLAIMED_HERE: 0.6,
    Basis.CLAIMED_THERE: 0.6,
    Basis.BOTH_ATTESTED: 0.8,
}
_SAME_NAME: Final = 0.3  # of what is missing to certainty
_OTHER_NAME: Final = 0.8


class Evidence(Value):
    """A value that two identities have in common, and how each came by it."""

    what: ClaimKind
    value: str
    basis: Basis
    one: IdentityId
    other: IdentityId


class Suggestion(Value):
    """Another customer who may be this one; `other` is the identity that speaks for it most.

    `score` is between 0 and 1 and no probability. `conflict`: why the two cannot be linked.
    """

    one: IdentityId
    other: IdentityId
    thread: ThreadId
    identities: tuple[ChannelIdentity, ...]
    evidence: tuple[Evidence, ...]
    score: float
    conflict: str | None = None


class _Held(Value):
    """A value of this customer: claimed, or attested."""

    identity: IdentityId
    what: ClaimKind
    value: str
    attested: bool


class Suggesting:
    """Finds suggestions when a card is read; nothing of them is kept but what was dismissed."""

    def __init__(self, *, store: Store, clock: Clock, settings: HubSettings) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings

    async def suggestions(self, identities: Sequence[ChannelIdentity]) -> list[Suggestion]:
        """Who else this may be, the most likely first."""
        own = {one.id for one in identities}
        held = await self._held(identities)
        found = await asyncio.gather(*(self._evidence(one, own) for one in held))
        by_thread = await self._by_customer(found)
        if not by_thread:
            return []
        turns = await asyncio.gather(*(self._store.turn(thread) for thread in by_thread))
        others = {turn.state.thread: turn.identities for turn in turns}
        dismissed = await self._dismissed(
            [*own, *(one.id for members in others.values() for one in members)]
        )
        suggestions = [
            _suggestion(identities, thread, others[thread], evidence)
            for thread, evidence in by_thread.items()
            if not dismissed & _pairs(own, {one.id for one in others[thread]})
        ]
        return sorted(suggestions, key=lambda one: (-one.score, one.thread))[:_MOST]

    async def _held(self, identities: Sequence[ChannelIdentity]) -> list[_Held]:
        """What this customer claims, or a provider attests, as far as it may suggest anything."""
        shared = await self._shared(one.id for one in identities)
        ids = [one.id for one in identities if one.id not in shared]
        claims = await self._store.facts(ids, kinds=_CLAIMED, limit=_CLAIMS)
        held = [
            _Held(
                identity=fact.identity, what=fact.body.what, value=fact.body.value, attested=False
            )
            for fact in claims
            if isinstance(fact.body, Claimed)
        ]
        for one in identities:
            number = one.phone and normal(
                ClaimKind.PHONE, one.phone, region=self._settings.phone_region
            )
            if number and one.id in ids:
                held.append(
                    _Held(identity=one.id, what=ClaimKind.PHONE, value=number, attested=True)
                )
        # Attested before claimed, each value once.
        held.sort(key=lambda one: not one.attested)
        once = {(one.what, one.value): one for one in reversed(held)}
        return [one for one in once.values() if self._may_suggest(one)]

    def _may_suggest(self, held: _Held) -> bool:
        settings = self._settings
        return can_suggest(
            held.what, held.value, blocked=settings.claims_blocked, own_domains=settings.own_domains
        )

    async def _evidence(self, held: _Held, own: set[IdentityId]) -> list[Evidence]:
        """Others who come to the same value."""
        there: dict[IdentityId, bool] = dict.fromkeys(
            await self._store.claimants(held.what, held.value, limit=_CLAIMANTS), False
        )
        if held.what is ClaimKind.PHONE:
            for number in same_numbers(held.value):
                for one in await self._store.attested(number, limit=_CLAIMANTS):
                    there[one.id] = True
        shared = await self._shared(one for one in there if one not in own)
        return [
            Evidence(
                what=held.what,
                value=held.value,
                basis=_basis(here=held.attested, there=attested),
                one=held.identity,
                other=other,
            )
            for other, attested in there.items()
            if other not in own and other not in shared
        ]

    async def _shared(self, identities: Iterable[IdentityId]) -> set[IdentityId]:
        """Those that were linked so often that they are nobody's own (R11)."""
        asked = list(identities)
        now, most = self._clock.now(), self._settings.links_a_month
        times = await asyncio.gather(
            *(self._store.attempts(links_key(one), now=now, window=MONTH) for one in asked)
        )
        return {one for one, count in zip(asked, times, strict=True) if count >= most}

    async def _by_customer(self, found: Iterable[list[Evidence]]) -> dict[ThreadId, list[Evidence]]:
        """The evidence for each other customer; of values that few enough share."""
        values = [evidence for evidence in found if evidence]
        named = {one.other for evidence in values for one in evidence}
        known = await asyncio.gather(*(self._store.identity(one) for one in sorted(named)))
        threads = {one.id: one.thread for one in known if one is not None}
        gathered: defaultdict[ThreadId, list[Evidence]] = defaultdict(list)
        for evidence in values:
            if len({threads[one.other] for one in evidence if one.other in threads}) > _MANY:
                continue
            for one in evidence:
                if one.other in threads:
                    gathered[threads[one.other]].append(one)
        return gathered

    async def _dismissed(self, among: Sequence[IdentityId]) -> set[frozenset[IdentityId]]:
        """Pairs of identities of which an agent said that they are not one person."""
        acts = await self._store.landmarks(among, of={Landmark.SUGGESTION}, limit=_DISMISSALS)
        return {
            frozenset((entry.body.one, entry.body.other))
            for entry in acts
            if isinstance(entry.body, SuggestionDismissed)
        }


def _basis(*, here: bool, there: bool) -> Basis:
    if here and there:
        return Basis.BOTH_ATTESTED
    if there:
        return Basis.CLAIMED_HERE
    return Basis.CLAIMED_THERE if here else Basis.BOTH_CLAIM


def _pairs(own: set[IdentityId], others: set[IdentityId]) -> set[frozenset[IdentityId]]:
    return {frozenset((one, other)) for one in own for other in others}


def _suggestion(
    identities: Sequence[ChannelIdentity],
    thread: ThreadId,
    others: tuple[ChannelIdentity, ...],
    evidence: list[Evidence],
) -> Suggestion:
    # A value counts once, by the best that speaks for it.
    best: dict[tuple[ClaimKind, str], Evidence] = {}
    for one in sorted(evidence, key=lambda one: (_WORTH[one.basis], one.other)):
        best[one.what, one.value] = one
    ranked = sorted(best.values(), key=lambda one: (-_WORTH[one.basis], one.what, one.value))
    score = 1 - prod(1 - _WORTH[one.basis] for one in ranked)
    names, theirs = _names(identities), _names(others)
    if names & theirs:
        score += (1 - score) * _SAME_NAME
    elif names and theirs:
        score *= _OTHER_NAME
    return Suggestion(
        one=ranked[0].one,
        other=ranked[0].other,
        thread=thread,
        identities=others,
        evidence=tuple(ranked),
        score=round(score, 2),
        conflict=TWO_LOGINS if has_two_logins((*identities, *others)) else None,
    )


def _names(identities: Iterable[ChannelIdentity]) -> set[str]:
    return {" ".join(one.name.split()).casefold() for one in identities if one.name}
