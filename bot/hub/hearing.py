"""What a message says, and as whom: it is read, given to a facet, and moves that one's journey."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bot.hub import episodes, facets
from bot.hub.draft import Draft
from bot.hub.journey import SIGNS, Belief, Journey, news
from bot.hub.knowing import Knowing
from bot.hub.personas import Personas
from bot.hub.settings import HubSettings
from bot.model.facet import FacetBy, FacetChanged
from bot.model.ids import IdentityId
from bot.model.people import BySystem
from bot.model.thread import JourneyMoved, ThreadState
from bot.model.understanding import PersonaShare, Understanding, Utterance
from bot.model.value import Value
from bot.ports import Nlu

_LATELY: Final = 100


class Spoken(Value):
    """As whom a message was said; `sure` when its own words show it."""

    facet: str
    sure: PersonaShare | None = None


class Hearing:
    """Listens to what customers write."""

    def __init__(
        self, *, nlu: Nlu, knowing: Knowing, personas: Personas, settings: HubSettings
    ) -> None:
        self._nlu = nlu
        self._knowing = knowing
        self._journey = Journey(settings)
        self._personas = personas
        self._settings = settings

    async def read(self, text: str, state: ThreadState) -> Understanding | None:
        """What was read in a text; None when there is nothing to read."""
        if not text.strip():
            return None
        (read,) = await self._nlu.read([Utterance(text=text, language=state.language)])
        language = read.language or state.language
        personas = self._personas.shown(text, language=language, entities=read.entities)
        return read.model_copy(update={"personas": personas})

    def speaker(self, draft: Draft, read: Understanding | None) -> Spoken:
        """As whom this is said: as before, unless the words show another persona for sure.

        While a case goes on that an agent gave to a facet, everything in it is that facet's.
        """
        case = episodes.going_on(draft, self._settings)
        if case is not None and case.facet_by is FacetBy.AGENT:
            return Spoken(facet=case.facet)
        current = draft.state.facet
        sure = facets.shown(read.personas, current=current) if read else None
        return Spoken(facet=sure.persona if sure else current, sure=sure)

    def settle(self, draft: Draft, spoken: Spoken) -> None:
        """From here on the customer speaks as this persona; a case that is nobody's is theirs."""
        case, sure = draft.state.episode, spoken.sure
        unsettled = case if sure and case and case.facet_by is None else None
        if spoken.facet == draft.state.facet and unsettled is None:
            return
        changed = FacetChanged(
            facet=spoken.facet,
            reason=FacetBy.CUE if sure else FacetBy.AGENT,
            quote=sure.quote if sure else "",
            episode=unsettled.id if unsettled else None,
        )
        draft.add(changed, by=BySystem())

    async def move_journey(
        self,
        draft: Draft,
        read: Understanding | None,
        spoken: Spoken,
        identities: Sequence[IdentityId],
    ) -> None:
        """Let the message, and what happened since, move the belief of the facet it belongs to."""
        facet = draft.state.as_persona(spoken.facet)
        found = await self._knowing.facts(identities, kinds=SIGNS, limit=_LATELY)
        signs = self._journey.seen(news(draft.state, spoken.facet, found), now=draft.now)
        signs += self._journey.heard(read, at=draft.now, identity=draft.event.identity)
        move = self._journey.moved(Belief(shares=facet.belief, at=facet.belief_at), signs)
        if move:
            moved = JourneyMoved(
                belief=move.after.shares,
                evidence=move.summary,
                facet=spoken.facet,
                before=move.before.shares,
                because=move.because,
            )
            draft.add(moved, by=BySystem())
