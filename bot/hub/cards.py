"""Reads a customer's card: a fixed number of looks at indexes, however much was ever said."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Final

from bot.errors import NotFound
from bot.hub.assurance import Assurance, Level
from bot.hub.card import (
    CardClaim,
    CardConsent,
    CardEpisode,
    CardIdentity,
    CardJourney,
    CardLink,
    CardPush,
    CardVisits,
    CustomerCard,
    EpisodeStep,
    IdentityAct,
)
from bot.hub.identity_acts import acts
from bot.hub.journey import SIGNS, Belief, Journey, likeliest, news
from bot.hub.knowing import FieldValue, Knowing, ProfileField
from bot.hub.levels import Levels
from bot.hub.numbers import same_numbers
from bot.hub.risk import TICKETS, at_risk
from bot.hub.settings import HubSettings
from bot.hub.suggesting import Suggesting, Suggestion
from bot.hub.vouching import Vouching
from bot.model.consents import ConsentFact, strictest
from bot.model.crm import PushStatus
from bot.model.facet import PRIVATE, Facet
from bot.model.fact import Claimed, ClaimKind, Fact, FactKind
from bot.model.ids import EntryId, EpisodeId, IdentityId, ThreadId
from bot.model.landmarks import Landmark
from bot.model.people import ChannelIdentity
from bot.model.record import LinkMade, Turn
from bot.model.thread import (
    Entry,
    Episode,
    EpisodeChanged,
    Linked,
    LinkProposed,
    LinkRefused,
    LinkRevealed,
    ThreadState,
    Unlinked,
)
from bot.ports import Clock, Store

_MARKETING: Final = "marketing"
_CLAIMED: Final[tuple[FactKind, ...]] = ("claimed",)
_VISITED: Final[tuple[FactKind, ...]] = ("visited",)
# What has a place of its own on the card is not among the facts.
_HAPPENED: Final[tuple[FactKind, ...]] = (
    "purchased",
    "delivered",
    "returned",
    "ticket_opened",
    "ticket_closed",
    "tier_changed",
    "store_visited",
    "subscription_changed",
)
_CLAIMS: Final = 50
_FACTS: Final = 50
_PAGES: Final = 10
_SIGNS: Final = 100
_TICKETS: Final = 200
_STEPS: Final = 200
_EPISODES: Final = 20
_ACTS: Final = 200
_PROPOSALS: Final = 5
# So long a conflict is a mark on the card; the log has it for good.
_CONFLICTS_FOR: Final = timedelta(days=30)


class Cards:
    """Reads cards."""

    def __init__(  # noqa: PLR0913 - what it stands on
        self,
        *,
        store: Store,
        clock: Clock,
        knowing: Knowing,
        vouching: Vouching,
        suggesting: Suggesting,
        levels: Levels,
        settings: HubSettings,
        crm: str = "",
    ) -> None:
        self._store = store
        self._clock = clock
        self._knowing = knowing
        self._vouching = vouching
        self._suggesting = suggesting
        self._levels = levels
        self._crm = crm
        self._journey = Journey(settings)

    async def card(self, customer: ThreadId | IdentityId) -> CustomerCard:
        """The card of a thread's customer, or of an identity's; raises NotFound."""
        turn = await self.turn(customer)
        ids = [one.id for one in turn.identities]
        (
            (links, claims, profile),
            (consents, steps, logged),
            (facts, first, pages),
        ) = await asyncio.gather(self._known(ids), self._told(ids), self._happened(ids))
        (suggestions, vip, proposals), (pushes, signs, tickets) = await asyncio.gather(
            self._judged(turn.identities, logged), self._moving(ids)
        )
        identities = tuple(
            _identity(one, self._levels.assurance(one, links), turn.state)
            for one in turn.identities
        )
        return CustomerCard(
            thread=turn.state.thread,
            state=turn.state,
            level=_level(identities, turn.state),
            vip=vip,
            identities=identities,
            links=tuple(
                CardLink(link=made.link, revealed=made.revealed) for made in links if made.holds
            ),
            claims=tuple(_claims(claims, identities, profile)),
            profile=tuple(profile),
            pushes=tuple(pushes),
            consents=tuple(_consents(consents, turn.identities)),
            episodes=tuple(_episodes(steps, now=turn.state.episode)),
            facts=tuple(facts),
            visits=CardVisits(first=first, last=tuple(pages)),
            journeys=tuple(self._journeys(turn.state, signs)),
            at_risk=at_risk(tickets),
            suggestions=tuple(suggestions),
            proposals=tuple(proposals),
            conflicts=tuple(self._conflicts(ids, logged)),
            acts=tuple(self._acts(logged, turn.identities)),
        )

    async def _judged(
        self, identities: Sequence[ChannelIdentity], logged: Sequence[Entry]
    ) -> tuple[list[Suggestion], bool, list[Entry]]:
        ids = [one.id for one in identities]
        return await asyncio.gather(
            self._suggesting.suggestions(identities),
            self._vouching.is_vip(ids),
            self._proposals(ids, logged),
        )

    async def _moving(
        self, ids: Sequence[IdentityId]
    ) -> tuple[list[CardPush], list[Fact], list[Fact]]:
        return await asyncio.gather(
            self._pushes(ids),
            self._knowing.facts(ids, kinds=SIGNS, limit=_SIGNS),
            self._knowing.facts(ids, kinds=TICKETS, limit=_TICKETS),
        )

    async def turn(self, customer: ThreadId | IdentityId) -> Turn:
        """The thread that an id, of a thread or an identity, leads to now; raises NotFound."""
        thread = ThreadId(customer)
        if customer.startswith(f"{IdentityId.prefix}_"):
            identity = await self._store.identity(IdentityId(customer))
            thread = thread if identity is None else identity.thread
        turn = await self._store.turn(thread)
        if not turn.identities:
            raise NotFound(f"no customer {customer}")
        return turn

    def _journeys(self, state: ThreadState, facts: Sequence[Fact]) -> Iterator[CardJourney]:
        for facet in state.facets or (state.as_persona(state.facet),):
            fresh = news(state, facet.persona, facts)
            if facet.persona != state.facet:
                fresh = [fact for fact in fresh if fact.facet == facet.persona]
            yield self._journey_of(facet, fresh)

    def _journey_of(self, facet: Facet, fresh: Sequence[Fact]) -> CardJourney:
        now = self._clock.now()
        belief = Belief(shares=facet.belief, at=facet.belief_at)
        move = self._journey.moved(belief, self._journey.seen(fresh, now=now))
        shares = self._journey.as_of(move.after if move else belief, now)
        return CardJourney(
            persona=facet.persona,
            stage=likeliest(shares),
            belief=shares,
            before=move.before.shares if move else facet.before,
            because=move.because if move else facet.because,
        )

    def _acts(
        self, logged: Sequence[Entry], identities: Sequence[ChannelIdentity]
    ) -> list[IdentityAct]:
        if len(logged) < _ACTS:
            return acts(logged, identities, self._levels)
        # Of what came before these nothing is known, so nothing of what they changed.
        return [IdentityAct(entry=entry) for entry in logged]

    async def _known(
        self, ids: Sequence[IdentityId]
    ) -> tuple[list[LinkMade], list[Fact], list[ProfileField]]:
        return await asyncio.gather(
            self._store.links(ids),
            self._knowing.facts(ids, kinds=_CLAIMED, limit=_CLAIMS),
            self._knowing.profile(ids),
        )

    async def _told(
        self, ids: Sequence[IdentityId]
    ) -> tuple[list[ConsentFact], list[Entry], list[Entry]]:
        return await asyncio.gather(
            self._store.consents(ids),
            self._store.landmarks(ids, of={Landmark.CASE}, limit=_STEPS),
            self._logged(ids),
        )

    async def _happened(
        self, ids: Sequence[IdentityId]
    ) -> tuple[list[Fact], Fact | None, list[Fact]]:
        return await asyncio.gather(
            self._knowing.facts(ids, kinds=_HAPPENED, limit=_FACTS),
            self._store.first_fact(ids, "visited"),
            self._knowing.facts(ids, kinds=_VISITED, limit=_PAGES),
        )

    async def _logged(self, ids: Sequence[IdentityId]) -> list[Entry]:
        """What was done about who is who, the newest first.

        A link that ended may have been told of at its other end, which is somebody else's now.
        """
        own = await self._store.landmarks(ids, of={Landmark.LINK, Landmark.SUGGESTION}, limit=_ACTS)
        ended = {one.body.link: one.body for one in own if isinstance(one.body, Unlinked)}
        ends = {end for body in ended.values() for end in (body.one, body.other)}
        elsewhere = sorted(ends - set(ids))
        if not elsewhere:
            return own
        theirs = await self._store.landmarks(elsewhere, of={Landmark.LINK}, limit=_ACTS)
        more = [
            one
            for one in theirs
            if isinstance(one.body, Linked | Unlinked | LinkRevealed) and one.body.link in ended
        ]
        return sorted([*own, *more], key=lambda one: one.seq, reverse=True)

    async def _pushes(self, ids: Sequence[IdentityId]) -> list[CardPush]:
        """Corrections that the CRM has not taken."""
        return [
            CardPush(
                crm=self._crm,
                field=row.push.field,
                value=row.push.value,
                status=row.status,
                reason=row.reason,
                at=row.push.at,
            )
            for row in await self._store.pushes(ids)
            if row.status in {PushStatus.WAITING, PushStatus.FAILED}
        ]

    def _conflicts(self, ids: Sequence[IdentityId], logged: Iterable[Entry]) -> list[Entry]:
        """The latest with each other identity, of this month."""
        since = self._clock.now() - _CONFLICTS_FOR
        found: dict[IdentityId, Entry] = {}
        for entry in logged:
            body = entry.body
            if not isinstance(body, LinkRefused) or body.other is None or entry.at < since:
                continue
            if body.other not in ids:
                found.setdefault(body.other, entry)
        return list(found.values())

    async def _proposals(self, ids: Sequence[IdentityId], logged: Iterable[Entry]) -> list[Entry]:
        """Those that still wait for a colleague."""
        proposed = [one.body for one in logged if isinstance(one.body, LinkProposed)]
        found: dict[EntryId, Entry] = {}
        for body in proposed[:_PROPOSALS]:
            other = await self._store.identity(body.other if body.one in ids else body.one)
            if other is None or other.id in ids:
                continue
            there = [one.id for one in (await self._store.turn(other.thread)).identities]
            waits = await self._vouching.proposal(ids, there, now=self._clock.now())
            if waits is not None:
                found[waits.id] = waits
        return list(found.values())


def _identity(identity: ChannelIdentity, sure: Assurance, state: ThreadState) -> CardIdentity:
    def told(value: str | None, *, verified: bool) -> FieldValue | None:
        if not value:
            return None
        return FieldValue(
            value=value,
            verified=verified,
            source=identity.address.channel,
            identity=identity.id,
            at=identity.created_at,
        )

    return CardIdentity(
        identity=identity,
        assurance=sure,
        name=told(identity.name, verified=False),
        phone=told(identity.phone, verified=True),
        last_inbound_at=state.wrote_at(identity.id),
    )


def _level(identities: Sequence[CardIdentity], state: ThreadState) -> Level:
    """That of the address they wrote from last."""
    active = [one for one in identities if one.identity.id == state.active]
    return (active or identities)[0].assurance.level


def _claims(
    claims: Iterable[Fact], identities: Sequence[CardIdentity], profile: Iterable[ProfileField]
) -> list[CardClaim]:
    """What is claimed, each value once, by its latest claim."""
    vouched = {
        number
        for one in identities
        if one.identity.phone
        for number in same_numbers(one.identity.phone)
    }
    vouched |= {field.best.told.value for field in profile if field.best.told.verified}
    found: dict[tuple[ClaimKind, str], CardClaim] = {}
    for fact in claims:
        body = fact.body
        if isinstance(body, Claimed) and (body.what, body.value) not in found:
            found[body.what, body.value] = CardClaim(
                what=body.what,
                value=body.value,
                raw=body.raw,
                source=fact.source,
                identity=fact.identity,
                at=fact.at,
                verified=body.value in vouched,
            )
    return list(found.values())


def _consents(
    consents: Iterable[ConsentFact], identities: Sequence[ChannelIdentity]
) -> list[CardConsent]:
    """One for each channel, and one more for each facet that differs from it."""
    channels = {one.id: one.address.channel for one in identities}
    found: defaultdict[str, list[ConsentFact]] = defaultdict(list)
    for told in consents:
        found[channels[told.identity]].append(told)
    return [one for channel in sorted(found) for one in _on_channel(channel, found[channel])]


def _on_channel(channel: str, told: Sequence[ConsentFact]) -> Iterator[CardConsent]:
    others = strictest(told, facet=None)
    facets = sorted({one.facet for one in told if one.facet is not None})
    for facet in (None, *facets):
        counts = strictest(told, facet=facet)
        differs = (counts is None or counts.allowed) != (others is None or others.allowed)
        if counts is not None and (facet is None or differs):
            yield CardConsent(
                channel=channel,
                purpose=_MARKETING,
                facet=facet,
                allowed=counts.allowed,
                source=counts.told.source,
                identity=counts.told.identity,
                at=counts.told.at,
            )


def _episodes(steps: Iterable[Entry], *, now: Episode | None) -> list[CardEpisode]:
    """The cases, the one that moved last first."""
    by_case: defaultdict[EpisodeId, list[tuple[Entry, EpisodeChanged]]] = defaultdict(list)
    for entry in steps:
        if isinstance(entry.body, EpisodeChanged):
            by_case[entry.body.episode].append((entry, entry.body))
    return [_episode(moved, now) for moved in list(by_case.values())[:_EPISODES]]


def _episode(moved: Sequence[tuple[Entry, EpisodeChanged]], now: Episode | None) -> CardEpisode:
    entry, body = moved[0]
    facet = now.facet if now is not None and now.id == body.episode else body.facet
    return CardEpisode(
        id=body.episode,
        phase=body.phase,
        opened_at=body.opened_at,
        changed_at=body.since or entry.at,
        reason=body.reason,
        until=body.until,
        facet=facet or PRIVATE,
        identity=entry.identity,
        steps=tuple(
            EpisodeStep(phase=to.phase, reason=to.reason, by=one.by, at=one.at, until=to.until)
            for one, to in moved
        ),
    )
