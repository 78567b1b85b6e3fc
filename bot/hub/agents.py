"""What agents do, and the timer that ends an offer nobody took."""

from __future__ import annotations

from bot.hub import episodes, owning, snoozing
from bot.hub.draft import Words
from bot.hub.forms import Forms
from bot.hub.personas import Personas
from bot.hub.router import Line, resumed
from bot.hub.scene import Scene
from bot.hub.settings import HubSettings
from bot.hub.snoozing import SnoozeEvent
from bot.model.event import (
    AgentAccepts,
    AgentHandsBack,
    AgentNotes,
    AgentReplies,
    AgentResolves,
    AgentSetsFacet,
    AgentTransfers,
    CaseQuiet,
    OfferExpired,
    Rejected,
)
from bot.model.facet import FacetBy, FacetChanged
from bot.model.people import ByAgent, BySystem, ChannelIdentity
from bot.model.record import Span
from bot.model.sending import Origin
from bot.model.thread import MessageOut, Note, Offered, OwnedByAgent, OwnedByBot, Phase
from bot.ports import Store

DeskEvent = (
    AgentAccepts
    | AgentReplies
    | AgentNotes
    | AgentHandsBack
    | AgentTransfers
    | AgentResolves
    | AgentSetsFacet
    | OfferExpired
    | CaseQuiet
    | SnoozeEvent
)


# A draft is held against so many entries after what its writer saw; more is too far behind.
_LOOKED_AT = 200


