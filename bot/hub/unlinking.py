"""Links that hold no more: what they alone had joined is two customers again (R16, R17).

Nothing is rewritten. Each part of the thread goes on with the state that its own entries add up
to, without what was said because of the links. What happened meanwhile and cannot be known of one
part alone is settled in entries of its own: who speaks, the case, the dialogue, the journey.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.hub import facets, graph, owning
from bot.hub.fold import fold
from bot.hub.journey import Belief, Journey
from bot.hub.rebuild import entry_pages
from bot.hub.scene import Scene
from bot.hub.settings import HubSettings
from bot.model.dialogue import Dialogue
from bot.model.event import Rejected
from bot.model.facet import PRIVATE, Facet, FacetBy, FacetChanged, FacetsStand
from bot.model.ids import EpisodeId, EventId, IdentityId, LinkId, ThreadId
from bot.model.journey import Evidence
from bot.model.people import Actor, BySystem, Link, LinkMark, Mark
from bot.model.record import LinkMade, Split
from bot.model.thread import (
    DialogueMoved,
    Entry,
    EpisodeChanged,
    JourneyMoved,
    MessageIn,
    OwnedByBot,
    OwnerChanged,
    ThreadState,
    Unlinked,
)
from bot.model.understanding import Understanding
from bot.model.value import AwareDatetime
from bot.ports import Store

# Later than any entry.
_NOTHING_SINCE = 2**62


@dataclass
class _Part:
    """One customer of those that come out of it.

    `state`: what its entries add up to. `alone`: what they would, had it never been linked.
    `cases`: where each case was opened; `last_case`: how the last of its own was put, wherever.
    """

    thread: ThreadId
    identities: frozenset[IdentityId]
    links: frozenset[LinkId]
    state: ThreadState
    alone: ThreadState
    cases: dict[EpisodeId, IdentityId] = field(default_factory=dict)
    last_case: EpisodeChanged | None = None

    def see_case(self, entry: Entry) -> None:
        """Take what an entry of anybody says of a case that was opened here."""
        body, last = entry.body, self.last_case
        if last and isinstance(body, FacetChanged) and body.episode == last.episode:
            belongs = {"facet": body.facet, "facet_by": body.reason}
            self.last_case = last.model_copy(update=belongs)
        if not isinstance(body, EpisodeChanged) or not self.counts(entry):
            return
        if self.cases.setdefault(body.episode, entry.identity) in self.identities:
            self.last_case = body.model_copy(update={"since": body.since or entry.at})

    def counts(self, entry: Entry) -> bool:
        """Whether it says what holds here, and not what held while there was a link."""
        return entry.link is None or entry.link in self.links

    @property
    def anchor(self) -> IdentityId:
        """The identity that what is settled is kept at: always the same one."""
        return min(self.identities)


class Unlinking:
    """Ends links."""

    def __init__(self, *, store: Store, settings: HubSettings) -> None:
        self._store = store
        self._settings = settings
        self._journey = Journey(settings)

    async def end(
        self, scene: Scene, links: Sequence[LinkId], *, by: Actor, reason: str
    ) -> list[LinkMade]:
        """End those of these links that hold here; returns them, none is `Rejected`."""
        among = [identity.id for identity in scene.identities]
        known = await self._store.links(among)
        ending = [made for made in known if made.holds and made.link.id in links]
        if not ending:
            scene.draft.outcome = Rejected(reason="no such link holds here")
            return []
        for made in ending:
            self._mark(scene, made.link, by=by, reason=reason)
        kept = [made for made in known if made not in ending]
        split = graph.parts(among, kept)
        if len(split) > 1:
            since = min(made.seq for made in ending)
            await self._part(scene, split, kept, since=since)
        return ending

    async def let_go(self, scene: Scene, link: Link) -> None:
        """A newcomer was linked with somebody who left the thread at the same moment."""
        among = [identity.id for identity in scene.identities]
        known = await self._store.links(among)
        self._mark(scene, link, by=BySystem(), reason="parted meanwhile")
        split = graph.parts(among, known)
        if len(split) > 1:
            await self._part(scene, split, known, since=_NOTHING_SINCE)

    def _mark(self, scene: Scene, link: Link, *, by: Actor, reason: str) -> None:
        draft = scene.draft
        mark = LinkMark(link=link.id, mark=Mark.ENDED, at=draft.now, by=by, reason=reason)
        draft.mark(mark)
        told = Unlinked(link=link.id, one=link.one, other=link.other, reason=reason)
        for identity in (link.one, link.other):
            if scene.turn.identity(identity) is not None:
                draft.add(told, by=by, identity=identity)

    async def _part(
        self,
        scene: Scene,
        split: Sequence[frozenset[IdentityId]],
        links: Sequence[LinkMade],
        *,
        since: int,
    ) -> None:
        draft, before = scene.draft, scene.draft.state
        placed = graph.threads(scene.identities, split, links, thread=before.thread)
        parts = [
            _Part(
                thread=thread,
                identities=identities,
                links=frozenset(
                    made.link.id for made in links if {made.link.one, made.link.other} <= identities
                ),
                state=ThreadState(thread=thread),
                alone=ThreadState(thread=thread),
            )
            for thread, identities in placed.items()
        ]
        lately: list[Entry] = []
        async for page in entry_pages(self._store, [one.id for one in scene.identities]):
            # So much may have been said that going through it takes seconds: others run meanwhile.
            lately += await asyncio.to_thread(self._sum_up, parts, page, since)
        lately += self._sum_up(parts, draft.entries, since)
        await asyncio.to_thread(self._relive, parts, lately)
        draft.split(
            next(one.state for one in parts if one.thread == before.thread).model_copy(
                update={"version": before.version}
            ),
            [
                Split(state=part.state, identities=tuple(sorted(part.identities)))
                for part in parts
                if part.thread != before.thread
            ],
        )
        for part in parts:
            self._settle_owner(scene, part, lately, before=before)
            self._settle_facets(scene, part)
            self._settle_case(scene, part)
            self._settle_dialogue(scene, part, lately, before=before)

    def _sum_up(self, parts: Sequence[_Part], entries: Sequence[Entry], since: int) -> list[Entry]:
        """Add to what each part's entries add up to; returns those after number `since`.

        What was drafted just now has no number yet.
        """
        lately = [entry for entry in entries if not 0 < entry.seq <= since]
        late = {entry.id for entry in lately}
        for part in parts:
            own = [one for one in entries if one.identity in part.identities]
            part.state = fold(part.state, own, links=part.links)
            early = [one for one in own if one.id not in late]
            part.alone = fold(part.alone, early, links=part.links)
            for entry in entries:
                part.see_case(entry)
        return lately

    def _relive(self, parts: Sequence[_Part], lately: Sequence[Entry]) -> None:
        """Bring each part's facets from before the link to now, as if it had never been linked."""
        because = {
            entry.event: entry.body.because
            for entry in lately
            if isinstance(entry.body, JourneyMoved) and entry.body.because
        }
        for part in parts:
            for entry in lately:
                part.alone = self._relived(part.alone, part, entry, because)

    def _settle_owner(
        self, scene: Scene, part: _Part, lately: Sequence[Entry], *, before: ThreadState
    ) -> None:
        """Whoever was given the thread while it was one keeps the part where that happened.

        The epoch rises in every part: what the bot had still to send knew both.
        """
        draft = scene.draft
        owner = draft.state_of(part.anchor).owner
        changes = [
            entry for entry in lately if isinstance(entry.body, OwnerChanged) and not entry.link
        ]
        if changes:
            mine = changes[-1].identity in part.identities
            owner = before.owner if mine else OwnedByBot()
        changed = OwnerChanged(owner=owner, epoch=before.epoch + 1, reason="unlinked")
        draft.add(changed, by=BySystem(), identity=part.anchor)
        owning.expire_later(draft, self._settings, identity=part.anchor)

    def _settle_case(self, scene: Scene, part: _Part) -> None:
        """A case belongs where it was opened; it stands as it was last put, wherever that was."""
        state = scene.draft.state_of(part.anchor)
        case, last = state.episode, part.last_case
        if case is None and last is None:
            return
        if last is None and case is not None:
            # Only a case of the others was known here.
            last = EpisodeChanged(
                episode=EpisodeId.of(scene.draft.event.id, part.anchor),
                phase=case.phase,
                opened_at=case.opened_at,
                reason="opened",
                until=case.until,
                since=case.changed_at,
                facet=state.facet,
            )
        if last is None:
            return
        stands = case and (case.id, case.phase, case.until, case.facet, case.facet_by)
        wanted = (last.episode, last.phase, last.until, last.facet or PRIVATE, last.facet_by)
        if stands != wanted:
            settled = last.model_copy(update={"reason": "unlinked"})
            scene.draft.add(settled, by=BySystem(), identity=part.anchor)

    def _settle_dialogue(
        self, scene: Scene, part: _Part, lately: Sequence[Entry], *, before: ThreadState
    ) -> None:
        """A form that was answered meanwhile may hold the others' answers: it is dropped.

        Whoever began to write meanwhile goes on in the language that was spoken.
        """
        state = scene.draft.state_of(part.anchor)
        dialogue, language = state.dialogue, None
        if state.language is None and any(
            isinstance(one.body, MessageIn) and one.identity in part.identities for one in lately
        ):
            language = before.language
        if any(isinstance(one.body, DialogueMoved) and not one.link for one in lately):
            dialogue = Dialogue(choices=dialogue.choices)
        if language or dialogue != state.dialogue:
            settled = DialogueMoved(dialogue=dialogue, language=language)
            scene.draft.add(settled, by=BySystem(), identity=part.anchor)

    def _settle_facets(self, scene: Scene, part: _Part) -> None:
        """Each facet is what this part's own messages give, as if it had never been linked."""
        state, alone = scene.draft.state_of(part.anchor), part.alone
        if (state.facet, state.facets) != (alone.facet, alone.facets):
            stands = FacetsStand(facets=alone.facets, facet=alone.facet, reason="unlinked")
            scene.draft.add(stands, by=BySystem(), identity=part.anchor)

    def _relived(
        self,
        alone: ThreadState,
        part: _Part,
        entry: Entry,
        because: Mapping[EventId, tuple[Evidence, ...]],
    ) -> ThreadState:
        """The part's facets after one more entry of the time when it was linked."""
        body, own = entry.body, entry.identity in part.identities
        match body:
            case EpisodeChanged() if own or body.reason == "opened":
                return fold(alone, (entry,), links=part.links)
            case FacetChanged() if own and body.reason is FacetBy.AGENT:
                return fold(alone, (entry,), links=part.links)
            case MessageIn(understanding=Understanding() as read) if own:
                # Entries of before signs were kept tell only what was read.
                signs = because.get(entry.event) or self._journey.heard(
                    read, at=entry.at, identity=entry.identity
                )
                mine = [sign for sign in signs if sign.identity in part.identities]
                return self._heard(alone, read, mine, at=entry.at)
            case JourneyMoved(because=signs) if not own:
                # Told of here, as another customer's message came first.
                if mine := [sign for sign in signs if sign.identity in part.identities]:
                    facet = self._moved(alone.as_persona(alone.facet), mine, at=entry.at)
                    return facets.with_facet(alone, facet)
        return alone

    def _heard(
        self,
        alone: ThreadState,
        read: Understanding,
        signs: Sequence[Evidence],
        *,
        at: AwareDatetime,
    ) -> ThreadState:
        case = alone.episode
        fixed = case is not None and case.facet_by is FacetBy.AGENT
        sure = None if fixed else facets.shown(read.personas, current=alone.facet)
        facet = facets.heard(alone.as_persona(sure.persona if sure else alone.facet), read, at=at)
        facet = self._moved(facet, signs, at=at)
        return facets.standing(alone, facets.with_facet(alone, facet).facets, current=facet.persona)

    def _moved(self, facet: Facet, signs: Sequence[Evidence], *, at: AwareDatetime) -> Facet:
        move = self._journey.moved(Belief(shares=facet.belief, at=facet.belief_at), signs)
        if move is None:
            return facet
        moved = {
            "belief": move.after.shares,
            "belief_at": at,
            "before": move.before.shares,
            "because": move.because,
        }
        return facet.model_copy(update=moved)