class Agents:
    """Handles every event that comes from the desk."""

    def __init__(
        self, *, store: Store, forms: Forms, personas: Personas, settings: HubSettings
    ) -> None:
        self._store = store
        self._personas = personas
        self._forms = forms
        self._settings = settings

    async def handle(self, scene: Scene, body: DeskEvent) -> None:
        """Put what the event does into the scene's draft."""
        match body:
            case AgentAccepts():
                self._accept(scene, body)
            case AgentReplies():
                await self._reply(scene, body)
            case AgentNotes():
                scene.draft.add(Note(text=body.text), by=body.by)
            case AgentHandsBack():
                self._hand_back(scene, body)
            case AgentTransfers():
                self._transfer(scene, body)
            case AgentResolves():
                self._resolve(scene, body)
            case AgentSetsFacet():
                self._set_facet(scene, body)
            case OfferExpired():
                self._expire(scene, body)
            case CaseQuiet():
                self._give_up(scene, body)
            case _:
                snoozing.handle(scene, body)

    def _accept(self, scene: Scene, body: AgentAccepts) -> None:
        if owning.accept(
            scene.draft, body.by, takeover=body.takeover, natives=owning.natives(scene.identities)
        ):
            episodes.touch(scene.draft, self._settings, by=body.by, heard=False)
            self._introduce(scene, body.by.name)

    async def _reply(self, scene: Scene, body: AgentReplies) -> None:
        draft, owner = scene.draft, scene.draft.state.owner
        natives = owning.natives(scene.identities)
        if isinstance(owner, OwnedByAgent) and owner.agent not in {body.by.agent, *natives}:
            draft.outcome = Rejected(reason="another agent owns this thread", winner=owner.name)
            return
        to = self._recipient(scene, body)
        if to is None:
            draft.outcome = Rejected(reason="this identity is not part of the thread")
            return
        stale = None if body.seen is None else await self._stale(scene, body.by, seen=body.seen)
        if stale is not None:
            draft.outcome = stale
            return
        # A human who writes owns the thread, however the message was sent.
        owning.accept(draft, body.by, takeover=True, natives=natives)
        episodes.touch(draft, self._settings, by=body.by, heard=False)
        words = Words(text=body.text, attachments=body.attachments, language=draft.state.language)
        draft.say(words, by=body.by, origin=Origin.AGENT, to=to.id, author_name=body.by.name)
        episodes.await_customer(draft, by=body.by)

    async def _stale(self, scene: Scene, by: ByAgent, *, seen: int) -> Rejected | None:
        """Why a message written with only this on the screen may not leave, or None."""
        spans = [Span(identity=identity.id) for identity in scene.identities]
        since = await self._store.entries(spans, after=seen, limit=_LOOKED_AT)
        for entry in since:
            colleague = entry.by
            if not isinstance(entry.body, MessageOut) or not isinstance(colleague, ByAgent):
                continue
            if colleague.agent != by.agent:
                return Rejected(reason="a colleague has replied since", winner=colleague.name)
        if len(since) == _LOOKED_AT:
            return Rejected(reason="too much has happened since; read it first")
        return None

    def _recipient(self, scene: Scene, body: AgentReplies) -> ChannelIdentity | None:
        wanted = body.identity or scene.draft.state.active or scene.identity.id
        return scene.turn.identity(wanted)

    def _hand_back(self, scene: Scene, body: AgentHandsBack) -> None:
        if not self._owns(scene, body.by):
            return
        episodes.wake(scene.draft, by=body.by, reason="hand_back")
        owning.give_to_bot(scene.draft, by=body.by, reason="hand_back", note=body.note, afresh=True)
        self._tell(scene, Line(slot="handoff.returned"), rule="handoff.returned")

    def _transfer(self, scene: Scene, body: AgentTransfers) -> None:
        if not self._owns(scene, body.by):
            return
        scene.draft.add(Note(text=body.note), by=body.by)
        episodes.wake(scene.draft, by=body.by, reason="transfer")
        owning.offer(scene.draft, self._settings, by=body.by, reason="transfer", queue=body.queue)

    def _resolve(self, scene: Scene, body: AgentResolves) -> None:
        draft = scene.draft
        owner, episode = draft.state.owner, draft.state.episode
        if isinstance(owner, OwnedByAgent) and not self._owns(scene, body.by):
            return
        if episode is None or episode.phase.over:
            draft.outcome = Rejected(reason="there is no open case")
            return
        episodes.move(draft, episode, Phase.RESOLVED, by=body.by, reason=body.reason)
        if not isinstance(owner, OwnedByBot):
            owning.give_to_bot(draft, by=body.by, reason="resolved", afresh=True)

    def _set_facet(self, scene: Scene, body: AgentSetsFacet) -> None:
        """The agent knows better; what the customer writes does not undo it within the case."""
        draft, case = scene.draft, scene.draft.state.episode
        if body.facet not in self._personas:
            draft.outcome = Rejected(reason="there is no such persona")
            return
        if body.episode is not None and (case is None or case.id != body.episode):
            draft.outcome = Rejected(reason="this is not the latest case")
            return
        belongs = case is None or (case.facet, case.facet_by) == (body.facet, FacetBy.AGENT)
        if draft.state.facet == body.facet and belongs:
            return
        changed = FacetChanged(
            facet=body.facet, reason=FacetBy.AGENT, episode=case.id if case else None
        )
        draft.add(changed, by=body.by)

    def _expire(self, scene: Scene, body: OfferExpired) -> None:
        state = scene.draft.state
        if not isinstance(state.owner, Offered) or state.epoch != body.epoch:
            scene.draft.outcome = Rejected(reason="the offer is no longer open")
            return
        owning.give_to_bot(scene.draft, by=BySystem(), reason="offer_expired")
        again = resumed(self._forms, scene.draft.state.dialogue)
        self._tell(scene, Line(slot="handoff.expired"), *again, rule="handoff.expired")

    def _give_up(self, scene: Scene, body: CaseQuiet) -> None:
        gone = episodes.give_up(scene.draft, self._settings, body)
        if gone and isinstance(scene.draft.state.owner, OwnedByAgent):
            owning.give_to_bot(scene.draft, by=BySystem(), reason="abandoned", afresh=True)

    def _introduce(self, scene: Scene, name: str) -> None:
        line = Line(slot="handoff.accepted", variables=(("agent.name", name),))
        self._tell(scene, line, rule="handoff.accepted")

    def _owns(self, scene: Scene, by: ByAgent) -> bool:
        return owning.owned_by(scene.draft, by, natives=owning.natives(scene.identities))

    def _tell(self, scene: Scene, *lines: Line, rule: str) -> None:
        active = scene.draft.state.active
        scene.notice(*lines, rule=rule, to=scene.turn.identity(active) if active else None)
